// The text form of every type that a setting may have: reading, bounds, writing.
#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <type_traits>
#include <utility>

#include "engine/base/text.h"
#include "engine/server/config_property.h"

namespace duolog::server {

namespace {

struct Suffix {
  std::string_view text;
  std::uint64_t factor;  // of the unit's smallest suffix
};

// Largest first, so that writing finds the largest that leaves a value whole.
constexpr auto kByteSuffixes = std::to_array<Suffix>(
    {{"TiB", 1024 * kGiB}, {"GiB", kGiB}, {"MiB", kMiB}, {"KiB", kKiB}, {"B", 1}});
constexpr auto kTimeSuffixes = std::to_array<Suffix>({{"d", 86'400'000'000},
                                                      {"h", 3'600'000'000},
                                                      {"m", 60'000'000},
                                                      {"s", 1'000'000},
                                                      {"ms", 1000},
                                                      {"us", 1}});

// In the order of their enumerators.
constexpr auto kBusyPolls = std::to_array<std::string_view>({"never", "adaptive", "always"});
constexpr auto kLogLevels =
    std::to_array<std::string_view>({"trace", "debug", "info", "warning", "error", "off"});
static_assert(kBusyPolls.size() == static_cast<std::size_t>(BusyPoll::kAlways) + 1);
static_assert(kLogLevels.size() == static_cast<std::size_t>(LogLevel::kOff) + 1);

std::span<const std::string_view> words_of(BusyPoll) { return kBusyPolls; }
std::span<const std::string_view> words_of(LogLevel) { return kLogLevels; }

std::span<const Suffix> suffixes(Unit unit) {
  if (unit == Unit::kNone) return {};
  if (unit == Unit::kBytes) return kByteSuffixes;
  return kTimeSuffixes;
}

// How many of the smallest suffix one of the property's own unit is.
std::uint64_t unit_factor(Unit unit) { return unit == Unit::kMilliseconds ? 1000 : 1; }

std::string quote(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string join(std::span<const std::string_view> words, std::string_view separator) {
  std::string joined;
  for (const std::string_view word : words) {
    if (!joined.empty()) joined += separator;
    joined += word;
  }
  return joined;
}

std::string number_text(const Property& property, std::uint64_t value) {
  const std::uint64_t own = unit_factor(property.number.unit);
  for (const Suffix& suffix : suffixes(property.number.unit)) {
    const bool whole = suffix.factor >= own && value % (suffix.factor / own) == 0;
    if (whole && value != 0) {
      return std::to_string(value / (suffix.factor / own)) + std::string(suffix.text);
    }
  }
  return std::to_string(value);
}

Result<std::uint64_t> parse_number(const Property& property, std::string_view text) {
  std::uint64_t number = 0;
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view rest = text.substr(static_cast<std::size_t>(stopped - text.data()));
  while (rest.starts_with(' ')) rest.remove_prefix(1);

  const std::span<const Suffix> known = suffixes(property.number.unit);
  const std::uint64_t own = unit_factor(property.number.unit);
  std::uint64_t factor = own;
  bool understood = error == std::errc{};
  if (!rest.empty()) {
    const auto suffix = std::ranges::find(known, rest, &Suffix::text);
    understood = understood && suffix != known.end();
    if (understood) factor = suffix->factor;
  }
  if (!understood) {
    std::string message = quote(text) + " is not a whole number";
    if (!known.empty()) {
      message += known.data() == kByteSuffixes.data() ? ", as in 64MiB (B, KiB, MiB, GiB, TiB)"
                                                      : ", as in 500ms (us, ms, s, m, h, d)";
    }
    return fail(Errc::kInvalid, message);
  }
  std::uint64_t scaled = 0;
  const bool overflow = __builtin_mul_overflow(number, factor, &scaled);
  if (overflow || scaled / own > property.number.max) {
    return fail(Errc::kInvalid, quote(text) + " is more than " +
                                    number_text(property, property.number.max) +
                                    ", the most allowed");
  }
  if (scaled % own != 0 || scaled / own < property.number.min) {
    return fail(Errc::kInvalid,
                quote(text) + " is less than " +
                    number_text(property, std::max<std::uint64_t>(property.number.min, 1)) +
                    ", the least allowed");
  }
  return scaled / own;
}

template <class T>
concept Number = std::integral<T> && !std::same_as<T, bool>;

// A number as it is written, from what is kept, and the other way round.
template <Number T>
std::uint64_t to_written(const NumberForm& form, T value) {
  if (form.zero_is_unlimited && std::cmp_less(value, 0)) return 0;
  return static_cast<std::uint64_t>(value) / form.factor;
}
template <Number T>
T to_kept(const NumberForm& form, std::uint64_t number) {
  if (form.zero_is_unlimited && number == 0) return static_cast<T>(-1);
  return static_cast<T>(number * form.factor);
}

template <class Enum>
Result<Enum> parse_word(std::string_view text) {
  const std::span<const std::string_view> words = words_of(Enum{});
  const auto word = std::ranges::find(words, text);
  if (word == words.end()) {
    return fail(Errc::kInvalid, quote(text) + " is not one of " + join(words, ", "));
  }
  return static_cast<Enum>(word - words.begin());
}

template <class T>
Result<void> store(Result<T> parsed, T& into) {
  if (!parsed) return std::unexpected(std::move(parsed).error());
  into = *std::move(parsed);
  return {};
}

// One overload for each alternative of Property::Field.
Result<void> read(const Property&, std::string& into, std::string_view text) {
  if (text.empty()) return fail(Errc::kInvalid, "'' is empty");
  into = text;
  return {};
}

Result<void> read(const Property&, HostPort& into, std::string_view text) {
  return store(parse_host_port(text), into);
}

Result<void> read(const Property& property, std::optional<HostPort>& into, std::string_view text) {
  into.reset();
  if (text.empty()) return {};
  return read(property, into.emplace(), text);
}

Result<void> read(const Property&, bool& into, std::string_view text) {
  if (text != "true" && text != "false") {
    return fail(Errc::kInvalid, quote(text) + " is not true or false");
  }
  into = text == "true";
  return {};
}

template <Number T>
Result<void> read(const Property& property, T& into, std::string_view text) {
  const auto parsed = parse_number(property, text);
  if (!parsed) return std::unexpected(parsed.error());
  into = to_kept<T>(property.number, *parsed);
  return {};
}

template <class Enum>
  requires std::is_enum_v<Enum>
Result<void> read(const Property&, Enum& into, std::string_view text) {
  return store(parse_word<Enum>(text), into);
}

Result<void> read(const Property& property, std::vector<std::string>& into, std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = trimmed(text.substr(0, comma), " ");
    if (item.empty()) return fail(Errc::kInvalid, "the list has an empty item");
    if (property.check_item != nullptr) {
      if (auto good = property.check_item(item); !good) return good;
    }
    items.emplace_back(item);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  into = std::move(items);
  return {};
}

std::string write(const Property&, const std::string& value) { return value; }
std::string write(const Property&, const HostPort& value) { return to_string(value); }
std::string write(const Property&, const std::optional<HostPort>& value) {
  return value ? to_string(*value) : "";
}
std::string write(const Property&, bool value) { return value ? "true" : "false"; }
template <Number T>
std::string write(const Property& property, T value) {
  return number_text(property, to_written(property.number, value));
}
template <class Enum>
  requires std::is_enum_v<Enum>
std::string write(const Property&, Enum value) {
  return std::string(words_of(value)[static_cast<std::size_t>(value)]);
}
std::string write(const Property&, const std::vector<std::string>& value) {
  const std::vector<std::string_view> items(value.begin(), value.end());
  return join(items, ",");
}

// One overload for each alternative, again: what help shows in place of a value.
std::string form(const Property&, const std::string&) { return "PATH"; }
std::string form(const Property&, const HostPort&) { return "HOST:PORT"; }
std::string form(const Property&, const std::optional<HostPort>&) { return "HOST:PORT"; }
std::string form(const Property&, bool) { return "true|false"; }
template <Number T>
std::string form(const Property& property, T) {
  if (property.number.unit == Unit::kNone) return "N";
  return property.number.unit == Unit::kBytes ? "SIZE" : "TIME";
}
template <class Enum>
  requires std::is_enum_v<Enum>
std::string form(const Property&, Enum value) {
  return join(words_of(value), "|");
}
std::string form(const Property&, const std::vector<std::string>&) { return "A,B,..."; }

// And what Kafka's clients see, where that differs.
template <class T>
std::string kafka_text(const Property& property, const T& value) {
  return write(property, value);
}
template <Number T>
std::string kafka_text(const Property& property, const T& value) {
  const NumberForm& form = property.number;
  if (form.zero_is_unlimited && std::cmp_less(value, 0)) return "-1";
  return std::to_string(to_written(form, value));
}

// A place only points: what is constant stays so.
template <class T>
const T& value_at(Place<T> place, const Config& config) {
  return place(const_cast<Config&>(config));
}

}  // namespace

Result<void> set_property(const Property& property, Config& config, std::string_view text) {
  return std::visit([&](auto place) { return read(property, place(config), text); },
                    property.field);
}

std::string property_value(const Property& property, const Config& config) {
  return std::visit([&](auto place) { return write(property, value_at(place, config)); },
                    property.field);
}

std::string kafka_value(const Property& property, const Config& config) {
  if (property.kafka.text != nullptr) return property.kafka.text(config);
  return std::visit([&](auto place) { return kafka_text(property, value_at(place, config)); },
                    property.field);
}

std::string value_form(const Property& property) {
  static const Config defaults;
  return std::visit([&](auto place) { return form(property, value_at(place, defaults)); },
                    property.field);
}

}  // namespace duolog::server
