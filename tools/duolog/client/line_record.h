// What a line of text is as a record, and lines as a descriptor brings them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/result.h"

namespace duolog::tools {

// The options of `duolog produce` that say so.
struct LineFormat {
  std::string key;            // of every record; empty: none
  std::string key_separator;  // a line is KEY, this, VALUE; empty: a line is a value
  bool empty_is_null = false;
};

struct LineRecord {
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
};

// Views into the line and the format.
[[nodiscard]] LineRecord record_of(const LineFormat& format, std::string_view line);

using HeaderList = std::vector<std::pair<std::string, std::string>>;
// Of texts NAME=VALUE; kInvalid names one that is not.
[[nodiscard]] Result<HeaderList> parse_headers(const std::vector<std::string>& texts);

// Reads what is there, and gives it out line by line. The last line needs no line break.
class LineReader {
 public:
  explicit LineReader(int descriptor) : descriptor_(descriptor) {}

  // Waits for input, one read(2). Returns false at its end.
  [[nodiscard]] Result<bool> read();
  // The next whole line, valid until the next read.
  [[nodiscard]] std::optional<std::string_view> next();

 private:
  int descriptor_;
  std::string text_;
  std::size_t taken_ = 0;
  bool ended_ = false;
};

}  // namespace duolog::tools
