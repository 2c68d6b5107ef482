#include "storage/log_recovery.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <span>

#include "storage/cleaner/segment_swap.h"
#include "storage/hash.h"
#include "storage/record_batch.h"
#include "storage/segment.h"
#include "storage/segment_files.h"

namespace duolog::storage {
namespace {

constexpr std::uint64_t kWorthACheckpoint = 4 * kMiB;
// More than what is written to a segment at a time: no write that was torn leaves as many zeros.
constexpr std::uint64_t kOnlyAllocated = 4 * kMiB;

}  // namespace

LogRecovery::LogRecovery(Files& files, std::string directory, Offset start)
    : files_(&files),
      directory_(std::move(directory)),
      start_(start),
      // The log bounds them; who goes beyond the limit is known once all logs are there.
      all_producers_(std::make_unique<Producers>(
          ProducerLimits{.max_producers = std::numeric_limits<std::size_t>::max()})),
      producers_(std::make_unique<ProducerTable>(*all_producers_)) {}

Result<std::optional<LogRecovery>> LogRecovery::open(Files& files, std::string directory,
                                                     Offset start) {
  auto entries = files.list(directory);
  if (!entries) {
    if (entries.error().code == Errc::kNotFound) return std::optional<LogRecovery>();
    return std::unexpected(entries.error());
  }
  LogRecovery log(files, std::move(directory), start);
  auto swapped = finish_swaps(files, log.directory_, *entries);
  if (!swapped) return std::unexpected(swapped.error());
  if (*swapped) {
    entries = files.list(log.directory_);
    if (!entries) return std::unexpected(entries.error());
  }
  std::set<std::string> names;
  for (const DirectoryEntry& entry : *entries) {
    if (entry.name.ends_with(".tmp")) {
      log.left_out_.push_back(log.directory_ + "/" + entry.name);
      continue;
    }
    names.insert(entry.name);
    if (!entry.name.ends_with(".log")) continue;
    SegmentFile segment;
    std::from_chars(entry.name.data(), entry.name.data() + entry.name.size(),
                    segment.base_offset.value);
    log.segments_[segment.base_offset] = segment;
  }
  log.checkpoint_ = read_checkpoint(files, log.directory_);
  if (log.checkpoint_) log.floor_ = log.checkpoint_->floor;
  if (log.segments_.empty()) {
    if (log.floor_ <= start) {
      if (auto removed = log.remove_left_out(); !removed) return std::unexpected(removed.error());
      return std::optional<LogRecovery>();
    }
    return fail(Errc::kCorrupt, log.directory_ +
                                    ": its segments are missing, and the records up to offset " +
                                    std::to_string(log.floor_.value - 1) + " were flushed");
  }
  log.leave_out_below_start(names);
  for (auto& [offset, segment] : log.segments_) {
    segment.sealed = offset != log.segments_.rbegin()->first &&
                     names.contains(segment_file_name(offset, ".index"));
    segment.compacted = names.contains(segment_file_name(offset, kCompactedSuffix));
    auto file = files.open(log.path(segment), OpenMode::kRead);
    if (!file) return std::unexpected(file.error());
    auto size = files.size(*file);
    files.close(*file);
    if (!size) return std::unexpected(size.error());
    segment.size_bytes = *size;
  }
  const Offset last = log.segments_.rbegin()->first;
  log.stale_index_ = std::ranges::any_of(kIndexSuffixes, [&](const char* suffix) {
    return names.contains(segment_file_name(last, suffix));
  });
  return std::optional<LogRecovery>(std::move(log));
}

// The start is durable, so that no more than what is below it can have been removed: any of those
// files may be there or not. What the checkpoint does not cover has to be walked first. An index of
// a segment that is not there goes with them.
void LogRecovery::leave_out_below_start(const std::set<std::string>& names) {
  while (checkpoint_ && segments_.begin()->first < checkpoint_->segment &&
         below_start(segments_.begin()->first)) {
    left_out_.push_back(path(segments_.begin()->second));
    segments_.erase(segments_.begin());
  }
  for (const std::string& name : names) {
    if (!name.ends_with(kCompactedSuffix) &&
        std::ranges::none_of(kIndexSuffixes,
                             [&](const char* suffix) { return name.ends_with(suffix); })) {
      continue;
    }
    Offset base;
    std::from_chars(name.data(), name.data() + name.size(), base.value);
    if (!segments_.contains(base)) left_out_.push_back(directory_ + "/" + name);
  }
}

Result<void> LogRecovery::remove_left_out() {
  for (const std::string& path : left_out_) {
    if (auto removed = files_->remove(path); !removed) return removed;
  }
  left_out_.clear();
  return {};
}

LogRecovery::LogRecovery(LogRecovery&& other) noexcept
    : files_(other.files_),
      directory_(std::move(other.directory_)),
      start_(other.start_),
      segments_(std::exchange(other.segments_, {})),
      dropped_(std::exchange(other.dropped_, {})),
      left_out_(std::move(other.left_out_)),
      stale_index_(other.stale_index_),
      checkpoint_(std::move(other.checkpoint_)),
      floor_(other.floor_),
      all_producers_(std::move(other.all_producers_)),
      producers_(std::move(other.producers_)),
      settled_(other.settled_),
      checkpoint_due_(other.checkpoint_due_),
      saved_segment_(other.saved_segment_),
      walked_bytes_(other.walked_bytes_),
      cut_bytes_(other.cut_bytes_) {}

LogRecovery::~LogRecovery() {
  for (auto* segments : {&segments_, &dropped_}) {
    for (auto& [offset, segment] : *segments) {
      if (segment.file != kNoFile) files_->close(segment.file);
    }
  }
}

bool LogRecovery::below_start(Offset segment) const {
  const auto next = segments_.upper_bound(segment);
  return next != segments_.end() && next->first <= start_;
}

bool LogRecovery::was_cleaned(Offset segment) const {
  const auto next = segments_.upper_bound(segment);
  return next != segments_.begin() && std::prev(next)->second.compacted;
}

std::string LogRecovery::path(const SegmentFile& segment) const {
  return directory_ + "/" + segment_file_name(segment.base_offset, ".log");
}

std::unexpected<Error> LogRecovery::corrupt(const SegmentFile& segment, std::uint64_t position,
                                            const std::string& what) const {
  return fail(Errc::kCorrupt, path(segment) + " at position " + std::to_string(position) + ": " +
                                  what + "; the records before it are intact");
}

Result<void> LogRecovery::touch(SegmentFile& segment) {
  if (segment.file != kNoFile) return {};
  auto file = files_->open(path(segment), OpenMode::kReadWrite);
  if (!file) return std::unexpected(file.error());
  segment.file = *file;
  return {};
}

Result<void> LogRecovery::redo(const JournalEntry& entry) {
  // Only what was flushed is cleaned: what the journal has of it nobody needs.
  if (was_cleaned(entry.segment)) return {};
  const auto found = segments_.find(entry.segment);
  if (found == segments_.end()) {
    // Retention removes whole segments.
    if (entry.segment < segments_.begin()->first || below_start(entry.segment)) return {};
    return fail(Errc::kCorrupt, directory_ + ": the segment of offset " +
                                    std::to_string(entry.segment.value) + " is missing");
  }
  SegmentFile& segment = found->second;
  if (auto touched = touch(segment); !touched) return touched;
  if (entry.position + entry.size_bytes > segment.size_bytes) {
    if (below_start(entry.segment)) return {};
    return corrupt(segment, entry.position, "the file is shorter than the journal says");
  }
  segment.redo_end = std::max(segment.redo_end, entry.position + entry.size_bytes);
  segment.whole_end = std::max(segment.whole_end, entry.whole);
  if (entry.kind == EntryKind::kExtent) return check_extent(segment, entry);
  return files_->write(segment.file, entry.position, entry.bytes);
}

Result<void> LogRecovery::check_extent(const SegmentFile& segment, const JournalEntry& entry) {
  std::vector<std::uint8_t> bytes(std::min(entry.size_bytes, kMiB));
  Hasher hasher;
  for (std::uint64_t at = 0; at < entry.size_bytes;) {
    const std::uint64_t size = std::min<std::uint64_t>(bytes.size(), entry.size_bytes - at);
    auto got = files_->read(segment.file, entry.position + at, {bytes.data(), size});
    if (!got) return std::unexpected(got.error());
    hasher.update({bytes.data(), *got});
    if (*got == 0) break;
    at += *got;
  }
  if (hasher.digest() != entry.hash && !below_start(segment.base_offset)) {
    return corrupt(segment, entry.position,
                   std::to_string(entry.size_bytes) + " bytes that were flushed are damaged");
  }
  return {};
}

// Before the checkpoint nothing is walked, unless it does not fit what is there.
void LogRecovery::begin_at_checkpoint(RecoveredLog& log) {
  if (!checkpoint_) return;
  const auto found = segments_.find(checkpoint_->segment);
  if (found == segments_.end() || checkpoint_->position > found->second.size_bytes) {
    checkpoint_.reset();
    return;
  }
  saved_segment_ = checkpoint_->segment;
  log.epochs = checkpoint_->epochs;
  producers_->load(checkpoint_->producers);
}

// Segments below the start of the log went before a checkpoint covered them, for there was no space
// for one: what is known of producers has a gap there, too.
void LogRecovery::begin_after_gap(RecoveredLog& log, Offset segment) {
  for (auto at = segments_.begin(); at->first < segment;) {
    dropped_.insert(segments_.extract(at++));
  }
  log.segments.clear();
  producers_->clear();
}

Result<RecoveredLog> LogRecovery::finish() {
  RecoveredLog log;
  begin_at_checkpoint(log);
  log.end = segments_.begin()->first;
  const Offset first_walked = checkpoint_ ? checkpoint_->segment : segments_.begin()->first;
  for (auto at = segments_.begin(); at != segments_.end(); ++at) {
    auto& [offset, segment] = *at;
    if (offset > first_walked && log.end != offset && offset <= start_) {
      begin_after_gap(log, offset);
    } else if (offset > first_walked && log.end != offset) {
      auto dropped = drop_from(offset);
      if (!dropped) return std::unexpected(dropped.error());
      if (*dropped) break;
      return corrupt(segment, 0,
                     "offsets from " + std::to_string(log.end.value) + " on are missing");
    }
    segment.end = segment.size_bytes;
    if (offset >= first_walked) {
      if (auto walked = walk(segment, log); !walked) return std::unexpected(walked.error());
    }
    log.segments.push_back({offset, segment.end, segment.compacted});
  }
  if (auto checked = check_floor(log); !checked) return std::unexpected(checked.error());
  log.start = std::max(start_, segments_.begin()->first);
  if (log.end < log.start) begin_at_start(log);
  if (auto read = read_last_block(log); !read) return std::unexpected(read.error());
  if (auto removed = remove_left_out(); !removed) return std::unexpected(removed.error());
  log.producers = producers_->snapshot();
  settled_ = is_settled(log);
  if (auto flushed = flush(); !flushed) return std::unexpected(flushed.error());
  return log;
}

// All that is there was flushed before the checkpoint that says so was written: since then nothing
// has been appended, and there is nothing to flush, to cut or to remove. So it is with most logs
// after a clean stop.
bool LogRecovery::is_settled(const RecoveredLog& log) const {
  const auto untouched = [](const auto& entry) {
    const SegmentFile& segment = entry.second;
    return segment.redo_end == 0 && segment.end == segment.size_bytes;
  };
  return checkpoint_ && floor_ == log.end && dropped_.empty() && !stale_index_ &&
         checkpoint_->segment == segments_.rbegin()->first &&
         checkpoint_->segment < checkpoint_->floor && std::ranges::all_of(segments_, untouched);
}

// What a killed server wrote and made may be there and not be durable yet. Before a checkpoint says
// that it is: one that a recovery has named must be believed by the next.
Result<void> LogRecovery::flush() {
  if (settled_) return {};
  for (auto& [offset, segment] : segments_) {
    if (segment.file == kNoFile) continue;
    if (auto synced = files_->sync(segment.file); !synced) return synced;
  }
  return files_->sync_directory(directory_);
}

// Nobody needs what is below the start; the rest of what is below the floor is there, or damaged.
Result<void> LogRecovery::check_floor(const RecoveredLog& log) const {
  if (floor_ <= start_) return {};
  const SegmentFile& first = segments_.begin()->second;
  if (first.base_offset > start_) {
    return corrupt(first, 0,
                   "the records from offset " + std::to_string(start_.value) +
                       " on, before this file, are missing");
  }
  if (log.end >= floor_) return {};
  const SegmentFile& last = segments_.rbegin()->second;
  return corrupt(last, last.end,
                 "the records up to offset " + std::to_string(floor_.value - 1) +
                     " were flushed, and from offset " + std::to_string(log.end.value) +
                     " on they are damaged or missing");
}

// A power loss took records that the log had been cut beyond (durability os): the log is empty, and
// its offsets are not given out again.
void LogRecovery::begin_at_start(RecoveredLog& log) {
  dropped_.merge(segments_);
  log.segments.clear();
  log.index.clear();
  log.max_timestamp = -1;
  log.max_timestamp_offset = 0;
  log.end = log.start;
}

// A segment that was made for appends that never became durable, nor did some before them: it is
// empty, and goes. False when there is something in it.
Result<bool> LogRecovery::drop_from(Offset offset) {
  for (auto at = segments_.lower_bound(offset); at != segments_.end(); ++at) {
    if (at->second.redo_end > 0) return false;
    auto held = holds_a_batch(at->second);
    if (!held) return held;
    if (*held) return false;
  }
  for (auto at = segments_.lower_bound(offset); at != segments_.end();) {
    dropped_.insert(segments_.extract(at++));
  }
  return true;
}

Result<bool> LogRecovery::holds_a_batch(SegmentFile& segment) {
  if (auto touched = touch(segment); !touched) return std::unexpected(touched.error());
  BatchWalker walker(*files_, segment.file, 0, segment.size_bytes);
  auto step = walker.next();
  if (!step) return std::unexpected(step.error());
  return *step == BatchWalker::Step::kBatch && crc_matches(walker.batch());
}

// What was written from `from` on; the rest of the file is space that was allocated ahead.
Result<void> LogRecovery::count_cut(SegmentFile& segment, std::uint64_t from) {
  if (auto touched = touch(segment); !touched) return touched;
  std::vector<std::uint8_t> bytes(std::min(segment.size_bytes - from, 256 * kKiB));
  std::uint64_t written = from;
  for (std::uint64_t at = from; at < segment.size_bytes && at - written < kOnlyAllocated;) {
    auto got = files_->read(segment.file, at, bytes);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) break;
    const auto read = std::span(bytes).first(*got);
    const auto zeros =
        std::find_if(read.rbegin(), read.rend(), [](auto byte) { return byte != 0; });
    if (zeros != read.rend()) written = at + static_cast<std::uint64_t>(read.rend() - zeros);
    at += *got;
  }
  cut_bytes_ += written - from;
  return {};
}

