#include "engine/session/websocket/echo_endpoint.h"

#include <algorithm>
#include <array>

#include "engine/base/check.h"
#include "engine/session/websocket/shard.h"
#include "net/ws/frame.h"
#include "net/ws/frame_length.h"

namespace duolog::session {
namespace {

constexpr std::size_t kLeastBytes = 4096;  // of the buffer, so that it does not grow in small steps

}  // namespace

EchoEndpoint::EchoEndpoint(WsConnection& connection) : connection_(connection) {
  connection_.ws().counters().echoes_open.add();
}

EchoEndpoint::~EchoEndpoint() {
  auto& open = connection_.ws().counters().echoes_open;
  open.set(open.get() - 1);
}

void EchoEndpoint::on_message(ws::Opcode opcode, Bytes payload) {
  WsCounters& counters = connection_.ws().counters();
  counters.messages_echoed.add();
  counters.bytes_echoed.add(payload.size());
  const bool compressed = connection_.deflates();
  append(opcode, compressed ? connection_.deflate(payload) : payload, compressed);
  connection_.flush_soon();
  if (out_.size() > kMaxWaitingBytes && connection_.reading()) {
    counters.echo_pauses.add();
    connection_.pause_reading();
  }
}

void EchoEndpoint::append(ws::Opcode opcode, Bytes payload, bool compressed) {
  const std::size_t frames = payload.size() / kMaxFrameBytes + 1;
  const std::size_t needed = out_.size() + payload.size() + frames * ws::kMaxFrameHeaderBytes;
  if (needed > out_.capacity()) {
    out_.reserve(std::max({needed, out_.capacity() * 3 / 2, kLeastBytes}));
  }
  bool first = true;
  do {
    const Bytes piece = payload.first(std::min(payload.size(), kMaxFrameBytes));
    payload = payload.subspan(piece.size());
    std::array<std::uint8_t, ws::kMaxFrameHeaderBytes> header;
    const std::size_t header_size =
        ws::encode_frame_header(first ? opcode : ws::Opcode::kContinuation, payload.empty(),
                                piece.size(), header, compressed && first);
    out_.append(Bytes(header).first(header_size));
    out_.append(piece);
    first = false;
  } while (!payload.empty());
}

void EchoEndpoint::drain() { connection_.close(ws::close_code::kUnavailable, "draining"); }

// ---- Sending -----------------------------------------------------------------------------------

WsEndpoint::Plan EchoEndpoint::begin(SendList& list) {
  CHECK(list.add(Bytes(out_).subspan(sent_, begun_bytes())));
  return {};
}

// Whole frames: as many as fit, and one if there is nothing else to send.
WsEndpoint::Plan EchoEndpoint::collect(SendList& list) {
  const Bytes waiting = Bytes(out_).subspan(frame_);
  const std::size_t room = list.room_bytes();
  std::size_t taken = waiting.size() <= room ? waiting.size() : 0;
  while (taken < waiting.size()) {
    const std::size_t next = taken + ws::frame_length(waiting.data() + taken);
    if (next > room && (taken > 0 || list.size_bytes() > 0)) break;
    taken = next;
  }
  CHECK(list.add(waiting.first(taken)));
  return {};
}

void EchoEndpoint::sent(std::size_t of_begin, std::size_t of_collect) {
  sent_ += of_begin + of_collect;
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = frame_ = 0;
    if (out_.capacity() > kKeptBytes) out_ = Buffer();
    connection_.resume_reading();
  }
  while (frame_ < sent_) frame_ += ws::frame_length(out_.data() + frame_);
}

}  // namespace duolog::session
