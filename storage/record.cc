#include "storage/record.h"

namespace duolog::storage {

Result<bool> RecordHeaders::next(RecordHeader& header) {
  const std::uint8_t* at = bytes_.data();
  const std::uint8_t* end = at + bytes_.size();
  if (left_ == 0) {
    if (at != end) return fail(Errc::kCorrupt, "bytes after a record's last header");
    return false;
  }
  detail::RawField key;
  detail::RawField value;
  at = detail::read_header(at, end, key, value);
  if (at == nullptr) return fail(Errc::kCorrupt, "a record's header is out of bounds");
  header.key = as_text(Bytes(key.data, static_cast<std::size_t>(key.size)));
  header.value = value.value();
  bytes_ = Bytes(at, end);
  --left_;
  return true;
}

namespace detail {

std::string at_record(std::int32_t index, const char* what) {
  return "record " + std::to_string(index) + ": " + what;
}

}  // namespace detail

}  // namespace duolog::storage
