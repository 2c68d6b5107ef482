// Field: one row of a message's table, the declarative description from which codec.h encodes
// and decodes every version of it.
//
//   struct ListOffsetsRequest {
//     std::int32_t replica_id = -1;
//     std::int8_t isolation_level = 0;
//     static constexpr auto kFields = Fields{
//         field<&ListOffsetsRequest::replica_id>(since(0)),
//         field<&ListOffsetsRequest::isolation_level>(since(2))};
//   };
//
// The rows stand in the order of the wire. A field's default, which it has in versions without
// it, is its member initialiser; its name, for error messages, is the member's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

namespace duolog::kafka {

// A range of versions, both ends included; empty where first > last.
struct Versions {
  std::int16_t first = 1;
  std::int16_t last = 0;
  [[nodiscard]] constexpr bool has(std::int16_t version) const {
    return first <= version && version <= last;
  }
};

inline constexpr Versions kNoVersions{};

[[nodiscard]] constexpr Versions since(std::int16_t first) {
  return {first, std::numeric_limits<std::int16_t>::max()};
}
[[nodiscard]] constexpr Versions range(std::int16_t first, std::int16_t last) {
  return {first, last};
}

inline constexpr std::int32_t kNoTag = -1;

template <class S, class M>
struct Field {
  M S::* member;
  std::string_view (*name)();  // asked for by the codec only: making it takes time to compile
  Versions versions;
  Versions nullable_versions = kNoVersions;
  std::int32_t tag = kNoTag;
  bool never_compact = false;

  // null is a legal value in these versions.
  [[nodiscard]] constexpr Field nullable(Versions in) const {
    Field field = *this;
    field.nullable_versions = in;
    return field;
  }
  // KIP-482: the field travels in the tag section, and only when it is not its default.
  [[nodiscard]] constexpr Field tagged(std::int32_t number) const {
    Field field = *this;
    field.tag = number;
    return field;
  }
  // The field keeps its old encoding in flexible versions too; the header's client id does.
  [[nodiscard]] constexpr Field uncompact() const {
    Field field = *this;
    field.never_compact = true;
    return field;
  }
  [[nodiscard]] constexpr bool is_tagged() const { return tag != kNoTag; }
};

// A message's table. std::tuple would do, but every file that sees a message compiles its table,
// and this takes a fraction of the time.
template <std::size_t I, class F>
struct FieldAt {
  F row;
};
template <class Indices, class... F>
struct Fields;
template <std::size_t... I, class... F>
struct Fields<std::index_sequence<I...>, F...> : FieldAt<I, F>... {
  static constexpr std::size_t kCount = sizeof...(F);
  consteval explicit Fields(const F&... rows) : FieldAt<I, F>{rows}... {}
};
template <class... F>
Fields(const F&...) -> Fields<std::index_sequence_for<F...>, F...>;

template <std::size_t I, class F>
[[nodiscard]] constexpr const F& row_at(const FieldAt<I, F>& table) {
  return table.row;
}

namespace detail {

// The last component of the qualified name that follows `marker` in a compiler's function name.
constexpr std::string_view last_name(std::string_view text, std::string_view marker) {
  text.remove_prefix(text.find(marker) + marker.size());
  text = text.substr(0, text.find_first_of(";])"));
  const auto colons = text.rfind(':');
  return colons == std::string_view::npos ? text : text.substr(colons + 1);
}

template <auto Member>
constexpr std::string_view member_name() {
  return last_name(__PRETTY_FUNCTION__, "Member = ");
}

template <class Message>
consteval std::string_view message_name() {
  return last_name(__PRETTY_FUNCTION__, "Message = ");
}

template <class S, class M>
constexpr Field<S, M> make_field(M S::* member, std::string_view (*name)(), Versions versions) {
  return {.member = member, .name = name, .versions = versions};
}

}  // namespace detail

template <auto Member>
[[nodiscard]] consteval auto field(Versions versions) {
  return detail::make_field(Member, detail::member_name<Member>, versions);
}

}  // namespace duolog::kafka
