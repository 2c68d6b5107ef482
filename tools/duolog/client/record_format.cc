#include "tools/duolog/client/record_format.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

#include "tools/duolog/client/json_bytes.h"

namespace duolog::tools {

Result<RecordFormat> RecordFormat::parse(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, Field>, 7> kFields = {{
      {"topic", Field::kTopic},
      {"partition", Field::kPartition},
      {"offset", Field::kOffset},
      {"timestamp", Field::kTimestamp},
      {"key", Field::kKey},
      {"value", Field::kValue},
      {"headers", Field::kHeaders},
  }};
  RecordFormat format;
  std::string literal;
  const auto end_literal = [&] {
    if (!literal.empty()) format.parts_.push_back({Field::kLiteral, std::exchange(literal, {})});
  };
  while (!text.empty()) {
    const std::string_view two = text.substr(0, 2);
    if (two == "{{" || two == "}}" || two == "\\\\") {
      literal += two[0];
    } else if (two == "\\n") {
      literal += '\n';
    } else if (two == "\\t") {
      literal += '\t';
    } else if (text[0] != '{') {
      literal += text[0];
      text.remove_prefix(1);
      continue;
    } else {
      const std::size_t end = text.find('}');
      const std::string_view name = text.substr(1, end == text.npos ? end : end - 1);
      const auto field =
          std::ranges::find(kFields, name, &std::pair<std::string_view, Field>::first);
      if (end == text.npos || field == kFields.end()) {
        return fail(Errc::kInvalid, "format: '{" + std::string(name) +
                                        "' is not one of {topic}, {partition}, {offset}, "
                                        "{timestamp}, {key}, {value}, {headers}");
      }
      end_literal();
      format.parts_.push_back({field->second, {}});
      text.remove_prefix(end + 1);
      continue;
    }
    text.remove_prefix(2);
  }
  end_literal();
  return format;
}

void RecordFormat::append(const RecordView& record, std::string& out) const {
  for (const Part& part : parts_) append_part(part, record, out);
}

void RecordFormat::append_part(const Part& part, const RecordView& record, std::string& out) {
  const auto number = [&](std::int64_t value) {
    fmt::format_to(std::back_inserter(out), "{}", value);
  };
  switch (part.field) {
    case Field::kLiteral:
      out += part.literal;
      return;
    case Field::kTopic:
      out += record.topic;
      return;
    case Field::kPartition:
      return number(record.partition);
    case Field::kOffset:
      return number(record.offset);
    case Field::kTimestamp:
      return number(record.timestamp_ms);
    case Field::kKey:
      out += record.key.value_or("");
      return;
    case Field::kValue:
      out += record.value.value_or("");
      return;
    case Field::kHeaders:
      for (std::size_t i = 0; i < record.headers.size(); ++i) {
        if (i != 0) out += ',';
        out += record.headers[i].first;
        out += '=';
        out += record.headers[i].second.value_or("");
      }
      return;
  }
}

void append_json(const RecordView& record, std::string& out) {
  OrderedJson line;
  line["topic"] = record.topic;
  line["partition"] = record.partition;
  line["offset"] = record.offset;
  line["timestamp"] = record.timestamp_ms;
  put_bytes(line, "key", record.key);
  put_bytes(line, "value", record.value);
  line["headers"] = OrderedJson::array();
  for (const auto& [name, value] : record.headers) {
    OrderedJson header;
    put_bytes(header, "k", name);
    put_bytes(header, "v", value);
    line["headers"].push_back(std::move(header));
  }
  out += line.dump();
  out += '\n';
}

}  // namespace duolog::tools
