#include "engine/session/push/replies.h"

#include <array>

#include "engine/session/push/message.h"
#include "net/ws/frame.h"
#include "net/ws/frame_length.h"

namespace duolog::session {
namespace {

// An idle connection keeps no memory for what it is told now and then.
void release(std::string& text) { text = std::string(); }

}  // namespace

void PushReplies::add(std::string_view text) {
  auto opcode = ws::Opcode::kText;
  do {
    const std::string_view part = text.substr(0, RecordsMessage::kMaxFrameBytes);
    text.remove_prefix(part.size());
    std::array<std::uint8_t, ws::kMaxFrameHeaderBytes> header;
    const std::size_t size = ws::encode_frame_header(opcode, text.empty(), part.size(), header);
    waiting_.append(as_text(Bytes(header).first(size)));
    waiting_.append(part);
    opcode = ws::Opcode::kContinuation;
  } while (!text.empty());
}

bool PushReplies::cut(SendList& list) {
  cut_bytes_ = whole_bytes_ = 0;
  if (frame_end_ == at_) return true;
  if (!list.add(as_bytes(leaving_).subspan(at_, frame_end_ - at_))) return false;
  cut_bytes_ = frame_end_ - at_;
  return true;
}

bool PushReplies::whole(SendList& list) {
  if (at_ == leaving_.size()) {
    leaving_.swap(waiting_);
    waiting_.clear();
    at_ = frame_ = frame_end_ = 0;
  }
  const std::size_t from = at_ + cut_bytes_;
  if (from == leaving_.size()) return true;
  if (!list.add(as_bytes(leaving_).subspan(from))) return false;
  whole_bytes_ = leaving_.size() - from;
  return true;
}

void PushReplies::sent(std::size_t of_cut, std::size_t of_whole) {
  at_ += of_cut + of_whole;
  cut_bytes_ = whole_bytes_ = 0;
  if (at_ == leaving_.size()) {
    release(leaving_);
    if (waiting_.empty()) release(waiting_);
    at_ = frame_ = frame_end_ = 0;
    return;
  }
  while (frame_ < at_) {
    const std::size_t end = frame_ + ws::frame_length(as_bytes(leaving_).data() + frame_);
    if (end > at_) {
      frame_end_ = end;
      return;
    }
    frame_ = end;
  }
  frame_end_ = at_;
}

}  // namespace duolog::session
