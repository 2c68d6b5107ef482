#include "net/http/target.h"

#include <algorithm>

#include "net/http/request.h"

namespace duolog::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The bytes of "http://" or "https://" that the text begins with, in whatever case; else 0.
std::size_t scheme_size(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (iequals(text.substr(0, scheme.size()), scheme)) return scheme.size();
  }
  return 0;
}

enum class Plus { kLiteral, kSpace };

Result<std::string> percent_decode(std::string_view text, Plus plus) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::kSpace) {
      decoded.push_back(' ');
    } else if (text[i] != '%') {
      decoded.push_back(text[i]);
    } else {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return fail(Errc::kInvalid, "request target: '%' is not followed by two hex digits");
      }
      decoded.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return decoded;
}

// Calls take(piece) for each piece of `text` between separators, until one fails.
template <class Take>
Result<void> split(std::string_view text, char separator, Take take) {
  while (true) {
    const std::size_t end = text.find(separator);
    if (auto taken = take(text.substr(0, end)); !taken) return taken;
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
}

}  // namespace

const std::string* Target::parameter(std::string_view name) const {
  const auto found = std::ranges::find(query, name, &QueryParameter::name);
  return found == query.end() ? nullptr : &found->value;
}

Result<Target> parse_target(std::string_view text, std::string_view method) {
  Target target;
  if (text.contains('#')) return fail(Errc::kInvalid, "request target: has a fragment");
  if (text == "*" && method == "OPTIONS") {
    target.form = TargetForm::kAsterisk;
    return target;
  }
  if (method == "CONNECT" && !text.starts_with('/')) {
    target.form = TargetForm::kAuthority;
    target.authority = text;
    return target;
  }
  if (const std::size_t scheme_bytes = scheme_size(text); scheme_bytes > 0) {
    target.form = TargetForm::kAbsolute;
    text.remove_prefix(scheme_bytes);
    target.authority = text.substr(0, text.find_first_of("/?"));
    if (target.authority.empty() || target.authority.contains('@')) {
      return fail(Errc::kInvalid, "request target: expected a host behind '://'");
    }
    text.remove_prefix(target.authority.size());
  } else if (!text.starts_with('/')) {
    return fail(Errc::kInvalid, "request target: expected a path that begins with '/'");
  }

  const std::size_t question = text.find('?');
  target.path = text.substr(0, question);
  if (target.path.empty()) target.path = "/";  // RFC 9110 section 4.2.3
  const std::string_view path_text = std::string_view(target.path).substr(1);
  auto path = split(path_text, '/', [&](std::string_view piece) -> Result<void> {
    auto segment = percent_decode(piece, Plus::kLiteral);
    if (!segment) return std::unexpected(segment.error());
    target.segments.push_back(std::move(*segment));
    return {};
  });
  if (!path) return std::unexpected(path.error());
  if (question == std::string_view::npos) return target;

  auto query = split(text.substr(question + 1), '&', [&](std::string_view piece) -> Result<void> {
    if (piece.empty()) return {};
    const std::size_t equals = piece.find('=');
    auto name = percent_decode(piece.substr(0, equals), Plus::kSpace);
    if (!name) return std::unexpected(name.error());
    const bool has_value = equals != std::string_view::npos;
    auto value = percent_decode(has_value ? piece.substr(equals + 1) : "", Plus::kSpace);
    if (!value) return std::unexpected(value.error());
    target.query.push_back({std::move(*name), std::move(*value)});
    return {};
  });
  if (!query) return std::unexpected(query.error());
  return target;
}

}  // namespace duolog::http
