// CRC-32C (Castagnoli), the checksum of record batch v2, with the CPU's crc32 instruction.
//
// Source: RFC 3720 appendix B.4; Kafka's record batch format, field `crc`.
#pragma once

#include <cstdint>

#include "engine/base/bytes.h"

namespace duolog {

// The checksum of `bytes`, continuing from `previous` (the checksum of what came before, or 0).
// Long inputs run three interleaved streams, which hides the instruction's latency.
[[nodiscard]] std::uint32_t crc32c(Bytes bytes, std::uint32_t previous = 0);

}  // namespace duolog
