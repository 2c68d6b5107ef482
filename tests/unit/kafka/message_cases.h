// Every message of the Kafka wire behind one type, so that a test can run over all of them.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "net/kafka/api.h"

namespace duolog::kafka::test {

using Rng = std::mt19937_64;

struct MessageCase {
  std::string_view name;
  ApiKey key;
  Versions versions;
  // A random message's bytes.
  std::vector<std::uint8_t> (*random)(Rng& rng, std::int16_t version);
  // Encodes a random message and decodes it: true if it came back, with the defaults in the
  // fields that this version does not have, and encodes to the same bytes again.
  bool (*round_trips)(Rng& rng, std::int16_t version);
  // Decodes `bytes`; where that works, what comes out must encode and decode again.
  Result<void> (*decode)(Bytes bytes, std::int16_t version);

  [[nodiscard]] bool is_request() const { return name.ends_with("Request"); }
};

[[nodiscard]] std::span<const MessageCase> message_cases();

// Calls visit(case, version) for every version of every message.
template <class Visit>
void for_each_version(Visit visit) {
  for (const MessageCase& message : message_cases()) {
    for (int v = message.versions.first; v <= message.versions.last; ++v) {
      visit(message, static_cast<std::int16_t>(v));
    }
  }
}

// The seed of a run: DUOLOG_SEED, or always the same one.
[[nodiscard]] std::uint64_t seed();

// "00ff 10" -> 00 ff 10. Blanks are for people.
[[nodiscard]] std::vector<std::uint8_t> from_hex(std::string_view text);
[[nodiscard]] std::string to_hex(Bytes bytes);

}  // namespace duolog::kafka::test
