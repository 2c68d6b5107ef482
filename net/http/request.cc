#include "net/http/request.h"

#include <algorithm>

#include "engine/base/text.h"

namespace duolog::http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool iequals(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

const std::string* Request::field(std::string_view name) const {
  for (const Field& field : fields) {
    if (iequals(field.name, name)) return &field.value;
  }
  return nullptr;
}

const std::string* Request::host() const {
  return target.form == TargetForm::kAbsolute ? &target.authority : field("Host");
}

std::size_t Request::field_count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(fields, [&](const Field& field) { return iequals(field.name, name); }));
}

std::vector<std::string_view> list_elements(const Request& request, std::string_view name) {
  std::vector<std::string_view> elements;
  for (const Field& field : request.fields) {
    if (!iequals(field.name, name)) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      const std::string_view element = trimmed(rest.substr(0, comma));
      if (!element.empty()) elements.push_back(element);
      rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    }
  }
  return elements;
}

bool list_contains(const Request& request, std::string_view name, std::string_view token) {
  return std::ranges::any_of(list_elements(request, name),
                             [&](std::string_view element) { return iequals(element, token); });
}

bool is_token(std::string_view text) {
  static constexpr std::string_view kSymbols = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || kSymbols.contains(c);
  });
}

}  // namespace duolog::http
