#include "storage/group_commit.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "engine/base/check.h"

namespace duolog::storage {
namespace {

// A redo entry is not worth its header for less than this much of a larger rest.
constexpr std::uint64_t kSmallestSplit = 4096;

// Where the segment's last whole batch ends, once [..., to) of the log is journalled.
std::uint64_t whole_until(const Tail& tail, const Segment& segment, Position to) {
  const auto after = std::ranges::upper_bound(tail.batch_ends, to, {}, &LogEnd::position);
  const Position end = after == tail.batch_ends.begin() ? tail.acked : std::prev(after)->position;
  return std::clamp(end, segment.base_position, tail.end_of(segment)) - segment.base_position;
}

JournalEntry entry_for(const Tail& tail, EntryKind kind, const Segment& segment, Position from,
                       Position to) {
  JournalEntry entry;
  entry.kind = kind;
  entry.topic_id = tail.log.identity.topic_id;
  entry.partition = tail.log.identity.partition;
  entry.segment = segment.base_offset;
  entry.position = from - segment.base_position;
  entry.size_bytes = to - from;
  entry.whole = whole_until(tail, segment, to);
  return entry;
}

// Calls fn(Bytes) for the pieces of memory that hold [from, to) of the segment's file.
template <class Fn>
void for_each_piece(const Segment& segment, std::uint64_t from, std::uint64_t to, Fn fn) {
  while (from < to) {
    const auto piece = segment.find(from);
    CHECK(piece.data != nullptr);
    const std::uint64_t size = std::min(piece.size_bytes, to - from);
    fn(Bytes(piece.data, size));
    from += size;
  }
}

}  // namespace

GroupCommit::GroupCommit(Disk& disk, const StoreOptions& options, JournalSetup setup,
                         SegmentWriter& writer, Events events)
    : writer_(writer),
      events_(std::move(events)),
      journal_(
          disk, options, std::move(setup),
          [this](Result<void> outcome) { written(std::move(outcome)); },
          [this] {
            full_ = false;
            events_.room();
          }) {}

void GroupCommit::flush() {
  const bool was_full = full_;
  if (journal_.writing() || (pending_.empty() && !was_full)) return;
  durable_ = false;
  IntrusiveList<Tail, &Tail::pending_hook> left;
  while (Tail* tail = pending_.pop_front()) {
    if (!collect(*tail)) {
      left.push_back(*tail);
      break;
    }
  }
  // What did not fit comes first next time.
  left.splice_back(pending_);
  pending_.splice_back(left);
  full_ = !journal_.collecting() && !pending_.empty();
  if (journal_.collecting() || (full_ && journal_.releasing())) {
    journal_.commit(durable_);
  } else if (was_full && !full_) {
    events_.room();  // those that it was too full for have been deleted
  }
}

// Puts what the log has into the group. False when the group is full before that is done.
bool GroupCommit::collect(Tail& tail) {
  if (tail.log.closed()) return true;
  if (!add_extents(tail)) return false;
  if (!tail.op_busy && writer_.wants_bulk(tail)) writer_.advance(tail);
  if (tail.op_busy && tail.op && tail.op->bulk) return true;  // it comes back when that is done
  return add_redo(tail);
}

bool GroupCommit::add_extents(Tail& tail) {
  while (!tail.extents.empty()) {
    if (journal_.room() < kEntryHeaderBytes) return false;
    Tail::Extent extent = tail.extents.front();
    tail.extents.pop_front();
    // Part of it may have become durable as redo while it was written; that may have left memory.
    if (extent.to <= tail.durable) continue;
    if (extent.from < tail.durable) extent.from = tail.block_start(tail.durable);
    JournalEntry entry =
        entry_for(tail, EntryKind::kExtent, *extent.segment, extent.from, extent.to);
    entry.hash = hash_of(extent);
    journal_.add_extent(entry);
    tail.journaled = std::max(tail.journaled, extent.to);
    join_group(tail, extent.to);
  }
  return true;
}

bool GroupCommit::add_redo(Tail& tail) {
  // What has been written behind meanwhile is durable, and its memory may be gone.
  tail.journaled = std::max(tail.journaled, tail.written);
  while (tail.journaled < tail.end.position) {
    const std::uint64_t room = journal_.room();
    if (room <= kEntryHeaderBytes) return false;
    Segment& segment = tail.segment_at(tail.journaled);
    const Position from = tail.journaled;
    Position to = tail.end_of(segment);
    if (to - from > room - kEntryHeaderBytes) {
      if (room - kEntryHeaderBytes < kSmallestSplit) return false;
      to = from + (room - kEntryHeaderBytes);
    }
    std::uint8_t* at = journal_.add_redo(entry_for(tail, EntryKind::kRedo, segment, from, to));
    for_each_piece(segment, from - segment.base_position, to - segment.base_position,
                   [&at](Bytes piece) {
                     std::memcpy(at, piece.data(), piece.size());
                     at += piece.size();
                   });
    const std::uint64_t generation = journal_.generation();
    const bool covers_all = tail.marks.empty() || to >= tail.marks.back().end;
    if (from <= tail.synced && covers_all) {
      tail.supersedes_before = generation;
      durable_ =
          true;  // or a power loss could take this group, and the files it supersedes are gone
    }
    if (tail.marks.empty() || tail.marks.back().generation != generation) {
      tail.marks.push_back({generation, to});
    }
    tail.marks.back().end = std::max(tail.marks.back().end, to);
    tail.journaled = to;
    join_group(tail, to);
  }
  return true;
}

void GroupCommit::join_group(Tail& tail, Position end) {
  if (!tail.in_group) {
    tail.in_group = true;
    tail.group_end = end;
    group_.push_back(&tail);
  }
  tail.group_end = std::max(tail.group_end, end);
  durable_ |= tail.config.durability == Durability::kFsync || tail.flushed_until > tail.durable;
}

std::uint64_t GroupCommit::hash_of(const Tail::Extent& extent) {
  hasher_.reset();
  for_each_piece(*extent.segment, extent.from - extent.segment->base_position,
                 extent.to - extent.segment->base_position,
                 [this](Bytes piece) { hasher_.update(piece); });
  return hasher_.digest();
}

void GroupCommit::written(Result<void> outcome) {
  if (!outcome) return events_.failed(outcome.error());
  finished_.swap(group_);
  for (Tail* tail : finished_) {
    tail->in_group = false;
    tail->durable = std::max(tail->durable, tail->group_end);
    std::erase_if(tail->marks, [&](const Tail::JournalMark& mark) {
      return mark.generation < tail->supersedes_before;
    });
    tail->supersedes_before = 0;
    events_.durable(*tail);
  }
  finished_.clear();
}

void GroupCommit::recycle(const std::vector<Tail*>& tails) {
  if (!journal_.wants_recycling()) return;
  const std::uint64_t oldest = journal_.oldest_generation();
  bool needed = false;
  for (Tail* tail : tails) {
    while (!tail->marks.empty() &&
           tail->marks.front().end <= std::max(tail->synced, tail->in_place)) {
      tail->marks.pop_front();
    }
    if (!needs(*tail, oldest)) continue;
    needed = true;
    tail->draining = true;
    writer_.advance(*tail);
    if (!tail->log.closed()) recycle(*tail);
  }
  if (needed) return;
  journal_.release_oldest();
  if (full_) flush();  // nothing else may come that says so
}

// Whole blocks are safe once they are in the segment: the rest is journalled again, from the start
// of its block. Where the journal has no room left for that, the block is written in its place.
void GroupCommit::recycle(Tail& tail) {
  const bool drained = !tail.op_busy && tail.synced == tail.written &&
                       tail.written >= tail.block_start(tail.durable);
  if (!drained || !tail.extents.empty() || tail.supersedes_before != 0) return;
  if (full_ && !journal_.writing()) return writer_.write_last_block(tail);
  tail.journaled = std::min(tail.journaled, tail.written);
  add(tail);
}

}  // namespace duolog::storage
