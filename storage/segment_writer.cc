#include "storage/segment_writer.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "engine/base/check.h"
#include "storage/checkpoint.h"
#include "storage/file_util.h"
#include "storage/segment_files.h"
#include "storage/tail.h"

namespace duolog::storage {
namespace {

// After the disk was found full, appends are refused at once for this long, then it is tried again.
constexpr std::int64_t kNoSpaceRetryMs = 1000;

// Zeros what follows `end` in its block, so that the block can be written whole.
void pad_last_block(Segment& segment, std::uint64_t end_in_file) {
  const std::uint64_t used = end_in_file % kBlockBytes;
  if (used == 0) return;
  std::memset(segment.writable(end_in_file - used) + used, 0, kBlockBytes - used);
}

Tail::SegmentOp& op_of(Tail& tail, SegmentWriter& writer) {
  if (!tail.op) {
    tail.op = std::make_unique<Tail::SegmentOp>();
    tail.op->tail = &tail;
    tail.op->writer = &writer;
  }
  return *tail.op;
}

}  // namespace

bool SegmentWriter::wants_bulk(const Tail& tail) const {
  // An acked incomplete block is not overwritten before the journal has it.
  if (tail.journaled < tail.durable && tail.written < tail.durable) return false;
  const Position settled = std::max(tail.journaled, tail.written);
  return tail.end.position > settled && tail.end.position - settled >= options_.bulk_bytes;
}

void SegmentWriter::advance(Tail& tail) {
  if (tail.op_busy || tail.unsealed.empty() || tail.stopped || tail.log.closed()) return;
  Segment& first = *tail.unsealed.front();
  if (!tail.planned && tail.end.position - tail.checkpointed >= options_.checkpoint_bytes) {
    plan_checkpoint(tail);
  }
  complete_in_place(tail);
  const bool first_done = tail.full(first) && tail.written == tail.end_of(first);
  if (first_done && tail.durable >= tail.end_of(first)) return seal(tail);
  if (!first_done && wants_bulk(tail) && write(tail, tail.end.position, true)) return;
  const bool enough =
      tail.durable > tail.written && tail.durable - tail.written >= options_.write_behind_bytes;
  if (!first_done && (enough || tail.draining || tail.full(first)) &&
      write(tail, tail.durable, false)) {
    return;
  }
  if (tail.draining && tail.synced < tail.written) return sync(tail);
  if (tail.stopping && tail.written == tail.end.position && tail.unsealed.size() == 1 &&
      !tail.allocating && !tail.making_segment) {
    return close(tail);
  }
  if (plan_is_due(tail)) return save_checkpoint(tail);
  tail.draining = tail.stopping;
}

bool SegmentWriter::write(Tail& tail, Position limit, bool bulk) {
  Segment& segment = *tail.unsealed.front();
  const Position segment_end = tail.end_of(segment);
  const bool to_the_end = (tail.full(segment) || tail.stopping) && limit >= segment_end;
  const Position up_to = std::min(limit, segment_end);
  if (up_to <= tail.written) return false;
  const std::uint64_t from = tail.written - segment.base_position;
  std::uint64_t to = up_to - segment.base_position;
  std::uint64_t padded = align_down(to, kBlockBytes);
  if (to_the_end) {
    pad_last_block(segment, to);
    padded = align_up(to, kBlockBytes);
  } else {
    to = padded;
  }
  if (padded <= from) return false;
  if (padded - from > options_.bulk_write_bytes) to = padded = from + options_.bulk_write_bytes;
  Tail::SegmentOp& op = op_of(tail, *this);
  op.kind = bulk ? DiskOp::Kind::kDurableWrite : DiskOp::Kind::kWrite;
  op.done = &SegmentWriter::written;
  op.to = segment.base_position + to;
  op.bulk = bulk;
  (bulk ? bulk_bytes_ : write_behind_bytes_) += padded - from;
  submit(tail, segment, from, padded);
  return true;
}

// Writes [from, to) of the segment's file, whole blocks, out of its chunks.
void SegmentWriter::submit(Tail& tail, Segment& segment, std::uint64_t from, std::uint64_t to) {
  CHECK(from % kBlockBytes == 0 && to <= segment.allocated_bytes);
  Tail::SegmentOp& op = *tail.op;
  std::size_t count = 0;
  for (std::uint64_t at = from; at < to;) {
    const std::uint64_t size = std::min(to, align_down(at, kChunkBytes) + kChunkBytes) - at;
    CHECK(count < op.pieces.size());
    op.pieces[count++] = {segment.writable(at), size};
    at += size;
  }
  op.file = segment.file;
  op.offset = from;
  op.data = {op.pieces.data(), count};
  op.segment = &segment;
  tail.op_busy = true;
  disk_.submit(op);
}

void SegmentWriter::write_last_block(Tail& tail) {
  Segment& segment = *tail.unsealed.front();
  const std::uint64_t from = tail.written - segment.base_position;
  const std::uint64_t end = tail.end_of(segment) - segment.base_position;
  if (end < from + kBlockBytes) pad_last_block(segment, end);
  Tail::SegmentOp& op = op_of(tail, *this);
  op.kind = DiskOp::Kind::kDurableWrite;
  op.done = &SegmentWriter::was_written_in_place;
  op.to = std::min(tail.durable, tail.written + kBlockBytes);
  op.bulk = false;
  write_behind_bytes_ += kBlockBytes;
  submit(tail, segment, from, from + kBlockBytes);
}

void SegmentWriter::was_written_in_place(DiskOp& disk_op, Result<void> outcome) {
  auto& op = static_cast<Tail::SegmentOp&>(disk_op);
  Tail& tail = *op.tail;
  tail.op_busy = false;
  op.data = {};
  if (!outcome) return op.writer->events_.failed(outcome.error());
  tail.in_place = op.to;
  // Whatever comes next is journalled with the whole block, before the block is overwritten.
  tail.journaled = std::min(tail.journaled, tail.written);
  op.writer->events_.progress(tail);
}

// A segment that ends with what is in place needs no more writing.
void SegmentWriter::complete_in_place(Tail& tail) {
  Segment& first = *tail.unsealed.front();
  const Position end = tail.end_of(first);
  if (!tail.full(first) && !tail.stopping) return;
  if (tail.written == end || tail.in_place != end || tail.durable < end) return;
  if (tail.synced == tail.written) tail.synced = end;
  tail.written = end;
  tail.journaled = std::max(tail.journaled, end);
  first.stable_bytes.store(end - first.base_position, std::memory_order_release);
}

void SegmentWriter::written(DiskOp& disk_op, Result<void> outcome) {
  auto& op = static_cast<Tail::SegmentOp&>(disk_op);
  Tail& tail = *op.tail;
  SegmentWriter& self = *op.writer;
  tail.op_busy = false;
  op.data = {};
  if (!outcome) return self.events_.failed(outcome.error());
  const Position from = tail.written;
  tail.written = op.to;
  op.segment->stable_bytes.store(op.to - op.segment->base_position, std::memory_order_release);
  // Cleared, because what comes next in this place (a sync) is none.
  if (std::exchange(op.bulk, false)) {
    if (tail.synced == from) tail.synced = op.to;
    tail.extents.push_back({op.segment, from, op.to});
    self.events_.extent(tail);
  }
  self.events_.progress(tail);
}

void SegmentWriter::sync(Tail& tail) {
  Tail::SegmentOp& op = op_of(tail, *this);
  op.kind = DiskOp::Kind::kSync;
  op.file = tail.unsealed.front()->file;
  op.data = {};
  op.to = tail.written;
  op.done = &SegmentWriter::was_synced;
  tail.op_busy = true;
  disk_.submit(op);
}

void SegmentWriter::was_synced(DiskOp& disk_op, Result<void> outcome) {
  auto& op = static_cast<Tail::SegmentOp&>(disk_op);
  op.tail->op_busy = false;
  if (!outcome) return op.writer->events_.failed(outcome.error());
  op.tail->synced = std::max(op.tail->synced, op.to);
  op.writer->events_.progress(*op.tail);
}

void SegmentWriter::seal(Tail& tail) {
  Segment& segment = *tail.unsealed.front();
  const Position end = tail.end_of(segment);
  auto outcome = std::make_unique<Result<void>>();
  auto* result = outcome.get();
  tail.op_busy = true;
  segment.pins.fetch_add(1);
  disk_.run(
      [this, result, &segment, size = end - segment.base_position, index = segment.index.snapshot(),
       last = segment.last_entry()] {
        *result = seal_segment(disk_.files(), segment.file, segment, size, index, last);
        disk_.files().close(segment.file);
      },
      [this, &tail, &segment, end, outcome = std::move(outcome)] {
        segment.pins.fetch_sub(1);
        tail.op_busy = false;
        segment.file = kNoFile;
        segment.sealed.store(true, std::memory_order_release);
        if (!*outcome) return events_.failed(outcome->error());
        tail.unsealed.pop_front();
        tail.synced = std::max(tail.synced, end);
        events_.sealed(tail, segment);
        events_.progress(tail);
      });
}

// Of the log as it ends now.
Checkpoint SegmentWriter::checkpoint_now(const Tail& tail) {
  const Segment& segment = *tail.active();
  const IndexEntry entry = segment.last_entry();
  Checkpoint checkpoint;
  checkpoint.segment = segment.base_offset;
  checkpoint.position = tail.end.position - segment.base_position;
  checkpoint.next_offset = checkpoint.floor = tail.end.offset;
  checkpoint.max_timestamp = entry.max_timestamp;
  checkpoint.max_timestamp_offset = entry.max_timestamp_offset;
  checkpoint.active_since_ms = tail.active_since_ms;
  checkpoint.epochs = tail.log.epochs();
  checkpoint.index = segment.index.snapshot();
  checkpoint.producers = tail.producers.snapshot();
  return checkpoint;
}

// What is known of producers cannot be told of an earlier point of the log than its end. So a
// checkpoint is made first, and written when the segments have caught up with it.
void SegmentWriter::plan_checkpoint(Tail& tail) {
  tail.planned = std::make_unique<Tail::PlannedCheckpoint>(checkpoint_now(tail), tail.end.position);
}

bool SegmentWriter::plan_is_due(const Tail& tail) {
  if (!tail.planned) return false;
  const Position at = tail.planned->at;
  const bool in_place = tail.synced == tail.written && tail.in_place >= at;
  return tail.durable >= at && (tail.synced >= at || in_place);
}

void SegmentWriter::save_checkpoint(Tail& tail) {
  const Position covered = tail.planned->at;
  const Offset segment = tail.planned->checkpoint.segment;
  // Segments before it will not be walked: they have been cut to their size.
  CHECK(segment == tail.unsealed.front()->base_offset);
  struct Saved {
    Result<void> outcome;
    bool is_there = false;
  };
  auto saved = std::make_unique<Saved>();
  auto* result = saved.get();
  tail.op_busy = true;
  disk_.run(
      [this, result, planned = std::move(tail.planned), directory = tail.log.identity.directory] {
        // A failure to write one costs time after a crash, and what is known of producers whose
        // batches are gone.
        auto written = write_checkpoint(disk_.files(), directory, planned->checkpoint);
        result->is_there = written.has_value();
        result->outcome = unless_unflushed(std::move(written));
      },
      [this, &tail, covered, segment, saved = std::move(saved)] {
        tail.op_busy = false;
        if (!saved->outcome) return events_.failed(saved->outcome.error());
        tail.checkpointed = covered;
        if (saved->is_there) tail.saved_checkpoint = segment;
        tail.checkpoint_segment = std::max(tail.checkpoint_segment, segment);
        events_.progress(tail);
      });
}

void SegmentWriter::close(Tail& tail) {
  Segment& segment = *tail.active();
  struct Closed {
    Result<void> outcome;
    bool has_checkpoint = false;
  };
  auto closed = std::make_unique<Closed>();
  auto* result = closed.get();
  tail.op_busy = true;
  disk_.run(
      [this, result, file = segment.file, size = tail.end.position - segment.base_position,
       checkpoint = checkpoint_now(tail), directory = tail.log.identity.directory] {
        result->outcome = disk_.files().truncate(file, size);
        if (result->outcome) result->outcome = disk_.files().sync(file);
        if (!result->outcome) return;
        // It saves time at the next start, and says what has to be there; without it the journal
        // does. A full disk must not stop us from stopping.
        auto saved = write_checkpoint(disk_.files(), directory, checkpoint);
        result->has_checkpoint = saved.has_value();
        result->outcome = unless_unflushed(std::move(saved));
      },
      [this, &tail, closed = std::move(closed)] {
        tail.op_busy = false;
        if (!closed->outcome) return events_.failed(closed->outcome.error());
        tail.stopped = true;
        tail.needs_journal = !closed->has_checkpoint;
        events_.progress(tail);
      });
}

void SegmentWriter::make_segment(Tail& tail, std::uint64_t size_bytes, std::int64_t now_ms) {
  if (tail.making_segment || tail.allocating) return;
  tail.making_segment = true;
  struct Made {
    std::unique_ptr<Segment> segment;
    Result<FileId> file = kNoFile;
  };
  const std::uint64_t max_bytes =
      segment_limit_bytes(std::max(tail.config.segment_bytes, size_bytes));
  const std::uint64_t first_bytes =
      align_up(std::max(size_bytes, std::min(options_.allocate_min_bytes, max_bytes)), kBlockBytes);
  auto made = std::make_unique<Made>();
  made->segment = std::make_unique<Segment>(tail.log.identity.directory, tail.end.offset,
                                            tail.end.position, max_bytes);
  made->segment->allocated_bytes = first_bytes;
  auto* result = made.get();
  const bool is_first = tail.log.segments().segments.empty();
  disk_.run(
      [this, result, first_bytes, is_first, identity = &tail.log.identity,
       offset = tail.end.offset] {
        if (is_first) {
          auto directory = make_partition_directory(disk_.files(), *identity);
          if (!directory) result->file = std::unexpected(directory.error());
        }
        if (!result->file) return;
        result->file = create_segment(disk_.files(), identity->directory, offset, first_bytes);
      },
      [this, &tail, now_ms, made = std::move(made)] {
        tail.making_segment = false;
        if (!made->file) return refuse_space(tail, made->file.error(), now_ms);
        made->segment->file = *made->file;
        switch_segment(tail, made->segment.release(), now_ms);
        events_.room(tail);
      });
}

void SegmentWriter::switch_segment(Tail& tail, Segment* segment, std::int64_t now_ms) {
  std::vector<Segment*> segments = tail.log.segments().segments;
  segments.push_back(segment);
  const SegmentTable* old = tail.exchange(tail.table_of(std::move(segments)));
  retired_.retire([old] { delete old; });
  tail.unsealed.push_back(segment);
  tail.active_since_ms = now_ms;
  // A plan under way is for a segment that is not the active one any more.
  // What is cleaned lies below one.
  if (!tail.producers.empty() || tail.planned || tail.config.cleanup_compact) {
    return plan_checkpoint(tail);
  }
  tail.checkpoint_segment = segment->base_offset;  // no earlier one has a producer to remember
}

void SegmentWriter::allocate(Tail& tail, std::uint64_t size_bytes, std::int64_t now_ms) {
  if (tail.making_segment || tail.allocating) return;
  tail.allocating = true;
  Segment& segment = *tail.active();
  const std::uint64_t from = segment.allocated_bytes;
  const std::uint64_t step =
      std::clamp(from, options_.allocate_min_bytes, options_.allocate_max_bytes);
  const std::uint64_t to =
      align_up(std::min(segment.max_bytes, from + std::max(step, size_bytes)), kBlockBytes);
  auto outcome = std::make_unique<Result<void>>();
  auto* result = outcome.get();
  disk_.run(
      [this, result, from, to, file = segment.file] {
        *result = disk_.files().allocate(file, from, to);
        if (*result) *result = flush(disk_.files(), file);
      },
      [this, &tail, &segment, to, now_ms, outcome = std::move(outcome)] {
        tail.allocating = false;
        if (!*outcome) return refuse_space(tail, outcome->error(), now_ms);
        segment.allocated_bytes = to;
        events_.room(tail);
      });
}

void SegmentWriter::refuse_space(Tail& tail, Error error, std::int64_t now_ms) {
  if (error.code == Errc::kUnflushed) return events_.failed(std::move(error));
  tail.space_error = std::move(error);
  tail.no_space_until_ms = now_ms + kNoSpaceRetryMs;
  events_.room(tail);
}

}  // namespace duolog::storage
