// Writer: puts Kafka's primitive types behind one another in a buffer that grows and is used
// again, so that a connection that keeps its Writer stops calling the allocator.
//
// Record data is not copied: for an external Records value the Writer notes a *splice point*, the
// place in the buffer where the sender inserts that many bytes of the log. A frame's length
// counts them.
//
//   buffer   | length header ... records length | tail ... records length | tail |
//                                               ^ splice 0                ^ splice 1
//   sent     | piece ...........................| log .. | piece ........ | log . | piece |
//
// Owned by a connection; one thread. Frames are at most 2^31 - 1 bytes (CHECK).
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"

namespace duolog::kafka {

struct Splice {
  std::size_t offset;  // in the buffer: the external bytes come before the byte at this offset
  std::uint32_t size_bytes;
  std::uint64_t token;  // what Records::external was given
};

class Writer {
 public:
  // A frame that was begun and has no length yet.
  struct Frame {
    std::size_t offset;
    std::uint64_t external_bytes;
  };

  // Forgets what was written and keeps the memory.
  void clear();
  // Gives the memory back too: for a connection that has gone idle.
  void release();

  // What was written, without the spliced bytes. Invalid after the next write.
  [[nodiscard]] Bytes bytes() const { return {buffer_.get(), size_}; }
  [[nodiscard]] std::span<const Splice> splices() const { return splices_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  // With the spliced bytes.
  [[nodiscard]] std::uint64_t total_bytes() const { return size_ + external_bytes_; }
  [[nodiscard]] std::size_t held_bytes() const { return capacity_; }

  // Calls piece(Bytes) and external(const Splice&) in the order in which they are to be sent.
  // The pieces are views of the buffer; none is empty.
  template <class OnPiece, class OnExternal>
  void for_each_piece(OnPiece piece, OnExternal external) const {
    std::size_t from = 0;
    for (const Splice& splice : splices_) {
      if (splice.offset > from) piece(bytes().subspan(from, splice.offset - from));
      external(splice);
      from = splice.offset;
    }
    if (size_ > from) piece(bytes().subspan(from));
  }

  // The four-byte length that goes before each request and response: begin, write, end.
  [[nodiscard]] Frame begin_frame();
  void end_frame(Frame frame);

  template <class T>
  void integer(T value) {
    store_be<T>(room(sizeof(T)), value);
  }
  void uvarint(std::uint32_t value);
  void raw(Bytes bytes) {
    if (!bytes.empty()) std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
  }
  void splice(std::uint32_t size_bytes, std::uint64_t token);

  // A length or count, -1 for null; compact, or as an integer of the type Prefix, which it has
  // to fit.
  template <class Prefix>
  void length(bool compact, std::int64_t value) {
    if (compact) {
      uvarint(static_cast<std::uint32_t>(value + 1));
    } else {
      integer(static_cast<Prefix>(value));
    }
  }

  // Puts the size of everything behind `offset` in front of it, as a varint: a tagged field's
  // size is known only when the field is written. No splice may lie behind `offset` (CHECK).
  void insert_size(std::size_t offset);

 private:
  std::uint8_t* room(std::size_t size_bytes) {
    if (capacity_ - size_ < size_bytes) grow(size_bytes);
    std::uint8_t* at = buffer_.get() + size_;
    size_ += size_bytes;
    return at;
  }
  void grow(std::size_t at_least_bytes);

  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
  std::uint64_t external_bytes_ = 0;
  std::vector<Splice> splices_;
};

}  // namespace duolog::kafka
