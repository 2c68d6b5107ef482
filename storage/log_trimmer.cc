#include "storage/log_trimmer.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "storage/segment_files.h"
#include "storage/tail.h"

namespace duolog::storage {

void LogTrimmer::move_start(Tail& tail, Offset start) {
  if (start <= tail.log.start_offset()) return;
  CHECK(start <= tail.log.high_watermark().offset);
  tail.publish_start(start);
  EpochHistory epochs = history_from(tail.log.epochs(), start);
  if (epochs.size() < tail.log.epochs().size()) {
    const EpochHistory* old = tail.exchange(new EpochHistory(std::move(epochs)));
    retired_.retire([old] { delete old; });
  }
  trim(tail);
}

void LogTrimmer::trim(Tail& tail) {
  const auto& segments = tail.log.segments().segments;
  const Offset start = tail.log.start_offset();
  std::size_t count = 0;
  while (count + 1 < segments.size() && segments[count + 1]->base_offset <= start &&
         segments[count] != tail.unsealed.front() && !segments[count]->being_cleaned) {
    ++count;
  }
  if (count == 0) return;
  const std::vector<Segment*> leave(segments.begin(),
                                    segments.begin() + static_cast<std::ptrdiff_t>(count));
  for (Segment* segment : leave) tail.leaving.push_back({segment, Tail::Leaving::kNotSettled});
  publish(tail, count);
  memory_.forget(tail, leave);
  retired_.retire([&tail, last = leave.back()->base_offset] {
    for (Tail::Leaving& left : tail.leaving) {
      if (left.since_ms < 0 && left.segment->base_offset <= last) left.since_ms = 0;
    }
  });
}

// A table without the first `skip` segments, and with what is leaving now.
void LogTrimmer::publish(Tail& tail, std::size_t skip) {
  const auto& segments = tail.log.segments().segments;
  const SegmentTable* old = tail.exchange(
      tail.table_of({segments.begin() + static_cast<std::ptrdiff_t>(skip), segments.end()}));
  retired_.retire([old] { delete old; });
}

void LogTrimmer::tick(Tail& tail, std::int64_t now_ms) {
  for (Tail::Leaving& left : tail.leaving) {
    if (left.since_ms == 0) left.since_ms = now_ms;
  }
  if (!tail.going.empty()) return;
  // In order, so that a pin keeps what is behind it as well.
  while (!tail.leaving.empty()) {
    const auto [segment, since_ms] = tail.leaving.front();
    if (since_ms < 0) break;
    if (now_ms - since_ms < delete_delay_ms_ || segment->pins.load() > 0) break;
    // What is known of its producers goes to a checkpoint first.
    if (segment->base_offset >= tail.checkpoint_segment) break;
    tail.going.push_back(segment);
    tail.leaving.pop_front();
  }
  if (tail.going.empty()) return;
  publish(tail, 0);
  retired_.retire([this, &tail] { unlink(tail); });
}

void LogTrimmer::unlink(Tail& tail) {
  if (stopping_ || tail.removed) return;  // they go with the log, or at the next start
  const bool pinned = std::ranges::any_of(
      tail.going, [](const Segment* segment) { return segment->pins.load() > 0; });
  if (pinned) {  // while it was being hidden: once more from the beginning
    for (; !tail.going.empty(); tail.going.pop_back()) {
      tail.leaving.push_front({tail.going.back(), 0});
    }
    return publish(tail, 0);
  }
  tail.unlinking = true;
  disk_.run(
      [this, going = tail.going] {
        for (Segment* segment : going) remove_segment(disk_.files(), *segment);
      },
      [this, &tail] {
        removed_segments_ += tail.going.size();
        for (const Segment* segment : tail.going) delete segment;
        tail.going.clear();
        tail.unlinking = false;
        progress_(tail);
      });
}

}  // namespace duolog::storage
