// JsonReader: the text of one JSON object in, its members out, as the values commands are made of.
//
// CommandParser's, and the only file that knows simdjson. The whole text is checked before anything
// is read from it, so that a text that is cut, or wrong in a member that nobody reads, is no JSON.
// A function that returns false has said why in `refusal()`, by the name of the member; who reads a
// list or an object around it adds its name: within().
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <simdjson.h>

#include "engine/base/buffer.h"
#include "net/push/command_parser.h"

namespace duolog::push {

using JsonValue = simdjson::dom::element;
using JsonArray = simdjson::dom::array;

inline constexpr std::uint64_t kMaxNumber = (1ULL << 53) - 1;  // exact in every client
inline constexpr std::uint64_t kMaxInt32 = 0x7FFF'FFFF;

// A member that a command reads, found by its name. Null is as good as left out.
struct Member {
  std::string_view name;
  bool seen = false;
  bool given = false;  // seen, and not null
  JsonValue value{};
};

// A number of decimal digits, without a sign.
[[nodiscard]] std::optional<std::int64_t> parse_digits(std::string_view text);
// An offset: digits in a string, or a number up to kMaxNumber.
[[nodiscard]] std::optional<std::int64_t> parse_offset(const JsonValue& value);

class JsonReader {
 public:
  // Texts of up to this size are parsed in memory that is kept, 15 times as large and a little
  // more. What a larger one needs is given back at the next call.
  static constexpr std::size_t kKeptTextBytes = 3U << 10;
  static constexpr std::size_t kKeptBytes = 15 * kKeptTextBytes + (2U << 10);

  // Parses `text`. What was read from it stays until the next call.
  [[nodiscard]] bool parse(std::string_view text, JsonValue& value);

  // Looks for `members` in `object`. False if that is no object, or has one of them twice.
  [[nodiscard]] bool find(const JsonValue& object, std::span<Member> members);

  [[nodiscard]] bool required(const Member& member);

  // These leave `out` as it is when the member is not given.
  [[nodiscard]] bool text(const Member& member, std::string_view& out);
  [[nodiscard]] bool array(const Member& member, JsonArray& out);
  template <class Number>
  [[nodiscard]] bool number(const Member& member, std::uint64_t max, std::optional<Number>& out);
  // Bytes: a string or, in `base64`, their base64, which is decoded where it is; not both.
  [[nodiscard]] bool bytes(const Member& plain, const Member& base64,
                           std::optional<std::string_view>& out);

  [[nodiscard]] bool whole_number(std::string_view name, const JsonValue& value, std::uint64_t max,
                                  std::uint64_t& out);

  // Sets the refusal: "name: what". Returns false.
  bool refuse(std::string_view name, std::string_view what,
              ErrorCode code = ErrorCode::kBadRequest);
  // Adds to a refusal where the object or list is: "where.name: what", "where[3].name: what".
  bool within(std::string_view where);
  bool within(std::string_view where, std::size_t index);

  [[nodiscard]] Refusal& refusal() { return refusal_; }

 private:
  struct Document {
    explicit Document(std::size_t text_bytes);

    simdjson::dom::parser parser;
    Buffer text;  // with the bytes behind it that simdjson may read
  };

  Document kept_{kKeptTextBytes};
  std::optional<Document> large_;
  Refusal refusal_;
};

template <class Number>
bool JsonReader::number(const Member& member, std::uint64_t max, std::optional<Number>& out) {
  if (!member.given) return true;
  std::uint64_t number = 0;
  if (!whole_number(member.name, member.value, max, number)) return false;
  if constexpr (std::integral<Number>) {
    out = static_cast<Number>(number);
  } else {
    out = Number(static_cast<typename Number::rep>(number));
  }
  return true;
}

}  // namespace duolog::push
