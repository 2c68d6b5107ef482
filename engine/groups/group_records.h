// The records of `__consumer_offsets`, in Kafka's own format, so that its tools can read them.
//
//   key    int16 version | fields        value   int16 version | fields, or null: it is removed
//     0, 1   offset: group, topic, partition       0 to 4   offset, leader epoch, metadata, times
//     2      group                                 0 to 4   generation, protocol, members
//     others are of groups that this build does not have
//
// What Kafka 4.3 writes is written: offset key 1 with value 4, or 1 for one with its own time of
// expiry; group key 2 with value 3. No state; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "engine/groups/group_metadata.h"
#include "net/kafka/writer.h"

namespace duolog::groups {

inline constexpr Timestamp kNoExpiry{-1};

// What a group has committed for one partition.
struct CommittedOffset {
  Offset offset;
  LeaderEpoch leader_epoch{-1};
  std::string metadata;
  Timestamp commit_time;
  Timestamp expiry = kNoExpiry;  // only of what was committed with a retention time of its own
  Uuid topic_id;                 // zero: not known
};

void write_offset_key(kafka::Writer& out, std::string_view group, std::string_view topic,
                      PartitionId partition);
void write_offset_value(kafka::Writer& out, const CommittedOffset& committed);
void write_group_key(kafka::Writer& out, std::string_view group);
void write_group_value(kafka::Writer& out, const GroupMetadata& metadata);

// A record as it was read; its names point into the key.
struct GroupRecord {
  enum class Kind : std::uint8_t { kOffset, kGroup, kOther };
  Kind kind = Kind::kOther;
  std::string_view group;
  std::string_view topic;  // of an offset
  PartitionId partition;
  std::optional<CommittedOffset> offset;  // null, as the next one: removed
  std::optional<GroupMetadata> metadata;
};
// kInvalid, kUnsupported (a version of the value that is not known): the record is to be skipped.
[[nodiscard]] Result<GroupRecord> read_group_record(Bytes key, std::optional<Bytes> value);

}  // namespace duolog::groups
