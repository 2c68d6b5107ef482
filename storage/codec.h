// The compression codecs of Kafka's record batches.
//
// Free functions for any thread; each thread keeps its own decoder state, created at its first use
// of a codec (gzip 40 KiB, zstd 160 KiB, lz4 up to 8 MiB for frames of 4 MiB blocks).
// Source: Kafka's message format, "attributes"; RFC 1952; snappy's format description and
// snappy-java's SnappyOutputStream; the LZ4 frame format; RFC 8878.
#pragma once

#include <cstdint>

#include "engine/base/buffer.h"
#include "engine/base/bytes.h"
#include "engine/base/result.h"

namespace duolog::storage {

// Bits 0 to 2 of a batch's attributes; 5 to 7 are values that nobody has defined.
enum class Codec : std::uint8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };

[[nodiscard]] constexpr bool is_known(Codec codec) { return codec <= Codec::kZstd; }

// What the records of one batch may inflate to, unless a caller says otherwise.
inline constexpr std::size_t kMaxInflatedBytes = 64U << 20;

// Replaces the content of `out` by what `input` inflates to; kNone copies. `out` grows as the
// output does, never beyond `limit_bytes`, whatever sizes the input declares.
//   gzip: one or more members.  snappy: one raw block, or snappy-java's ("xerial") framing.
//   lz4: one or more frames, with the header checksum as specified.  zstd: one or more frames,
//   with or without a content size.
// Errors: kTooLarge when the output would exceed `limit_bytes`, kCorrupt when the input is
// damaged, cut off or followed by something else, kUnsupported for an unknown codec. `out` is
// unspecified then.
[[nodiscard]] Result<void> decompress(Codec codec, Bytes input, std::size_t limit_bytes,
                                      Buffer& out);

// Replaces the content of `out` by `input` compressed at the codec's default level; snappy as one
// raw block, which every Kafka client reads. For tools and tests: no state is kept. `input` is at
// most 1 GiB (kTooLarge). kUnsupported for an unknown codec.
[[nodiscard]] Result<void> compress(Codec codec, Bytes input, Buffer& out);

}  // namespace duolog::storage