Result<void> LogRecovery::cut() {
  if (settled_) return {};
  for (auto& [offset, segment] : dropped_) {
    if (offset >= start_) {  // what is below it nobody misses
      if (auto counted = count_cut(segment, 0); !counted) return counted;
    }
    if (auto removed = files_->remove(path(segment)); !removed) return removed;
  }
  for (auto& [offset, segment] : segments_) {
    if (segment.end == segment.size_bytes) continue;
    if (auto counted = count_cut(segment, segment.end); !counted) return counted;
    if (auto outcome = files_->truncate(segment.file, segment.end); !outcome) return outcome;
    if (auto outcome = files_->sync(segment.file); !outcome) return outcome;
  }
  if (stale_index_ && !segments_.empty()) {
    const Offset active = segments_.rbegin()->first;
    for (const char* suffix : kIndexSuffixes) {
      (void)files_->remove(directory_ + "/" + segment_file_name(active, suffix));
    }
  }
  return dropped_.empty() && !stale_index_ ? Result<void>{} : files_->sync_directory(directory_);
}

Result<void> LogRecovery::save_checkpoint(const RecoveredLog& log) {
  if (log.segments.empty()) return {};
  const Offset active = log.segments.back().base_offset;
  const Offset first = segments_.begin()->first;
  const bool covered =
      log.producers.empty() || (checkpoint_ ? checkpoint_->segment : first) == active;
  const bool anew = walked_bytes_ >= kWorthACheckpoint || !covered;
  // Segments before a checkpoint are not walked: they are cut to their size first.
  checkpoint_due_ = anew && has_uncut(active);
  if ((!anew || checkpoint_due_) && floor_ == log.end) return {};
  return write_checkpoint_of(log, anew && !checkpoint_due_);
}

