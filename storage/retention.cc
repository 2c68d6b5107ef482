#include "storage/retention.h"

#include <algorithm>
#include <memory>

#include "storage/segment_files.h"
#include "storage/tail.h"

namespace duolog::storage {

Expiry expiry_of(const Tail& tail, Timestamp now) {
  const LogConfig& config = tail.config;
  const auto& segments = tail.log.segments().segments;
  Expiry expiry{.start = tail.log.start_offset()};
  if (!config.cleanup_delete || segments.empty()) return expiry;
  const Offset visible = tail.log.high_watermark().offset;
  const SegmentTable& table = tail.log.segments();
  std::uint64_t left_bytes = size_bytes(table, tail.end);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    Segment& segment = *segments[i];
    const bool active = i + 1 == segments.size();
    const LogEnd end =
        active ? tail.end : LogEnd{segments[i + 1]->base_offset, segments[i + 1]->base_position};
    const std::uint64_t bytes = size_bytes(table, segment, tail.end);
    if (bytes == 0 || end.offset > visible || end.position > tail.durable) break;
    bool expired = config.retention_bytes >= 0 &&
                   left_bytes - bytes >= static_cast<std::uint64_t>(config.retention_bytes);
    if (!expired && config.retention_ms >= 0) {
      if (!segment.index_loaded.load(std::memory_order_acquire)) {
        expiry.unknown = &segment;
        break;
      }
      const std::int64_t newest = segment.max_timestamp.load(std::memory_order_relaxed);
      expired = newest >= 0 && now.value - newest > config.retention_ms;
    }
    if (!expired) break;
    left_bytes -= bytes;
    expiry.start = std::max(expiry.start, end.offset);
    expiry.everything = active;
  }
  return expiry;
}

void RetentionCheck::start(Timestamp now) {
  if (running_ || stopping_) return;
  running_ = true;
  now_ = now;
  next_ = 0;
  go_on();
}

void RetentionCheck::go_on() {
  for (; next_ < tails_.size() && !stopping_; ++next_) {
    Tail& tail = *tails_[next_];
    if (tail.removed) continue;
    const Expiry expiry = expiry_of(tail, now_);
    if (expiry.unknown) return load(tail, *expiry.unknown);
    if (expiry.everything) events_.roll(tail);
    if (expiry.start > tail.log.start_offset()) events_.expired(tail, expiry.start);
  }
  running_ = false;
}

void RetentionCheck::load(Tail& tail, Segment& segment) {
  segment.pins.fetch_add(1);
  auto outcome = std::make_unique<Result<void>>();
  auto* result = outcome.get();
  disk_.run([this, result, &segment] { *result = ensure_index(disk_.files(), segment); },
            [this, &tail, &segment, outcome = std::move(outcome)] {
              // Read before the pin goes, and the log with it.
              const bool passed = !*outcome || tail.removed;
              segment.pins.fetch_sub(1);
              if (passed) ++next_;  // the next check tries again
              go_on();
            });
}

}  // namespace duolog::storage
