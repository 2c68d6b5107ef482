#include "storage/codec_frame.h"

#include <zstd.h>

namespace duolog::storage {
namespace {

// ---- lz4 ----------------------------------------------------------------------------------------

constexpr std::uint32_t kLz4Magic = 0x184D2204;
constexpr std::size_t kLz4HeaderBytes = 7;  // magic, flags, block size, header checksum
constexpr std::uint8_t kLz4Version = 0x40;
constexpr std::uint8_t kLz4VersionMask = 0xC0;
constexpr std::uint8_t kLz4Independent = 0x20;
constexpr std::uint8_t kLz4BlockChecksums = 0x10;
constexpr std::uint8_t kLz4ContentSize = 0x08;
constexpr std::uint8_t kLz4ContentChecksum = 0x04;
constexpr std::uint8_t kLz4Reserved = 0x03;  // one of them says that there is a dictionary
constexpr std::uint32_t kLz4NotCompressed = 0x8000'0000;

// Walks the blocks by their lengths.
Result<void> check_lz4(Bytes input) {
  const auto damaged = fail(Errc::kCorrupt, "damaged lz4 data");
  if (input.size() < kLz4HeaderBytes || load_le<std::uint32_t>(input.data()) != kLz4Magic) {
    return damaged;
  }
  const std::uint8_t flags = input[sizeof kLz4Magic];
  if ((flags & kLz4VersionMask) != kLz4Version) return damaged;
  if ((flags & kLz4Independent) == 0) {
    return fail(Errc::kCorrupt, "lz4 blocks that depend on each other");
  }
  if ((flags & kLz4Reserved) != 0) return fail(Errc::kCorrupt, "lz4 data with a dictionary");
  std::size_t at = kLz4HeaderBytes + ((flags & kLz4ContentSize) != 0 ? 8 : 0);
  const std::size_t behind_block = (flags & kLz4BlockChecksums) != 0 ? 4 : 0;
  for (;;) {
    if (input.size() < at + sizeof(std::uint32_t)) return damaged;
    const auto word = load_le<std::uint32_t>(input.data() + at);
    at += sizeof word;
    if (word == 0) break;
    at += (word & ~kLz4NotCompressed) + behind_block;
  }
  at += (flags & kLz4ContentChecksum) != 0 ? 4 : 0;
  if (at > input.size()) return damaged;
  if (at < input.size()) return fail(Errc::kCorrupt, "bytes behind the lz4 frame");
  return {};
}

// ---- zstd ---------------------------------------------------------------------------------------

constexpr std::uint32_t kZstdMagic = 0xFD2FB528;
constexpr std::uint8_t kZstdSingleSegment = 0x20;  // the window is the content: limited elsewhere
constexpr int kLargestWindowLog = 27;
constexpr int kLeastWindowLog = 10;

Result<void> check_zstd(Bytes input) {
  while (!input.empty()) {
    const std::size_t size = ZSTD_findFrameCompressedSize(input.data(), input.size());
    if (ZSTD_isError(size) != 0) return fail(Errc::kCorrupt, "damaged zstd data");
    constexpr std::size_t kUpToWindow = sizeof kZstdMagic + 2;  // a flag byte, then the window
    if (size >= kUpToWindow && load_le<std::uint32_t>(input.data()) == kZstdMagic &&
        (input[sizeof kZstdMagic] & kZstdSingleSegment) == 0) {
      // An exponent of five bits, and eighths of that power.
      const std::uint8_t window = input[sizeof kZstdMagic + 1];
      const int log = kLeastWindowLog + (window >> 3);
      if (log > kLargestWindowLog || (log == kLargestWindowLog && (window & 7) != 0)) {
        return fail(Errc::kCorrupt, "a zstd window of more than 128 MiB");
      }
    }
    input = input.subspan(size);
  }
  return {};
}

}  // namespace

Result<void> check_frame(Codec codec, Bytes input) {
  switch (codec) {
    case Codec::kLz4:
      return check_lz4(input);
    case Codec::kZstd:
      return check_zstd(input);
    default:
      return {};
  }
}

}  // namespace duolog::storage
