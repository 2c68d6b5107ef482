// Refusal: why a request, or a part of it, is not done; and the checks that several requests share.
//
// Values; any thread.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/kafka/errors.h"

namespace duolog::session {

struct Refusal {
  kafka::ErrorCode error = kafka::ErrorCode::kNone;  // kNone: it is done
  std::string message{};
};

// Whether `name` is the number of this broker, `here`.
[[nodiscard]] inline Refusal check_broker_id(std::string_view name, std::int32_t here) {
  std::int32_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error != std::errc() || end != name.data() + name.size()) {
    return {kafka::ErrorCode::kInvalidRequest,
            "Broker id must be an integer, but it is: " + std::string(name)};
  }
  if (id == here) return {};
  return {kafka::ErrorCode::kInvalidRequest, "Unexpected broker id, expected " +
                                                 std::to_string(here) + ", but received " +
                                                 std::string(name)};
}

}  // namespace duolog::session
