#include "tools/duolog/client/line_record.h"

#include <cerrno>

#include <unistd.h>

namespace duolog::tools {

LineRecord record_of(const LineFormat& format, std::string_view line) {
  LineRecord record{std::nullopt, line};
  if (!format.key.empty()) record.key = format.key;
  if (!format.key_separator.empty()) {
    if (const std::size_t at = line.find(format.key_separator); at != line.npos) {
      record.key = line.substr(0, at);
      record.value = line.substr(at + format.key_separator.size());
    }
  }
  if (format.empty_is_null && record.value->empty()) record.value.reset();
  return record;
}

Result<HeaderList> parse_headers(const std::vector<std::string>& texts) {
  HeaderList headers;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(Errc::kInvalid, "header '" + text + "' is not of the form NAME=VALUE");
    }
    headers.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return headers;
}

Result<bool> LineReader::read() {
  constexpr std::size_t kReadBytes = 64U << 10;
  text_.erase(0, taken_);
  taken_ = 0;
  const std::size_t before = text_.size();
  text_.resize(before + kReadBytes);
  ssize_t got = 0;
  while ((got = ::read(descriptor_, text_.data() + before, kReadBytes)) < 0 && errno == EINTR) {
  }
  text_.resize(before + static_cast<std::size_t>(got < 0 ? 0 : got));
  if (got < 0) return fail_errno(Errc::kIo, "standard input", errno);
  ended_ = got == 0;
  return !ended_;
}

std::optional<std::string_view> LineReader::next() {
  const std::size_t end = text_.find('\n', taken_);
  if (end == text_.npos && (!ended_ || taken_ == text_.size())) return std::nullopt;
  const std::string_view line = std::string_view(text_).substr(taken_, end - taken_);
  taken_ = end == text_.npos ? text_.size() : end + 1;
  return line;
}

}  // namespace duolog::tools
