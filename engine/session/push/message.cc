#include "engine/session/push/message.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include "net/ws/frame.h"

namespace duolog::session {
namespace {

using FrameHeader = std::array<std::uint8_t, ws::kMaxFrameHeaderBytes>;

static_assert(push::kMaxHeadBytes < 256);  // so that one byte is a stored block's length
// The text behind the items as a stored block, and the first byte of the empty one that ends a
// message (RFC 7692 section 7.2.1).
static_assert(push::kRecordsTail.size() == 3);
constexpr std::string_view kStoredTail("\0\3\0\xFC\xFF]}}\0", 9);

std::size_t write_header(bool first, bool last, std::uint64_t payload, FrameHeader& out,
                         bool rsv1 = false) {
  return ws::encode_frame_header(first ? ws::Opcode::kText : ws::Opcode::kContinuation, last,
                                 payload, out, first && rsv1);
}

std::uint64_t header_bytes(std::uint64_t payload) {
  FrameHeader scratch;
  return write_header(true, true, payload, scratch);
}

Bytes copy(runtime::TurnArena& arena, Bytes bytes) {
  const auto to = arena.take<std::uint8_t>(bytes.size());
  std::memcpy(to.data(), bytes.data(), bytes.size());
  return to;
}

}  // namespace

RecordsMessage::RecordsMessage(const push::RecordsHead& head, Bytes items, bool deflated)
    : items_(items), tail_(deflated ? kStoredTail : push::kRecordsTail), deflated_(deflated) {
  const std::size_t at = deflated ? kStoredBlockBytes : 0;
  const std::size_t size = push::write_head(
      head, std::span<char, push::kMaxHeadBytes>(head_.data() + at, push::kMaxHeadBytes));
  if (deflated) {
    // Not the last block, stored; its length, and that inverted.
    head_[0] = 0;
    head_[1] = static_cast<char>(size);
    head_[2] = 0;
    head_[3] = static_cast<char>(~size);
    head_[4] = static_cast<char>(0xFF);
  }
  head_bytes_ = at + size;
  text_bytes_ = head_bytes_ + items.size() + tail_.size();
}

std::uint64_t RecordsMessage::frame_count() const {
  return (text_bytes_ + kMaxFrameBytes - 1) / kMaxFrameBytes;
}

std::uint64_t RecordsMessage::wire_bytes() const {
  const std::uint64_t full = frame_count() - 1;
  const std::uint64_t rest = text_bytes_ - full * kMaxFrameBytes;
  return full * (header_bytes(kMaxFrameBytes) + kMaxFrameBytes) + header_bytes(rest) + rest;
}

bool RecordsMessage::mid_frame(std::uint64_t at) {
  return at % (header_bytes(kMaxFrameBytes) + kMaxFrameBytes) != 0;
}

std::uint64_t RecordsMessage::frame_end(std::uint64_t at) const {
  const std::uint64_t frame = header_bytes(kMaxFrameBytes) + kMaxFrameBytes;
  return std::min((at + frame - 1) / frame * frame, wire_bytes());
}

// A short message, in one slice.
std::uint64_t RecordsMessage::add_copy(SendList& list, runtime::TurnArena& arena) const {
  FrameHeader header;
  const std::size_t header_size = write_header(true, true, text_bytes_, header, deflated_);
  const auto out = arena.take<std::uint8_t>(header_size + text_bytes_);
  std::uint8_t* at = std::ranges::copy_n(header.begin(), header_size, out.data()).out;
  at = std::ranges::copy_n(head_.begin(), head_bytes_, at).out;
  at = std::ranges::copy(items_, at).out;
  std::ranges::copy(tail_, at);
  return list.add(out) ? out.size() : 0;
}

// Bytes [from, to) of the text, which lie within one frame.
bool RecordsMessage::add_text(SendList& list, runtime::TurnArena& arena, std::uint64_t from,
                              std::uint64_t to) const {
  if (from < head_bytes_) {
    const std::uint64_t end = std::min<std::uint64_t>(to, head_bytes_);
    if (!list.add(copy(arena, as_bytes(std::string_view(head_.data() + from, end - from))))) {
      return false;
    }
    from = end;
  }
  const std::uint64_t items_end = head_bytes_ + items_.size();
  if (from < to && from < items_end) {
    const std::uint64_t end = std::min(to, items_end);
    if (!list.add(items_.subspan(from - head_bytes_, end - from))) return false;
    from = end;
  }
  return from == to || list.add(as_bytes(tail_.substr(from - items_end, to - from)));
}

std::uint64_t RecordsMessage::add(SendList& list, runtime::TurnArena& arena, std::uint64_t from,
                                  std::uint64_t to) const {
  if (from == 0 && to == wire_bytes() && to <= kCopiedBytes) return add_copy(list, arena);
  const std::uint64_t whole_frame = header_bytes(kMaxFrameBytes) + kMaxFrameBytes;
  std::uint64_t at = from;
  while (at < to) {
    const std::uint64_t frame = at / whole_frame;
    const std::uint64_t text_at = frame * kMaxFrameBytes;
    const std::uint64_t payload = std::min(text_bytes_ - text_at, kMaxFrameBytes);
    FrameHeader header;
    const std::size_t header_size =
        write_header(frame == 0, frame + 1 == frame_count(), payload, header, deflated_);
    std::uint64_t into = at - frame * whole_frame;
    const std::uint64_t until = std::min(to - frame * whole_frame, header_size + payload);
    if (into < header_size) {
      const std::uint64_t end = std::min<std::uint64_t>(until, header_size);
      if (!list.add(copy(arena, Bytes(header).subspan(into, end - into)))) return at - from;
      at += end - into;
      into = end;
    }
    if (into < until) {
      const std::size_t room = list.free_slices().size();
      const bool added = room >= 3 && add_text(list, arena, text_at + into - header_size,
                                               text_at + until - header_size);
      if (!added) return at - from;
      at += until - into;
    }
  }
  return at - from;
}

}  // namespace duolog::session
