#include "storage/cleaner/dirty.h"

#include <algorithm>
#include <limits>

#include "storage/batch_walker.h"
#include "storage/segment.h"
#include "storage/segment_files.h"
#include "storage/tail.h"

namespace duolog::storage {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// Nothing at or after it is cleaned. Where a log has transactions, what is open bounds it as well:
// its last stable offset stands here then.
Offset stable_end(const Tail& tail) {
  if (tail.unsealed.empty()) return {};
  return std::min({tail.unsealed.front()->base_offset, tail.log.high_watermark().offset,
                   tail.saved_checkpoint});
}

}  // namespace

Dirty dirty_of(const Tail& tail, Timestamp now) {
  const LogConfig& config = tail.config;
  const SegmentTable& table = tail.log.segments();
  const auto& segments = table.segments;
  Dirty dirty;
  if (segments.empty()) return dirty;
  const Offset limit = stable_end(tail);
  dirty.from = std::max(tail.cleaned.first_dirty, tail.log.start_offset());
  if (dirty.from > tail.end.offset) dirty.from = tail.log.start_offset();
  dirty.end = dirty.from;
  bool first = true;
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    Segment& segment = *segments[i];
    const Offset end = segments[i + 1]->base_offset;
    if (end > limit || !segment.sealed.load(std::memory_order_acquire)) break;
    const std::uint64_t bytes = size_bytes(table, segment, tail.end);
    if (end <= dirty.from) {
      dirty.clean_bytes += bytes;
      continue;
    }
    const bool asks_latest = config.min_compaction_lag_ms > 0;
    const bool asks_first = first && config.max_compaction_lag_ms < kNever;
    if ((asks_latest && !segment.index_loaded.load(std::memory_order_acquire)) ||
        (asks_first && segment.first_timestamp.load() == Segment::kUnknownTimestamp)) {
      dirty.unknown = &segment;
      break;
    }
    if (asks_latest && segment.max_timestamp.load() > now.value - config.min_compaction_lag_ms) {
      break;
    }
    if (asks_first) {
      const std::int64_t since = segment.first_timestamp.load();
      dirty.overdue = since >= 0 && now.value - since > config.max_compaction_lag_ms;
    }
    first = false;
    dirty.dirty_bytes += bytes;
    dirty.end = end;
  }
  return dirty;
}

Result<void> load_times(Files& files, Segment& segment) {
  if (auto loaded = ensure_index(files, segment); !loaded) return loaded;
  auto file = files.open(segment.log_path(), OpenMode::kRead);
  if (!file) return std::unexpected(file.error());
  std::int64_t first = kNoTimestamp.value;
  {
    BatchWalker walker(files, *file, 0, segment.stable_bytes.load());
    const auto step = walker.next();
    if (step && *step == BatchWalker::Step::kBatch) {
      const BatchHeader& header = walker.header();
      first = (header.has_delete_horizon() ? header.max_timestamp : header.base_timestamp).value;
    }
  }
  files.close(*file);
  segment.first_timestamp.store(first);
  return {};
}

}  // namespace duolog::storage
