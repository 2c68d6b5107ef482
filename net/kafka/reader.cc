#include "net/kafka/reader.h"

namespace duolog::kafka {

bool Reader::long_uvarint(std::uint32_t& out) {
  std::uint32_t value = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    std::uint8_t byte = 0;
    if (!integer(byte)) return false;
    if (shift == 28 && byte > 0x0f) break;
    value |= static_cast<std::uint32_t>(byte & 0x7fU) << shift;
    if (byte < 0x80) {
      out = value;
      return true;
    }
  }
  return fail(Errc::kInvalid, "a varint is longer than 32 bits");
}

bool Reader::fail(Errc code, std::string_view why) {
  if (failed_) return false;
  failed_ = true;
  code_ = code;
  why_ = why;
  at_ = end_;
  return false;
}

bool Reader::fail_short(std::size_t wanted_bytes) {
  return fail(Errc::kInvalid, "the message ends early: " + std::to_string(wanted_bytes) +
                                  " bytes wanted, " + std::to_string(remaining()) + " left");
}

bool Reader::fail_count(std::size_t count) {
  return fail(Errc::kInvalid, "an array of " + std::to_string(count) + " elements in " +
                                  std::to_string(remaining()) + " bytes");
}

bool Reader::fail_memory() {
  return fail(Errc::kTooLarge, "the message's arrays take more memory than allowed");
}

bool Reader::inside(std::string_view field) {
  const bool needs_dot = !path_.empty() && path_.front() != '[';
  path_.insert(0, needs_dot ? std::string(field) + '.' : std::string(field));
  return false;
}

bool Reader::inside(std::size_t index) {
  const std::string dot = path_.empty() ? "" : ".";
  path_.insert(0, '[' + std::to_string(index) + ']' + dot);
  return false;
}

Error Reader::error(std::string_view what) const {
  std::string message(what);
  message += ": ";
  if (!path_.empty()) message += path_ + ": ";
  return {code_, message + why_};
}

}  // namespace duolog::kafka
