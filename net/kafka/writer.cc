#include "net/kafka/writer.h"

#include <algorithm>
#include <limits>

#include "engine/base/check.h"

namespace duolog::kafka {

namespace {
constexpr std::size_t kFirstCapacityBytes = 512;
}

void Writer::clear() {
  size_ = 0;
  external_bytes_ = 0;
  splices_.clear();
}

void Writer::release() {
  clear();
  buffer_.reset();
  capacity_ = 0;
  splices_.shrink_to_fit();
}

Writer::Frame Writer::begin_frame() {
  const Frame frame{size_, external_bytes_};
  integer<std::int32_t>(0);
  return frame;
}

void Writer::end_frame(Frame frame) {
  const std::uint64_t length =
      size_ - frame.offset - sizeof(std::int32_t) + external_bytes_ - frame.external_bytes;
  CHECK(length <= std::numeric_limits<std::int32_t>::max());
  store_be<std::int32_t>(buffer_.get() + frame.offset, static_cast<std::int32_t>(length));
}

void Writer::uvarint(std::uint32_t value) {
  while (value >= 0x80) {
    integer(static_cast<std::uint8_t>(value | 0x80U));
    value >>= 7;
  }
  integer(static_cast<std::uint8_t>(value));
}

void Writer::splice(std::uint32_t size_bytes, std::uint64_t token) {
  if (size_bytes == 0) return;
  splices_.push_back({size_, size_bytes, token});
  external_bytes_ += size_bytes;
}

void Writer::insert_size(std::size_t offset) {
  CHECK(splices_.empty() || splices_.back().offset <= offset);
  const std::size_t size_bytes = size_ - offset;
  CHECK(size_bytes <= std::numeric_limits<std::int32_t>::max());
  uvarint(static_cast<std::uint32_t>(size_bytes));
  std::uint8_t* first = buffer_.get() + offset;
  std::rotate(first, first + size_bytes, buffer_.get() + size_);
}

void Writer::grow(std::size_t at_least_bytes) {
  const std::size_t capacity =
      std::max({capacity_ * 2, size_ + at_least_bytes, kFirstCapacityBytes});
  auto larger = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
  if (size_ > 0) std::memcpy(larger.get(), buffer_.get(), size_);
  buffer_ = std::move(larger);
  capacity_ = capacity;
}

}  // namespace duolog::kafka
