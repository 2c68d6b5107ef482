// RecordFormat: how `duolog consume` prints a record.
//
// Immutable once made; holds no reference to what it was made from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/result.h"

namespace duolog::tools {

// A record as a consumer sees it; the views point into the client's message.
struct RecordView {
  std::string_view topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::int64_t timestamp_ms = -1;  // -1: none
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  std::vector<std::pair<std::string_view, std::optional<std::string_view>>> headers;
};

class RecordFormat {
 public:
  // `text` holds {topic}, {partition}, {offset}, {timestamp}, {key}, {value} and {headers}; \n, \t
  // and \\ mean what they do in C, {{ and }} are braces. kInvalid names a placeholder that is none
  // of these.
  [[nodiscard]] static Result<RecordFormat> parse(std::string_view text);

  // Appends the record to `out`. A null key or value is empty; headers are "name=value,...".
  void append(const RecordView& record, std::string& out) const;

 private:
  enum class Field : std::uint8_t {
    kLiteral,
    kTopic,
    kPartition,
    kOffset,
    kTimestamp,
    kKey,
    kValue,
    kHeaders,
  };
  struct Part {
    Field field = Field::kLiteral;
    std::string literal;
  };

  static void append_part(const Part& part, const RecordView& record, std::string& out);

  std::vector<Part> parts_;
};

// Appends the record as one line of JSON. Keys, values and header values are strings when they are
// valid UTF-8, else base64 in a field named "key_b64", "value_b64", "v_b64"; null is null.
void append_json(const RecordView& record, std::string& out);

}  // namespace duolog::tools
