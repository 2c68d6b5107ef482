// SendList: what one connection hands to the kernel in one send.
//
// One for each shard, filled and sent within one turn-end hook, so that it costs no connection
// memory. The bytes stay where they are. Limits: kMaxIovecs of the socket, and the bytes that the
// connection may have unsent, which its first frame alone may exceed.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <sys/uio.h>

#include "engine/base/bytes.h"
#include "engine/runtime/socket.h"

namespace duolog::session {

class SendList {
 public:
  void begin(std::size_t max_bytes) {
    count_ = 0;
    bytes_ = 0;
    max_bytes_ = max_bytes;
  }

  // False: no room for another slice.
  [[nodiscard]] bool add(Bytes bytes) {
    if (bytes.empty()) return true;
    if (count_ == iovecs_.size()) return false;
    iovecs_[count_++] = {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    bytes_ += bytes.size();
    return true;
  }
  // Room for slices that somebody else fills in, and that they have been.
  [[nodiscard]] std::span<iovec> free_slices() { return std::span(iovecs_).subspan(count_); }
  void took(std::size_t slices, std::size_t bytes) {
    count_ += slices;
    bytes_ += bytes;
  }

  [[nodiscard]] std::size_t size_bytes() const { return bytes_; }
  [[nodiscard]] std::size_t room_bytes() const {
    return bytes_ < max_bytes_ ? max_bytes_ - bytes_ : 0;
  }
  [[nodiscard]] std::span<const iovec> slices() const { return std::span(iovecs_).first(count_); }

 private:
  std::array<iovec, runtime::Socket::kMaxIovecs> iovecs_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  std::size_t max_bytes_ = 0;
};

}  // namespace duolog::session
