// ListOffsets and OffsetForLeaderEpoch.
#include "net/kafka/offsets.h"
#include "tests/differential/scenarios.h"

namespace duolog::differential {
namespace {

using kafka::ListOffsetsRequest;
using kafka::ListOffsetsResponse;

void list(Differ& differ, std::int16_t version, std::string_view topic, std::int32_t partition,
          std::int64_t timestamp, std::int32_t epoch = -1) {
  ListOffsetsRequest::Topic::Partition p{.partition_index = PartitionId(partition),
                                         .current_leader_epoch = LeaderEpoch(epoch),
                                         .timestamp = Timestamp(timestamp)};
  ListOffsetsRequest::Topic t{.name = topic, .partitions = one(p)};
  differ.ask<ListOffsetsResponse>(version, ListOffsetsRequest{.replica_id = -1, .topics = one(t)});
}

void offsets_listed_in_every_version(Differ& differ) {
  create_topic(differ, "listed", 2);
  produce(differ, "listed", 0, batch_of({"a", "b", "c"}, 1000));
  produce(differ, "listed", 0, batch_of({"d", "e"}, 3000));
  produce(differ, "listed", 0, batch_of({"f"}, 2000));
  for (std::int16_t version = 1; version <= 11; ++version) {
    for (const std::int64_t time :
         {-7, -6, -5, -4, -3, -2, -1, 0, 1000, 1001, 1003, 2500, 3001, 3002, 9000}) {
      list(differ, version, "listed", 0, time);
    }
    for (const std::int64_t time : {-3, -2, -1, 1000}) list(differ, version, "listed", 1, time);
    list(differ, version, "listed", 5, -1);
    list(differ, version, "never-there", 0, -1);
    if (version >= 4) list(differ, version, "listed", 0, -1, 1000);
  }
}

void epoch_ends(Differ& differ) {
  create_topic(differ, "epoch-ends");
  produce(differ, "epoch-ends", 0, batch_of({"a", "b"}));
  for (std::int16_t version = 2; version <= 4; ++version) {
    for (const std::int32_t epoch : {-1, 1000}) {
      kafka::OffsetForLeaderEpochRequest::Topic::Partition p{.leader_epoch = LeaderEpoch(epoch)};
      kafka::OffsetForLeaderEpochRequest::Topic t{.topic = "epoch-ends", .partitions = one(p)};
      differ.ask<kafka::OffsetForLeaderEpochResponse>(
          version, kafka::OffsetForLeaderEpochRequest{.topics = one(t)});
      t.topic = "never-there";
      differ.ask<kafka::OffsetForLeaderEpochResponse>(
          version, kafka::OffsetForLeaderEpochRequest{.topics = one(t)});
    }
  }
}

}  // namespace

std::vector<Scenario> offset_scenarios() {
  return {{"list offsets in every version", offsets_listed_in_every_version},
          {"ends of epochs", epoch_ends}};
}

}  // namespace duolog::differential