Result<void> LogRecovery::save_due_checkpoint(const RecoveredLog& log) {
  return checkpoint_due_ ? write_checkpoint_of(log, true) : Result<void>{};
}

bool LogRecovery::has_uncut(Offset before) const {
  return std::any_of(segments_.begin(), segments_.lower_bound(before), [](const auto& segment) {
    return segment.second.end != segment.second.size_bytes;
  });
}

// `anew`: as the log is now; else the one that was there, with another floor.
Result<void> LogRecovery::write_checkpoint_of(const RecoveredLog& log, bool anew) {
  const Offset first = segments_.begin()->first;
  const Offset active = log.segments.back().base_offset;
  Checkpoint checkpoint = checkpoint_.value_or(Checkpoint{.segment = first, .next_offset = first});
  if (anew) {
    checkpoint.segment = active;
    checkpoint.position = log.segments.back().size_bytes;
    checkpoint.next_offset = log.end;
    checkpoint.max_timestamp = log.max_timestamp;
    checkpoint.max_timestamp_offset = log.max_timestamp_offset;
    checkpoint.active_since_ms = log.active_since_ms;
    checkpoint.epochs = log.epochs;
    checkpoint.index = log.index;
    checkpoint.producers = log.producers;
  }
  // Known from now on, however often the server is killed.
  if (checkpoint.segment == active) checkpoint.active_since_ms = log.active_since_ms;
  checkpoint.floor = log.end;
  auto written = write_checkpoint(*files_, directory_, checkpoint);
  if (!written && written.error().code == Errc::kNoSpace) return {};
  if (written) saved_segment_ = checkpoint.segment;
  return written;
}

