// RecordsMessage: one `records` push as the bytes of its WebSocket frames.
//
// The text before the items is the subscriber's own, the items lie in the PushCache. A text over
// kMaxFrameBytes goes out in several frames, so that a control frame never waits for more than
// that. The same push gives the same bytes however often it is laid out, so that a half-sent one
// can go on from any byte.
//
//   | header, head |       items       | tail |                 one frame
//   | header, head | items | header | items | header | items, tail |
//
// A view, for one turn; on the shard's thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/runtime/turn_arena.h"
#include "engine/session/transport/send_list.h"
#include "net/push/record_json.h"

namespace duolog::session {

class RecordsMessage {
 public:
  static constexpr std::uint64_t kMaxFrameBytes = 256U << 10;  // of payload
  // Copying this much costs less than more iovecs for each of the readers.
  static constexpr std::uint64_t kCopiedBytes = 512;

  // `items` stay for the turn. `deflated`: they are whole deflate blocks, and the message is
  // compressed: what is around them becomes stored blocks (RFC 1951 section 3.2.4).
  RecordsMessage(const push::RecordsHead& head, Bytes items, bool deflated = false);

  // The length of the message's payload, and of all of its frames.
  [[nodiscard]] std::uint64_t text_bytes() const { return text_bytes_; }
  [[nodiscard]] std::uint64_t wire_bytes() const;
  // Where the frame ends that holds the byte `at`; `at` itself where one begins.
  [[nodiscard]] std::uint64_t frame_end(std::uint64_t at) const;
  // Whether the byte `at` of a message that goes on behind it is not a frame's first.
  [[nodiscard]] static bool mid_frame(std::uint64_t at);

  // Adds the bytes [from, to) of the frames to a send; returns how many there was room for. What is
  // not in the items is copied into `arena`.
  [[nodiscard]] std::uint64_t add(SendList& list, runtime::TurnArena& arena, std::uint64_t from,
                                  std::uint64_t to) const;

 private:
  [[nodiscard]] std::uint64_t frame_count() const;
  [[nodiscard]] std::uint64_t add_copy(SendList& list, runtime::TurnArena& arena) const;
  [[nodiscard]] bool add_text(SendList& list, runtime::TurnArena& arena, std::uint64_t from,
                              std::uint64_t to) const;

  static constexpr std::size_t kStoredBlockBytes = 5;
  std::array<char, kStoredBlockBytes + push::kMaxHeadBytes> head_;
  std::size_t head_bytes_;
  Bytes items_;
  std::string_view tail_;
  bool deflated_;
  std::uint64_t text_bytes_;
};

}  // namespace duolog::session
