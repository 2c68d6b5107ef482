// What every reader of Kafka's batches can read, beyond what the codecs' formats allow.
//
// Java's clients read one lz4 frame of independent blocks, and zstd windows of at most 128 MiB;
// brokers refuse the rest. A function for any thread, which inflates nothing.
// Source: Kafka's Lz4BlockInputStream; the LZ4 frame format; RFC 8878 section 3.1.1.
#pragma once

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "storage/codec.h"

namespace duolog::storage {

// kCorrupt: `input`, a batch's compressed records, is nothing that decompress() takes, or only some
// readers do. Success says nothing of what is inside.
[[nodiscard]] Result<void> check_frame(Codec codec, Bytes input);

}  // namespace duolog::storage