Result<void> LogRecovery::walk(SegmentFile& segment, RecoveredLog& log) {
  if (auto touched = touch(segment); !touched) return touched;
  log.index.clear();
  log.max_timestamp = -1;
  log.max_timestamp_offset = 0;
  log.active_since_ms = kUnknownSince;
  log.end = segment.base_offset;
  std::uint64_t from = 0;
  if (checkpoint_ && checkpoint_->segment == segment.base_offset) {
    from = checkpoint_->position;
    log.end = checkpoint_->next_offset;
    log.index = checkpoint_->index;
    log.max_timestamp = checkpoint_->max_timestamp;
    log.max_timestamp_offset = checkpoint_->max_timestamp_offset;
    log.active_since_ms = checkpoint_->active_since_ms;
  }
  BatchWalker walker(*files_, segment.file, from, segment.size_bytes);
  auto step = walker.next();
  while (step && *step == BatchWalker::Step::kBatch && accept(walker, segment, log)) {
    note(walker, segment, log);
    step = walker.next();
  }
  if (!step) return std::unexpected(step.error());
  const std::uint64_t end = walker.position();
  walked_bytes_ += end - from;

  // What the journal vouches for must be there.
  const std::uint64_t vouched = segment.sealed ? segment.size_bytes : segment.whole_end;
  if (end < vouched && !below_start(segment.base_offset)) {
    return corrupt(segment, end, "a record batch is damaged");
  }
  segment.end = end;
  return {};
}

