#include "net/http/metrics_text.h"

#include <array>
#include <charconv>

namespace duolog::http {
namespace {

void append_number(std::string& out, std::uint64_t value, unsigned decimals) {
  std::array<char, 20> digits;  // enough for any of 64 bits
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  const auto count = static_cast<std::size_t>(end - digits.data());
  if (decimals == 0) {
    out.append(digits.data(), count);
    return;
  }
  if (count > decimals) {
    out.append(digits.data(), count - decimals).push_back('.');
    out.append(end - decimals, decimals);
  } else {
    out.append("0.").append(decimals - count, '0').append(digits.data(), count);
  }
}

void append_label_value(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\n') {
      out.append("\\n");
      continue;
    }
    if (c == '\\' || c == '"') out.push_back('\\');
    out.push_back(c);
  }
}

}  // namespace

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  family_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help);
  text_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

void MetricsText::sample(std::span<const MetricLabel> labels, std::uint64_t value,
                         unsigned decimals) {
  text_.append(family_);
  char separator = '{';
  for (const MetricLabel& label : labels) {
    text_.push_back(separator);
    text_.append(label.name).append("=\"");
    append_label_value(text_, label.value);
    text_.push_back('"');
    separator = ',';
  }
  text_.append(labels.empty() ? " " : "} ");
  append_number(text_, value, decimals);
  text_.push_back('\n');
}

}  // namespace duolog::http
