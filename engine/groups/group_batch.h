// GroupBatch: records of `__consumer_offsets` on their way into the log, as one batch.
//
// Filled by a coordinator, on its shard, and used again: its memory is kept. Limit: the batch's
// size, as the topic says.
#pragma once

#include <cstddef>
#include <string_view>

#include "engine/groups/group_records.h"
#include "net/kafka/writer.h"
#include "storage/record_batch_builder.h"

namespace duolog::groups {

class GroupBatch {
 public:
  // As storage::RecordBatchBuilder has it: from 61 bytes to 1 GiB.
  explicit GroupBatch(std::size_t max_batch_bytes)
      : builder_(max_batch_bytes), max_batch_bytes_(max_batch_bytes) {}

  // Starts anew, with this limit. All of the batch's records are of this time.
  void begin(Timestamp now, std::size_t max_batch_bytes);

  // False: the batch would be too large, and nothing was added.
  [[nodiscard]] bool add_offset(std::string_view group, std::string_view topic,
                                PartitionId partition, const CommittedOffset& committed);
  [[nodiscard]] bool remove_offset(std::string_view group, std::string_view topic,
                                   PartitionId partition);
  [[nodiscard]] bool add_group(std::string_view group, const GroupMetadata& metadata);
  [[nodiscard]] bool remove_group(std::string_view group);

  [[nodiscard]] bool empty() const { return builder_.record_count() == 0; }
  [[nodiscard]] std::int32_t record_count() const { return builder_.record_count(); }
  [[nodiscard]] std::size_t size_bytes() const { return builder_.size_bytes(); }
  [[nodiscard]] Timestamp time() const { return now_; }
  // The batch; not empty. Valid until the next call of `begin`.
  [[nodiscard]] MutableBytes finish() { return builder_.finish(); }

 private:
  // The record of `key_` and `value_`.
  [[nodiscard]] bool add(bool removed);

  storage::RecordBatchBuilder builder_;
  std::size_t max_batch_bytes_;
  Timestamp now_;
  kafka::Writer key_;
  kafka::Writer value_;
};

}  // namespace duolog::groups
