#include "storage/cleaner/compaction.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "storage/codec.h"
#include "storage/record.h"
#include "storage/varint.h"

namespace duolog::storage {
namespace {

// Unsigned: what a client claims may wrap, and must not be undefined.
std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t wrapping_sub(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

Result<Bytes> inflated_records(Bytes batch, const BatchHeader& header, Buffer& inflated) {
  const Bytes records = records_of(batch, header);
  if (header.codec() == Codec::kNone || header.record_count == 0) return records;
  auto outcome = decompress(header.codec(), records, kMaxInflatedBytes, inflated);
  if (!outcome) return fail(Errc::kCorrupt, outcome.error().message);
  return Bytes(inflated);
}

// Calls fn(record) for each record, in order; false stops.
template <class Fn>
Result<void> for_each_raw(const BatchHeader& header, Bytes records, Fn&& fn) {
  const std::uint8_t* at = records.data();
  const std::uint8_t* const end = at + records.size();
  std::int32_t last_delta = -1;
  for (std::int32_t i = 0; i < header.record_count; ++i) {
    detail::RawRecord record;
    if (const char* what = detail::read_record(at, end, record)) {
      return fail(Errc::kCorrupt, detail::at_record(i, what));
    }
    if (record.offset_delta <= last_delta || record.offset_delta > header.last_offset_delta) {
      return fail(Errc::kCorrupt, detail::at_record(i, "offset delta out of order"));
    }
    last_delta = record.offset_delta;
    at = record.end;
    if (!fn(record)) return {};
  }
  if (at != end) return fail(Errc::kCorrupt, "bytes after the batch's last record");
  return {};
}

bool is_past(const BatchHeader& header, Timestamp now) {
  return header.has_delete_horizon() && header.base_timestamp <= now;
}

bool stays(const detail::RawRecord& record, const BatchHeader& header, const KeyOffsets& keys,
           bool past_horizon) {
  const Offset offset = header.base_offset + record.offset_delta;
  if (offset >= keys.end()) return true;
  const std::optional<Bytes> key = record.key.value();
  if (!key || keys.has_later(*key, offset)) return false;
  return record.value.size >= 0 || !past_horizon;
}

// What a batch is rewritten to.
struct Rewritten {
  std::uint16_t attributes = 0;
  std::int64_t base_timestamp = -1;
  std::int64_t max_timestamp = -1;
  std::int32_t count = 0;
};

void add_record(Buffer& records, const detail::RawRecord& record, std::int64_t timestamp_delta) {
  const auto fields = static_cast<std::size_t>(record.end - record.fields);
  const std::size_t body =
      1 + varint_size(timestamp_delta) + varint_size(record.offset_delta) + fields;
  const std::size_t whole = varint_size(static_cast<std::int64_t>(body)) + body;
  records.resize(records.size() + whole);
  std::uint8_t* at = records.end() - whole;
  at = write_varint(at, static_cast<std::int64_t>(body));
  *at++ = 0;  // attributes, of which none is defined
  at = write_varint(at, timestamp_delta);
  at = write_varint(at, record.offset_delta);
  std::memcpy(at, record.fields, fields);
}

// The batch's header, with other records, times and attributes.
void add_batch(Buffer& out, Bytes batch, const Rewritten& with, Bytes records) {
  const std::size_t from = out.size();
  out.append(batch.first(kBatchHeaderBytes));
  out.append(records);
  std::uint8_t* at = out.data() + from;
  store_be<std::int32_t>(
      at + batch_at::kBatchLength,
      static_cast<std::int32_t>(kBatchHeaderBytes + records.size() - kBatchLengthEnd));
  store_be<std::uint16_t>(at + batch_at::kAttributes, with.attributes);
  store_be<std::int64_t>(at + batch_at::kBaseTimestamp, with.base_timestamp);
  store_be<std::int64_t>(at + batch_at::kMaxTimestamp, with.max_timestamp);
  store_be<std::int32_t>(at + batch_at::kRecordCount, with.count);
  store_crc({at, kBatchHeaderBytes + records.size()});
}

void add_empty(Buffer& out, Bytes batch, const BatchHeader& header) {
  add_batch(out, batch,
            {.attributes =
                 static_cast<std::uint16_t>(header.attributes & ~(kCodecMask | kDeleteHorizonBit)),
             .base_timestamp = kNoTimestamp.value,
             .max_timestamp = header.max_timestamp.value},
            {});
}

// What is to be known of the records that stay.
struct Survivors {
  std::int32_t count = 0;
  std::int32_t tombstones = 0;
  std::int64_t first_timestamp = -1;
};

// One batch, and what its records are judged by.
struct Judged {
  const BatchHeader& header;
  const KeyOffsets& keys;
  bool past_horizon = false;

  [[nodiscard]] bool keeps(const detail::RawRecord& record) const {
    return header.is_control() || stays(record, header, keys, past_horizon);
  }
  [[nodiscard]] bool has_append_time() const {
    return header.timestamp_type() == TimestampType::kLogAppendTime;
  }
  [[nodiscard]] std::int64_t timestamp_of(const detail::RawRecord& record) const {
    return has_append_time() ? header.max_timestamp.value
                             : wrapping_add(header.base_timestamp.value, record.timestamp_delta);
  }
};

Result<Survivors> survivors_of(const Judged& judged, Bytes records) {
  Survivors survivors;
  const auto read = for_each_raw(judged.header, records, [&](const detail::RawRecord& record) {
    if (!judged.keeps(record)) return true;
    if (survivors.count++ == 0) survivors.first_timestamp = judged.timestamp_of(record);
    if (record.value.size < 0) ++survivors.tombstones;
    return true;
  });
  if (!read) return std::unexpected(read.error());
  return survivors;
}

std::int64_t horizon_of(const CompactionRules& rules) {
  constexpr std::int64_t kEver = std::numeric_limits<std::int64_t>::max();
  return rules.delete_retention_ms > kEver - rules.now.value
             ? kEver
             : rules.now.value + rules.delete_retention_ms;
}

// Adds the batch with what stays of its records; `with` has its base timestamp and attributes.
Result<void> add_survivors(const Judged& judged, Bytes batch, Bytes records, Rewritten& with,
                           Buffer& out, CompactionScratch& scratch) {
  const BatchHeader& header = judged.header;
  with.max_timestamp = judged.has_append_time() ? header.max_timestamp.value : kNoTimestamp.value;
  scratch.records.clear();
  const auto read = for_each_raw(header, records, [&](const detail::RawRecord& record) {
    if (!judged.keeps(record)) return true;
    const std::int64_t timestamp = judged.timestamp_of(record);
    if (!judged.has_append_time()) with.max_timestamp = std::max(with.max_timestamp, timestamp);
    add_record(scratch.records, record, wrapping_sub(timestamp, with.base_timestamp));
    return true;
  });
  if (!read) return read;
  Bytes kept = scratch.records;
  if (header.codec() != Codec::kNone) {
    if (auto deflated = compress(header.codec(), kept, scratch.deflated); !deflated) {
      return deflated;
    }
    kept = scratch.deflated;
  }
  add_batch(out, batch, with, kept);
  return {};
}

}  // namespace

Result<bool> note_keys(Bytes batch, const BatchHeader& header, Offset from, KeyOffsets& keys,
                       CompactionScratch& scratch) {
  bool all = true;
  if (!header.is_control() && header.record_count > 0) {
    auto records = inflated_records(batch, header, scratch.inflated);
    if (!records) return std::unexpected(records.error());
    const auto read = for_each_raw(header, *records, [&](const detail::RawRecord& record) {
      const Offset offset = header.base_offset + record.offset_delta;
      if (offset < from) return true;
      const std::optional<Bytes> key = record.key.value();
      all = !key || keys.note(*key, offset);
      if (all) keys.note_end(offset + 1);
      return all;
    });
    if (!read) return std::unexpected(read.error());
  }
  if (all) keys.note_end(std::max(keys.end(), header.next_offset()));
  return all;
}

Result<CompactedBatch> compact_batch(Bytes batch, const BatchHeader& header, const KeyOffsets& keys,
                                     const CompactionRules& rules, bool keep_empty, Buffer& out,
                                     CompactionScratch& scratch) {
  CompactedBatch made{.max_timestamp = header.max_timestamp};
  const auto verbatim = [&](std::int32_t tombstones) {
    out.append(batch);
    made.kept = true;
    made.records = header.record_count;
    made.tombstones = tombstones;
    return made;
  };
  const auto empty = [&] {
    if (keep_empty) add_empty(out, batch, header);
    made.kept = keep_empty;
    return made;
  };
  if (header.base_offset >= keys.end()) return verbatim(0);
  if (header.record_count == 0) return empty();
  const Judged judged{header, keys, is_past(header, rules.now)};
  if (header.is_control() && judged.past_horizon) return empty();

  auto inflated = inflated_records(batch, header, scratch.inflated);
  if (!inflated) return std::unexpected(inflated.error());
  const auto found = survivors_of(judged, *inflated);
  if (!found) return std::unexpected(found.error());
  const Survivors& survivors = *found;
  if (survivors.count == 0) return empty();
  // Not yet for a batch that has not been noted whole: what its last tombstones delete is still
  // there, and whoever reads that has the time from then on to read them, too.
  const bool wants_horizon = !header.has_delete_horizon() && header.last_offset() < keys.end() &&
                             (survivors.tombstones > 0 || header.is_control());
  if (survivors.count == header.record_count && !wants_horizon) {
    return verbatim(survivors.tombstones);
  }
  Rewritten with{.attributes = header.attributes,
                 .base_timestamp = header.has_delete_horizon() ? header.base_timestamp.value
                                                               : survivors.first_timestamp,
                 .count = survivors.count};
  if (wants_horizon) {
    with.attributes |= kDeleteHorizonBit;
    with.base_timestamp = horizon_of(rules);
  }
  if (auto added = add_survivors(judged, batch, *inflated, with, out, scratch); !added) {
    return std::unexpected(added.error());
  }
  made.kept = true;
  made.records = survivors.count;
  made.tombstones = survivors.tombstones;
  made.max_timestamp = Timestamp(with.max_timestamp);
  return made;
}

}  // namespace duolog::storage
