#include "engine/groups/group_batch.h"

namespace duolog::groups {

void GroupBatch::begin(Timestamp now, std::size_t max_batch_bytes) {
  if (max_batch_bytes != max_batch_bytes_) {
    builder_ = storage::RecordBatchBuilder(max_batch_bytes);
    max_batch_bytes_ = max_batch_bytes;
  }
  builder_.clear();
  now_ = now;
}

bool GroupBatch::add(bool removed) {
  storage::NewRecord record{.timestamp = now_, .key = key_.bytes()};
  if (!removed) record.value = value_.bytes();
  const bool added = builder_.add(record).has_value();
  key_.clear();
  value_.clear();
  return added;
}

bool GroupBatch::add_offset(std::string_view group, std::string_view topic, PartitionId partition,
                            const CommittedOffset& committed) {
  write_offset_key(key_, group, topic, partition);
  write_offset_value(value_, committed);
  return add(false);
}

bool GroupBatch::remove_offset(std::string_view group, std::string_view topic,
                               PartitionId partition) {
  write_offset_key(key_, group, topic, partition);
  return add(true);
}

bool GroupBatch::add_group(std::string_view group, const GroupMetadata& metadata) {
  write_group_key(key_, group);
  write_group_value(value_, metadata);
  return add(false);
}

bool GroupBatch::remove_group(std::string_view group) {
  write_group_key(key_, group);
  return add(true);
}

}  // namespace duolog::groups
