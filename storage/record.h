// The records inside a batch, read in place.
//
// Views and cursors over memory that somebody else owns and that must stay until they are done
// with; one thread each. Every length is checked before it is used, so that damaged or hostile
// bytes end in an error, never beyond the buffer. The layout is in record_batch.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "engine/base/bytes.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/record_batch.h"
#include "storage/varint.h"

namespace duolog::storage {

// A header of a record. The key is whatever bytes the producer sent; Kafka's clients send UTF-8.
struct RecordHeader {
  std::string_view key;
  std::optional<Bytes> value;
};

// A cursor over the headers of one record; copy it to read them twice.
class RecordHeaders {
 public:
  RecordHeaders() = default;
  RecordHeaders(std::int32_t count, Bytes bytes) : bytes_(bytes), left_(count) {}

  // Headers not yet read.
  [[nodiscard]] std::int32_t left() const { return left_; }
  // Reads the next header. False at the end; kCorrupt when the headers do not fill their bytes.
  [[nodiscard]] Result<bool> next(RecordHeader& header);

 private:
  Bytes bytes_;
  std::int32_t left_ = 0;
};

struct Record {
  Offset offset;
  Timestamp timestamp;
  std::optional<Bytes> key;
  std::optional<Bytes> value;
  RecordHeaders headers;
};

namespace detail {

// A field of a record: a length and as many bytes; a length of -1 is null.
struct RawField {
  const std::uint8_t* data = nullptr;
  std::int32_t size = -1;

  [[nodiscard]] std::optional<Bytes> value() const {
    if (size < 0) return std::nullopt;
    return Bytes(data, static_cast<std::size_t>(size));
  }
};

// Returns the byte after the field, or null when it does not fit.
[[nodiscard]] inline const std::uint8_t* read_field(const std::uint8_t* at, const std::uint8_t* end,
                                                    RawField& field) {
  at = read_varint32(at, end, field.size);
  if (at == nullptr || field.size < -1 || field.size > end - at) [[unlikely]]
    return nullptr;
  field.data = at;
  return field.size > 0 ? at + field.size : at;
}

struct RawRecord {
  std::int64_t timestamp_delta = 0;
  std::int32_t offset_delta = 0;
  const std::uint8_t* fields = nullptr;  // from the key on, up to `end`
  RawField key;
  RawField value;
  std::int32_t header_count = 0;
  const std::uint8_t* headers = nullptr;  // up to `end`
  const std::uint8_t* end = nullptr;      // of the record
};

// Reads the record at `at`, without its headers. Null, or what is wrong with it.
[[nodiscard]] inline const char* read_record(const std::uint8_t* at, const std::uint8_t* end,
                                             RawRecord& record) {
  std::int32_t size = 0;
  at = read_varint32(at, end, size);
  if (at == nullptr || size < 1 || size > end - at) [[unlikely]]
    return "length out of bounds";
  record.end = end = at + size;
  ++at;  // the record's attributes, of which none is defined
  at = read_varint64(at, end, record.timestamp_delta);
  if (at == nullptr) [[unlikely]]
    return "bad timestamp delta";
  at = read_varint32(at, end, record.offset_delta);
  if (at == nullptr) [[unlikely]]
    return "bad offset delta";
  record.fields = at;
  at = read_field(at, end, record.key);
  if (at == nullptr) [[unlikely]]
    return "key out of bounds";
  at = read_field(at, end, record.value);
  if (at == nullptr) [[unlikely]]
    return "value out of bounds";
  at = read_varint32(at, end, record.header_count);
  if (at == nullptr) [[unlikely]]
    return "bad header count";
  record.headers = at;
  // A header is two bytes at the least; without any, nothing may follow the count.
  if (record.header_count < 0 || record.header_count > (end - at) / 2 ||
      (record.header_count == 0 && at != end)) [[unlikely]] {
    return "header count does not fit the record";
  }
  return nullptr;
}

[[nodiscard]] inline const std::uint8_t* read_header(const std::uint8_t* at,
                                                     const std::uint8_t* end, RawField& key,
                                                     RawField& value) {
  at = read_field(at, end, key);
  if (at == nullptr || key.size < 0) return nullptr;  // a header's key is never null
  return read_field(at, end, value);
}

// "record 7: key out of bounds", for an error.
[[nodiscard]] std::string at_record(std::int32_t index, const char* what);

}  // namespace detail

// A cursor over the uncompressed records of one batch. Compaction may have removed records, so
// offset deltas need only grow and stay within the batch's range.
class RecordIterator {
 public:
  // `records` is records_of() a batch, inflated if the batch is compressed.
  RecordIterator(const BatchHeader& header, Bytes records)
      : header_(header), at_(records.data()), end_(records.data() + records.size()) {}

  // Reads the next record. False at the end; kCorrupt when the records are damaged, fewer or more
  // than the header says. The headers are checked as they are read.
  [[nodiscard]] Result<bool> next(Record& record) {
    if (index_ == header_.record_count) [[unlikely]] {
      if (at_ != end_) return fail(Errc::kCorrupt, "bytes after the batch's last record");
      return false;
    }
    detail::RawRecord raw;
    if (const char* what = detail::read_record(at_, end_, raw)) [[unlikely]] {
      return fail(Errc::kCorrupt, detail::at_record(index_, what));
    }
    if (raw.offset_delta <= last_delta_ || raw.offset_delta > header_.last_offset_delta)
        [[unlikely]] {
      return fail(Errc::kCorrupt, detail::at_record(index_, "offset delta out of order"));
    }
    record.offset = header_.base_offset + raw.offset_delta;
    record.timestamp = timestamp_of(raw);
    record.key = raw.key.value();
    record.value = raw.value.value();
    record.headers = RecordHeaders(raw.header_count, Bytes(raw.headers, raw.end));
    last_delta_ = raw.offset_delta;
    at_ = raw.end;
    ++index_;
    return true;
  }

 private:
  [[nodiscard]] Timestamp timestamp_of(const detail::RawRecord& raw) const {
    if (header_.timestamp_type() == TimestampType::kLogAppendTime) return header_.max_timestamp;
    // Unsigned: a hostile delta may wrap, and must not be undefined.
    return Timestamp(
        static_cast<std::int64_t>(static_cast<std::uint64_t>(header_.base_timestamp.value) +
                                  static_cast<std::uint64_t>(raw.timestamp_delta)));
  }

  BatchHeader header_;
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  std::int32_t index_ = 0;
  std::int32_t last_delta_ = -1;
};

// Calls fn(const Record&) for each record, in order. If `fn` returns bool, false stops early, and
// what follows is not looked at. Errors: RecordIterator's, after `fn` saw the records before it.
template <class Fn>
[[nodiscard]] Result<void> for_each_record(const BatchHeader& header, Bytes records, Fn&& fn) {
  RecordIterator iterator(header, records);
  Record record;
  for (;;) {
    Result<bool> more = iterator.next(record);
    if (!more) return std::unexpected(std::move(more).error());
    if (!*more) return {};
    if constexpr (std::is_same_v<std::invoke_result_t<Fn&, const Record&>, bool>) {
      if (!fn(std::as_const(record))) return {};
    } else {
      fn(std::as_const(record));
    }
  }
}

}  // namespace duolog::storage
