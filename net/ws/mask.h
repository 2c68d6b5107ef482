// Masking of WebSocket payloads (RFC 6455 section 5.3); unmasking is the same operation.
#pragma once

#include <cstdint>

#include "engine/base/bytes.h"

namespace duolog::ws {

// The four bytes of the masking key in the order of the wire.
using MaskKey = std::uint32_t;  // load_le of the key's bytes

// XORs `payload` in place with `key`, where payload[0] is byte `offset` of its frame's payload.
// 16 bytes at a time; reads and writes nothing outside of `payload`.
void apply_mask(MutableBytes payload, MaskKey key, std::uint64_t offset);

}  // namespace duolog::ws
