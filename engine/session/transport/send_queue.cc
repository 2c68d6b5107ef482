#include "engine/session/transport/send_queue.h"

#include <algorithm>

#include "engine/base/check.h"

namespace duolog::session {

void SendQueue::push(Bytes bytes) {
  if (bytes.empty()) return;
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  pieces_.push_back({{.from = Position(address), .to = Position(address + bytes.size())}});
}

void SendQueue::push(const LogRange& range) {
  CHECK(range.log != nullptr && range.from < range.to);
  pieces_.push_back({range});
}

SendQueue::Gathered SendQueue::gather(std::span<iovec> out, std::uint64_t limit_bytes) const {
  Gathered gathered;
  for (std::size_t i = first_; i < pieces_.size(); ++i) {
    const LogRange& range = pieces_[i].range;
    if (gathered.count == out.size() || gathered.size_bytes >= limit_bytes) break;
    if (range.log == nullptr) {
      out[gathered.count++] = {reinterpret_cast<void*>(range.from.value), pieces_[i].size_bytes()};
      gathered.size_bytes += pieces_[i].size_bytes();
      continue;
    }
    const std::uint64_t size = std::min(pieces_[i].size_bytes(), limit_bytes - gathered.size_bytes);
    const auto slices = storage::read_exactly(*range.log, range.from, range.from + size,
                                              out.subspan(gathered.count));
    CHECK(slices.status != storage::ReadStatus::kOutOfRange);  // its segment is pinned
    if (slices.status != storage::ReadStatus::kOk) {
      if (gathered.count == 0) gathered.cold = slices.cold;
      break;
    }
    gathered.count += slices.count;
    gathered.size_bytes += slices.size_bytes;
    if (slices.size_bytes < pieces_[i].size_bytes()) break;
  }
  return gathered;
}

void SendQueue::consume(std::uint64_t size_bytes) {
  while (size_bytes > 0) {
    CHECK(first_ < pieces_.size());
    LogRange& range = pieces_[first_].range;
    const std::uint64_t part = std::min(size_bytes, pieces_[first_].size_bytes());
    range.from += part;
    size_bytes -= part;
    if (range.from == range.to) ++first_;
  }
  if (first_ == pieces_.size()) {
    pieces_.clear();
    first_ = 0;
  }
}

bool SendQueue::reads(const broker::Topic& topic) const {
  return std::any_of(pieces_.begin() + static_cast<std::ptrdiff_t>(first_), pieces_.end(),
                     [&](const Piece& piece) { return piece.range.topic == &topic; });
}

void SendQueue::release() {
  pieces_ = {};
  first_ = 0;
}

}  // namespace duolog::session