bool LogRecovery::accept(const BatchWalker& walker, const SegmentFile& segment,
                         const RecoveredLog& log) {
  const BatchHeader& header = walker.header();
  const bool follows =
      header.base_offset == log.end || (segment.compacted && header.base_offset > log.end);
  return follows && crc_matches(walker.batch()) &&
         (log.epochs.empty() || header.leader_epoch >= log.epochs.back().epoch);
}

void LogRecovery::note(const BatchWalker& walker, const SegmentFile& segment, RecoveredLog& log) {
  const BatchHeader& header = walker.header();
  if (log.epochs.empty() || header.leader_epoch > log.epochs.back().epoch) {
    log.epochs.push_back({header.leader_epoch, header.base_offset});
  }
  const auto position = static_cast<std::uint32_t>(walker.position());
  const std::uint32_t previous = log.index.empty() ? 0 : log.index.back().position;
  if (position - previous >= SegmentIndex::kFirstStrideBytes) {
    log.index.push_back({static_cast<std::uint32_t>(header.base_offset - segment.base_offset),
                         position, log.max_timestamp, log.max_timestamp_offset});
  }
  if (header.record_count > 0 && header.max_timestamp.value > log.max_timestamp) {
    log.max_timestamp = header.max_timestamp.value;
    log.max_timestamp_offset =
        static_cast<std::uint32_t>(header.last_offset() - segment.base_offset);
  }
  log.end = header.next_offset();
  if (header.has_producer_id() && !header.is_control()) {
    const ProducerStamp stamp = producer_stamp(walker.batch());
    producers_->replay(stamp, {header.base_offset, Position(0), header.max_timestamp,
                               stamp.first_sequence, stamp.last_sequence});
  }
}

Result<void> LogRecovery::read_last_block(RecoveredLog& log) {
  if (segments_.empty()) return {};
  SegmentFile& segment = segments_.rbegin()->second;
  log.last_block.resize(segment.end % kBlockBytes);
  if (log.last_block.empty()) return {};
  auto got = files_->read(segment.file, align_down(segment.end, kBlockBytes), log.last_block);
  if (!got) return std::unexpected(got.error());
  if (*got != log.last_block.size()) return corrupt(segment, segment.end, "cannot be read");
  return {};
}

}  // namespace duolog::storage
