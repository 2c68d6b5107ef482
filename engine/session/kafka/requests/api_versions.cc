#include "net/kafka/api_versions.h"

#include <algorithm>

#include "engine/session/kafka/connection.h"
#include "engine/session/kafka/requests/handlers.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
constexpr std::int16_t kFirstVersionWithSoftware = 3;  // KIP-511

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// KIP-511: [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?
bool is_software_name(std::string_view text) {
  return !text.empty() && is_letter_or_digit(text.front()) && is_letter_or_digit(text.back()) &&
         std::ranges::all_of(text,
                             [](char c) { return is_letter_or_digit(c) || c == '-' || c == '.'; });
}

// In version 0, which every client can read, with the one range it needs to ask again.
void answer_unsupported(ResponseSlot& slot) {
  auto own = slot.arena.make<kafka::ApiVersionsResponse::ApiVersion>(1);
  own[0] = {.api_key = static_cast<std::int16_t>(slot.api->key),
            .min_version = slot.api->advertised_first,
            .max_version = slot.api->versions.last};
  slot.version = 0;
  slot.connection.count_error(ErrorCode::kUnsupportedVersion);
  slot.connection.answer(slot, kafka::ApiVersionsResponse{
                                   .error_code = ErrorCode::kUnsupportedVersion, .api_keys = own});
}

}  // namespace

// Of any version: one that is not in the table is answered in version 0 with UNSUPPORTED_VERSION
// and our own range (KIP-511).
Result<void> api_versions(ResponseSlot& slot, kafka::Reader& reader) {
  if (!slot.api->versions.has(slot.version)) {
    answer_unsupported(slot);
    return {};
  }
  kafka::ApiVersionsRequest request;
  if (auto decoded = kafka::decode(reader, slot.version, request); !decoded) return decoded;
  kafka::ApiVersionsResponse response;
  if (slot.version >= kFirstVersionWithSoftware &&
      (!is_software_name(request.client_software_name) ||
       !is_software_name(request.client_software_version))) {
    response.error_code = ErrorCode::kInvalidRequest;
  } else {
    response.api_keys = kafka::advertised_apis(slot.arena);
  }
  slot.connection.count_error(response.error_code);
  slot.connection.answer(slot, response);
  return {};
}

}  // namespace duolog::session
