#include "storage/log_reader.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "engine/base/check.h"
#include "storage/segment_files.h"

namespace duolog::storage {
namespace {

// How close a reader comes to the end of what is warm before it asks for more.
constexpr std::uint64_t kAskAheadBytes = 2 * kMiB;

// Where a read of one segment may go: the segment, and the end of what may be seen in it.
struct Place {
  Segment* segment = nullptr;
  std::uint64_t at = 0;   // in its file
  std::uint64_t end = 0;  // in its file
};

Place place_of(const Log& log, Position position, Position limit) {
  const SegmentTable& table = log.segments();
  const SegmentTable::Place found = table.place(position);
  if (!found.segment) return {};
  const Segment& segment = *found.segment;
  Position end = limit;
  if (segment.sealed.load(std::memory_order_acquire)) {
    end = std::min(end, segment.base_position + segment.stable_bytes.load());
  } else if (const Segment* next = table.after(segment)) {
    end = std::min(end, next->base_position);
  }
  return {found.segment, found.at, std::max(end, segment.base_position) - segment.base_position};
}

Position position_of(const Place& place) { return place.segment->base_position + place.at; }

// Copies `size` bytes from `at` on; false when some of them are not in memory.
bool copy_out(const Segment& segment, std::uint64_t at, std::uint8_t* into, std::uint64_t size) {
  while (size > 0) {
    const Segment::Piece piece = segment.find(at);
    if (!piece.data) return false;
    const std::uint64_t part = std::min(piece.size_bytes, size);
    std::memcpy(into, piece.data, part);
    at += part;
    into += part;
    size -= part;
  }
  return true;
}

// Whether what has just been loaded, `size` bytes of [place.at, ...), was what is in the file. What
// was not is found cold then, and its janitor says why it stays so.
bool is_whole(const Place& place, std::uint64_t size) {
  return place.segment->was_read(place.at + size) || place.segment->in_chunks(place.at);
}

const Damage* damage_at(const Place& place) {
  const Segment& segment = *place.segment;
  if (segment.damages.empty()) return nullptr;
  return segment.damages.at(place.at, segment.index.floor_position(place.at).position);
}

// Behind a damaged batch: where the next one is, and its offset, -1 if that is not known.
struct Behind {
  Position position;
  Offset offset{-1};
};
Behind behind_damage(const Log& log, const Place& place) {
  const Segment& segment = *place.segment;
  const Damage* damage = damage_at(place);
  if (damage != nullptr && damage->to != kNotCorrupt) {
    return {segment.base_position + damage->to, damage->end};
  }
  if (damage == nullptr || !damage->rest) {
    if (const auto next = segment.index.start_after(place.at)) {
      return {segment.base_position + next->position, segment.base_offset + next->relative_offset};
    }
  }
  if (const Segment* next = log.segments().after(segment)) {
    return {next->base_position, next->base_offset};
  }
  return {log.high_watermark().position};
}

ReadStatus header_at(const Place& place, BatchHeader& header) {
  std::uint8_t bytes[kBatchHeaderBytes];
  const Segment::Piece piece = place.segment->find(place.at);
  if (!piece.data) return ReadStatus::kCold;
  // Asked after that: a janitor notes what is damaged before it shows the bytes.
  if (damage_at(place) != nullptr) return ReadStatus::kCorrupt;
  const std::uint8_t* from = piece.data;
  if (piece.size_bytes < sizeof bytes) {
    if (!copy_out(*place.segment, place.at, bytes, sizeof bytes)) return ReadStatus::kCold;
    from = bytes;
  }
  auto parsed = parse_header({from, kBatchHeaderBytes});
  if (!is_whole(place, sizeof bytes)) return ReadStatus::kCold;
  if (!parsed || parsed->size_bytes() > place.end - place.at) return ReadStatus::kCorrupt;
  header = *parsed;
  return ReadStatus::kOk;
}

Cold first_missing(const Place& place, std::uint64_t size) {
  std::uint64_t at = place.at;
  const std::uint64_t end = std::min(place.end, place.at + size);
  while (at < end) {
    const auto piece = place.segment->find(at);
    if (!piece.data) break;
    at += piece.size_bytes;
  }
  return {place.segment, std::min(at, end)};
}

// Fills `out` with the memory of [at, to). Stops early where memory or `out` ends.
void slice(const Segment& segment, std::uint64_t at, std::uint64_t to, std::span<iovec> out,
           Slices& slices) {
  while (at < to && slices.count < out.size()) {
    const Segment::Piece piece = segment.find(at);
    if (!piece.data) return;
    const std::uint64_t size = std::min(piece.size_bytes, to - at);
    out[slices.count++] = {const_cast<std::uint8_t*>(piece.data), size};
    slices.size_bytes += size;
    at += size;
  }
}

// The end of the last whole batch at or before `limit`, or of the first one.
ReadStatus batch_end(const Place& place, std::uint64_t limit, bool first_whole,
                     std::uint64_t& end) {
  end = place.at;
  const IndexEntry known = place.segment->index.floor_position(limit);
  if (known.position > place.at) end = known.position;
  for (Place next = place; end < place.end;) {
    next.at = end;
    BatchHeader header;
    const ReadStatus status = header_at(next, header);
    if (status != ReadStatus::kOk) return end > place.at ? ReadStatus::kOk : status;
    const std::uint64_t after = end + header.size_bytes();
    if (after > limit && !(first_whole && end == place.at)) break;
    end = after;
  }
  return ReadStatus::kOk;
}

}  // namespace

void warm_up(Disk& disk, const Cold& cold, std::move_only_function<void(Result<void>)> done) {
  auto outcome = std::make_unique<Result<void>>();
  auto* result = outcome.get();
  cold.segment->pins.fetch_add(1);
  disk.run(
      [&disk, cold, result, starts = batch_starts(*cold.segment, cold.at)]() mutable {
        *result = warm(disk.files(), *cold.segment, cold.at, std::move(starts));
      },
      [cold, outcome = std::move(outcome), done = std::move(done)]() mutable {
        cold.segment->pins.fetch_sub(1);
        done(std::move(*outcome));
      });
}

SegmentPin pin(const Log& log, Position position) {
  return SegmentPin(log.segments().at(position));
}

Sought seek(const Log& log, Offset offset) {
  const LogEnd limit = log.high_watermark();
  Sought sought;
  if (offset < log.start_offset() || offset > limit.offset) {
    sought.status = ReadStatus::kOutOfRange;
    return sought;
  }
  sought.position = limit.position;
  const SegmentTable& table = log.segments();
  Segment* segment = table.at(offset);
  if (!segment || offset == limit.offset) return sought;
  if (offset < segment->base_offset) {  // the start has moved in between
    sought.status = ReadStatus::kOutOfRange;
    return sought;
  }
  if (!segment->index_loaded.load(std::memory_order_acquire)) {
    sought.status = ReadStatus::kCold;
    sought.cold = {segment, 0};
    return sought;
  }
  const auto relative = static_cast<std::uint32_t>(offset - segment->base_offset);
  Position position = segment->base_position + segment->index.floor_offset(relative).position;
  while (position < limit.position) {
    const Place place = place_of(log, position, limit.position);
    if (!place.segment) {
      sought.status = ReadStatus::kOutOfRange;
      break;
    }
    position = position_of(place);
    BatchHeader header;
    sought.status = header_at(place, header);
    if (sought.status == ReadStatus::kCold) sought.cold = first_missing(place, kBatchHeaderBytes);
    if (sought.status == ReadStatus::kCorrupt) {
      const Behind behind = behind_damage(log, place);
      if (behind.offset.value < 0 || offset < behind.offset) break;
      position = behind.position;
      continue;
    }
    if (sought.status != ReadStatus::kOk || header.last_offset() >= offset) break;
    position += header.size_bytes();
  }
  sought.position = position;
  return sought;
}

TimeSought seek_time(const Log& log, Timestamp timestamp, Position from) {
  const LogEnd limit = log.high_watermark();
  TimeSought sought;
  Position position = from;
  while (position < limit.position) {
    Place place = place_of(log, position, limit.position);
    if (!place.segment) {  // it has left: on from what there is
      position = log.segments().segments.front()->base_position;
      continue;
    }
    if (!place.segment->index_loaded.load(std::memory_order_acquire)) {
      return {ReadStatus::kCold, false, position, {place.segment, 0}};
    }
    if (place.segment->max_timestamp.load(std::memory_order_relaxed) < timestamp.value) {
      position = place.segment->base_position + place.end;
      continue;
    }
    const std::uint64_t skip = place.segment->index.floor_timestamp(timestamp.value).position;
    place.at = std::max(place.at, skip);
    BatchHeader header;
    sought.status = header_at(place, header);
    sought.position = place.segment->base_position + place.at;
    if (sought.status == ReadStatus::kCold) sought.cold = first_missing(place, kBatchHeaderBytes);
    if (sought.status == ReadStatus::kCorrupt) {
      sought.status = ReadStatus::kOk;
      position = behind_damage(log, place).position;
      continue;
    }
    if (sought.status != ReadStatus::kOk) return sought;
    if (header.record_count > 0 && header.max_timestamp >= timestamp) {
      sought.found = true;
      return sought;
    }
    position = sought.position + header.size_bytes();
  }
  return sought;
}

TimeSought seek_max_timestamp(const Log& log) {
  const LogEnd limit = log.high_watermark();
  std::int64_t newest = -1;
  for (Segment* segment : log.segments().segments) {
    if (segment->base_position >= limit.position) break;
    if (!segment->index_loaded.load(std::memory_order_acquire)) {
      return {ReadStatus::kCold, false, segment->base_position, {segment, 0}};
    }
    newest = std::max(newest, segment->max_timestamp.load(std::memory_order_relaxed));
  }
  // An append beyond the high watermark may hold the latest of all: then an earlier one is it.
  const auto& segments = log.segments().segments;
  const Position start = segments.empty() ? limit.position : segments.front()->base_position;
  TimeSought best = seek_time(log, Timestamp(newest), start);
  if (best.status != ReadStatus::kOk || best.found) return best;
  for (Position position = start; position < limit.position;) {
    const BatchRead batch = read_batch_header(log, position);
    if (batch.status == ReadStatus::kCorrupt) {
      position = batch.next;
      continue;
    }
    if (batch.status != ReadStatus::kOk) return {batch.status, false, position, batch.cold};
    if (batch.header.record_count > 0 &&
        (!best.found || batch.header.max_timestamp.value > newest)) {
      best.found = true;
      best.position = position;
      newest = batch.header.max_timestamp.value;
    }
    position = batch.next;
  }
  return best;
}

Slices read(const Log& log, Position from, std::uint64_t max_bytes, bool first_whole,
            std::span<iovec> out) {
  Slices slices;
  slices.from = slices.next = from;
  const LogEnd limit = log.high_watermark();
  if (from >= limit.position) return slices;
  const Place place = place_of(log, from, limit.position);
  if (!place.segment) {
    slices.status = ReadStatus::kOutOfRange;
    return slices;
  }
  slices.from = slices.next = position_of(place);
  std::uint64_t end = place.end;
  if (end - place.at > max_bytes) {
    slices.status = batch_end(place, place.at + max_bytes, first_whole, end);
  }
  if (damage_at(place) != nullptr) slices.status = ReadStatus::kCorrupt;
  if (slices.status == ReadStatus::kCold) slices.cold = first_missing(place, kBatchHeaderBytes);
  if (slices.status != ReadStatus::kOk || end <= place.at) return slices;
  end = std::min(end, place.segment->damages.next_from(place.at));
  slice(*place.segment, place.at, end, out, slices);
  if (slices.size_bytes < end - place.at) {
    // Less is in memory, or fits into `out`: back to the last whole batch of that.
    const std::uint64_t have = place.at + slices.size_bytes;
    std::uint64_t cut = 0;
    const bool have_any = slices.size_bytes > 0 &&
                          batch_end(place, have, false, cut) == ReadStatus::kOk && cut > place.at;
    slices.count = 0;
    slices.size_bytes = 0;
    if (!have_any) {
      if (have < end && !place.segment->find(have).data) {
        slices.status = ReadStatus::kCold;
        slices.cold = {place.segment, have};
        return slices;
      }
      cut = end;  // one batch in more pieces than `out`: its head, at least
    }
    slice(*place.segment, place.at, cut, out, slices);
  }
  if (place.segment->damages.next_from(place.at) < place.at + slices.size_bytes) {
    return read(log, from, max_bytes, first_whole, out);  // found since it was asked for above
  }
  slices.next += slices.size_bytes;
  const std::uint64_t soon = place.at + slices.size_bytes + kAskAheadBytes;
  if (soon < place.segment->stable_bytes.load(std::memory_order_acquire) &&
      !place.segment->find(soon).data) {
    slices.cold = {place.segment, soon};
  }
  return slices;
}

Slices read_exactly(const Log& log, Position from, Position to, std::span<iovec> out) {
  Slices slices;
  const Place place = place_of(log, from, to);
  if (!place.segment) {
    slices.status = ReadStatus::kOutOfRange;
    return slices;
  }
  slice(*place.segment, place.at, place.end, out, slices);
  slices.from = from;
  slices.next = from + slices.size_bytes;
  if (slices.size_bytes == 0 && from < to) {
    slices.status = ReadStatus::kCold;
    slices.cold = {place.segment, place.at};
  }
  return slices;
}

BatchRead read_batch_header(const Log& log, Position position) {
  BatchRead batch;
  const Place place = place_of(log, position, log.high_watermark().position);
  if (!place.segment || place.at >= place.end) {
    batch.status = ReadStatus::kOutOfRange;
    return batch;
  }
  batch.status = header_at(place, batch.header);
  if (batch.status == ReadStatus::kCold) batch.cold = first_missing(place, kBatchHeaderBytes);
  if (batch.status == ReadStatus::kCorrupt) {
    const Damage* damage = damage_at(place);
    const Behind behind = behind_damage(log, place);
    if (damage != nullptr) batch.damaged = damage->offset;
    batch.damaged_end = behind.offset;
    batch.next = behind.position;
    return batch;
  }
  batch.next = position_of(place) + batch.header.size_bytes();
  return batch;
}

BatchRead read_batch(const Log& log, Position position, Buffer& scratch) {
  BatchRead batch = read_batch_header(log, position);
  if (batch.status != ReadStatus::kOk) return batch;
  const Place place = place_of(log, position, log.high_watermark().position);
  if (!place.segment) {
    batch.status = ReadStatus::kOutOfRange;
    return batch;
  }
  const std::size_t size = batch.header.size_bytes();
  const Segment::Piece piece = place.segment->find(place.at);
  if (piece.size_bytes >= size && place.segment->in_chunks(place.at)) {
    batch.bytes = {piece.data, size};
    return batch;
  }
  // Out of a mapping as well: whoever decodes it shall not be the one to find that it is lost.
  scratch.resize(size);
  if (!copy_out(*place.segment, place.at, scratch.data(), size) || !is_whole(place, size)) {
    batch.status = ReadStatus::kCold;
    batch.cold = first_missing(place, size);
    return batch;
  }
  if (damage_at(place) != nullptr) return read_batch_header(log, position);  // as it became ready
  batch.bytes = scratch;
  return batch;
}

EpochEnd end_of_epoch(const Log& log, LeaderEpoch epoch, LeaderEpoch current) {
  const EpochHistory& epochs = log.epochs();
  if (epoch > current) return {};
  if (epoch == current) return {epoch, log.high_watermark().offset};
  const auto after = std::ranges::upper_bound(epochs, epoch, {}, &EpochStart::epoch);
  const Offset end = after == epochs.end() ? log.high_watermark().offset : after->start;
  if (after == epochs.begin()) return {};
  return {(after - 1)->epoch, end};
}

}  // namespace duolog::storage
