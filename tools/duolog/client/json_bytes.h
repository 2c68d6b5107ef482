// Bytes in JSON: text where they are valid UTF-8, else base64, in a field that says so. Pure
// functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace duolog::tools {

using OrderedJson = nlohmann::ordered_json;

// object["key"] = "text", null, or object["key_b64"] = "AAEC".
void put_bytes(OrderedJson& object, const std::string& name,
               const std::optional<std::string_view>& bytes);

}  // namespace duolog::tools
