// RecordBatchBuilder: makes one uncompressed batch of records that have no batch yet.
//
// A shard owns one for the records that arrive by WebSocket, and uses it again and again: its
// memory is kept. One thread. Limits: a batch is at most `max_batch_bytes`, header included; a
// record's key, value and headers count towards it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "engine/base/buffer.h"
#include "engine/base/bytes.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/record.h"
#include "storage/record_batch.h"

namespace duolog::storage {

// What a record is made of; everything is copied by `add`.
struct NewRecord {
  Timestamp timestamp = kNoTimestamp;
  std::optional<Bytes> key;
  std::optional<Bytes> value;
  std::span<const RecordHeader> headers;
};

class RecordBatchBuilder {
 public:
  // `max_batch_bytes` is at least 61 and at most 1 GiB.
  explicit RecordBatchBuilder(std::size_t max_batch_bytes = BatchLimits{}.max_batch_bytes);

  // Adds one record. kTooLarge when the batch would exceed its limit: nothing has been added, and
  // the batch can be finished as it is.
  [[nodiscard]] Result<void> add(const NewRecord& record);

  [[nodiscard]] std::int32_t record_count() const { return record_count_; }
  // Of the batch so far, header included.
  [[nodiscard]] std::size_t size_bytes() const { return bytes_.size(); }

  // Completes the header (base offset 0, no producer id, create time) and the CRC. There must be a
  // record. The bytes stay valid until `clear`, `add` or the builder's end; writable, so that the
  // log can patch them.
  [[nodiscard]] MutableBytes finish();
  // Starts a new batch in the same memory.
  void clear();

 private:
  Buffer bytes_;
  std::size_t max_batch_bytes_;
  std::int32_t record_count_ = 0;
  Timestamp base_timestamp_;
  Timestamp max_timestamp_;
};

}  // namespace duolog::storage
