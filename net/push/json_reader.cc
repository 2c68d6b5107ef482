#include "net/push/json_reader.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

#include "engine/base/check.h"
#include "net/push/base64.h"

namespace duolog::push {

std::optional<std::int64_t> parse_digits(std::string_view text) {
  std::int64_t number = 0;
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  const char* const text_end = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), text_end, number);
  if (error != std::errc{} || end != text_end) return std::nullopt;
  return number;
}

std::optional<std::int64_t> parse_offset(const JsonValue& value) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return parse_digits(text);
  std::uint64_t number = 0;
  if (value.get(number) != simdjson::SUCCESS || number > kMaxNumber) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

// simdjson refuses what is as deep as its limit.
JsonReader::Document::Document(std::size_t text_bytes) {
  CHECK(parser.allocate(text_bytes, CommandParser::kMaxDepth + 1) == simdjson::SUCCESS);
  CHECK(parser.doc.allocate(text_bytes) == simdjson::SUCCESS);
  text.reserve(text_bytes + simdjson::SIMDJSON_PADDING);
}

bool JsonReader::parse(std::string_view text, JsonValue& value) {
  large_.reset();
  refusal_.id.reset();
  Document& document = text.size() <= kKeptTextBytes ? kept_ : large_.emplace(text.size());
  document.text.clear();
  document.text.append(as_bytes(text));
  document.text.resize(text.size() + simdjson::SIMDJSON_PADDING);
  std::memset(document.text.data() + text.size(), 0, simdjson::SIMDJSON_PADDING);
  const auto error = document.parser.parse(document.text.data(), text.size(), false).get(value);
  if (error == simdjson::SUCCESS) return true;
  if (error == simdjson::DEPTH_ERROR) {
    return refuse("JSON", "deeper than " + std::to_string(CommandParser::kMaxDepth),
                  ErrorCode::kLimit);
  }
  return refuse("not JSON", simdjson::error_message(error));
}

bool JsonReader::find(const JsonValue& object, std::span<Member> members) {
  simdjson::dom::object fields;
  if (object.get(fields) != simdjson::SUCCESS) return refuse("", "must be an object");
  for (const auto& [name, value] : fields) {
    const auto member = std::ranges::find(members, name, &Member::name);
    if (member == members.end()) continue;
    if (member->seen) return refuse(name, "given twice");
    member->seen = true;
    member->given = !value.is_null();
    member->value = value;
  }
  return true;
}

bool JsonReader::required(const Member& member) {
  return member.given || refuse(member.name, "missing");
}

bool JsonReader::text(const Member& member, std::string_view& out) {
  if (!member.given || member.value.get(out) == simdjson::SUCCESS) return true;
  return refuse(member.name, "must be a string");
}

bool JsonReader::array(const Member& member, JsonArray& out) {
  if (!member.given || member.value.get(out) == simdjson::SUCCESS) return true;
  return refuse(member.name, "must be an array");
}

bool JsonReader::whole_number(std::string_view name, const JsonValue& value, std::uint64_t max,
                              std::uint64_t& out) {
  if (value.get(out) == simdjson::SUCCESS && out <= max) return true;
  return refuse(name, "must be a whole number from 0 to " + std::to_string(max));
}

bool JsonReader::bytes(const Member& plain, const Member& base64,
                       std::optional<std::string_view>& out) {
  if (plain.seen && base64.seen) return refuse(base64.name, "given twice, also without _b64");
  const Member& member = base64.seen ? base64 : plain;
  if (!member.given) return true;
  std::string_view content;
  if (!text(member, content)) return false;
  if (base64.seen) {
    // Strings lie in the document's own memory, each in its own place; this one is not read again.
    auto* const place = reinterpret_cast<std::uint8_t*>(const_cast<char*>(content.data()));
    const auto size = decode_base64(content, place);
    if (!size) return refuse(member.name, "must be base64, with its padding");
    content = content.substr(0, *size);
  }
  out = content;
  return true;
}

bool JsonReader::refuse(std::string_view name, std::string_view what, ErrorCode code) {
  refusal_.code = code;
  refusal_.message.assign(name).append(": ").append(what);
  return false;
}

bool JsonReader::within(std::string_view where) {
  std::string& message = refusal_.message;
  if (!message.starts_with(':')) message.insert(0, ".");
  message.insert(0, where);
  return false;
}

bool JsonReader::within(std::string_view where, std::size_t index) {
  within("[" + std::to_string(index) + "]");
  refusal_.message.insert(0, where);
  return false;
}

}  // namespace duolog::push
