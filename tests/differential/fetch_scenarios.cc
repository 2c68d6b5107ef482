// Fetch: limits, offsets out of range, sessions.
#include "net/kafka/fetch.h"
#include "tests/differential/scenarios.h"

namespace duolog::differential {
namespace {

using kafka::FetchRequest;
using kafka::FetchResponse;
using Asked = FetchRequest::Topic::Partition;

Asked from(std::int32_t partition, std::int64_t offset, std::int32_t max_bytes = 1 << 20) {
  return {.partition = PartitionId(partition),
          .fetch_offset = Offset(offset),
          .partition_max_bytes = max_bytes};
}

FetchRequest request(FetchRequest::Topic& topic, std::vector<Asked>& partitions) {
  topic.partitions = std::span(partitions);
  return {.max_wait_ms = 100, .min_bytes = 1, .max_bytes = 50 << 20, .topics = one(topic)};
}

void fetches_in_every_version(Differ& differ) {
  create_topic(differ, "fetched", 3);
  for (int i = 0; i < 3; ++i) produce(differ, "fetched", 0, batch_of({"a", "b", "c"}));
  produce(differ, "fetched", 1, batch_of({"d"}));
  for (std::int16_t version = 4; version <= 12; ++version) {
    std::vector<Asked> partitions = {from(0, 0), from(1, 0), from(2, 0)};
    FetchRequest::Topic topic{.topic = "fetched"};
    differ.ask<FetchResponse>(version, request(topic, partitions));
    partitions = {from(0, 4)};  // within a batch
    differ.ask<FetchResponse>(version, request(topic, partitions));
    partitions = {from(0, 9)};  // at the end
    differ.ask<FetchResponse>(version, request(topic, partitions));
    partitions = {from(0, 10), from(1, -1), from(7, 0)};
    differ.ask<FetchResponse>(version, request(topic, partitions));
    topic.topic = "never-there";
    partitions = {from(0, 0)};
    differ.ask<FetchResponse>(version, request(topic, partitions));
    topic.topic = "fetched";
    auto committed = request(topic, partitions);
    committed.isolation_level = 1;
    differ.ask<FetchResponse>(version, committed);
  }
  Uuid unknown;
  unknown.bytes[0] = 7;
  for (std::int16_t version = 13; version <= 18; ++version) {
    std::vector<Asked> partitions = {from(0, 0)};
    FetchRequest::Topic topic{.topic_id = unknown};
    differ.ask<FetchResponse>(version, request(topic, partitions));
  }
}

void limits(Differ& differ) {
  create_topic(differ, "limited", 2);
  for (int i = 0; i < 3; ++i) {
    produce(differ, "limited", 0, batch_of({std::string(1000, 'x')}));
    produce(differ, "limited", 1, batch_of({std::string(1000, 'y')}));
  }
  FetchRequest::Topic topic{.topic = "limited"};
  for (const std::int32_t limit : {0, 1, 1000, 1100, 2200, 2500, 5000}) {
    std::vector<Asked> partitions = {from(0, 0), from(1, 0)};
    auto whole = request(topic, partitions);
    whole.max_bytes = limit;
    differ.ask<FetchResponse>(12, whole, {"records"});
    partitions = {from(0, 0, limit), from(1, 0, limit)};
    differ.ask<FetchResponse>(12, request(topic, partitions), {"records"});
  }
}

void fetch_epochs(Differ& differ) {
  create_topic(differ, "epochs");
  produce(differ, "epochs", 0, batch_of({"a"}));
  FetchRequest::Topic topic{.topic = "epochs"};
  for (const std::int32_t epoch : {-1, 1000}) {
    std::vector<Asked> partitions = {from(0, 0)};
    partitions[0].current_leader_epoch = LeaderEpoch(epoch);
    differ.ask<FetchResponse>(12, request(topic, partitions));
  }
}

void sessions(Differ& differ) {
  create_topic(differ, "session", 3);
  produce(differ, "session", 0, batch_of({"a"}));
  FetchRequest::Topic topic{.topic = "session"};
  std::vector<Asked> partitions = {from(0, 0), from(1, 0), from(2, 0)};
  auto begin = request(topic, partitions);
  begin.session_epoch = 0;
  const auto begun = differ.ask<FetchResponse>(12, begin, {"session_id"});
  const std::int32_t ours = begun->ours.message.session_id;
  const std::int32_t theirs = begun->theirs.message.session_id;
  const auto next = [&](std::int32_t epoch, std::vector<Asked> changed,
                        std::vector<PartitionId> forgotten = {}, std::int16_t version = 12) {
    FetchRequest::Topic updates{.topic = "session", .partitions = std::span(changed)};
    FetchRequest::ForgottenTopic gone{.topic = "session", .partitions = std::span(forgotten)};
    FetchRequest mine{.max_wait_ms = 100,
                      .min_bytes = 1,
                      .max_bytes = 50 << 20,
                      .session_id = ours,
                      .session_epoch = epoch};
    if (!changed.empty()) mine.topics = one(updates);
    if (!forgotten.empty()) mine.forgotten_topics_data = one(gone);
    FetchRequest other = mine;
    other.session_id = theirs;
    differ.ask_each<FetchResponse>(version, mine, other, {"session_id"});
  };
  next(1, {from(0, 1)});
  produce(differ, "session", 1, batch_of({"b"}));
  next(2, {});
  next(3, {});
  next(3, {});          // again: a wrong epoch
  next(4, {}, {}, 13);  // with ids, in a session of names
  next(4, {from(1, 1)});
  next(5, {from(2, 5)});
  next(6, {});
  next(7, {from(2, 0)});
  next(8, {});
  next(9, {}, {PartitionId(1)});
  produce(differ, "session", 1, batch_of({"c"}));
  next(10, {});
  next(11, {}, {PartitionId(0), PartitionId(2)});
  next(12, {});  // it has ended
}

}  // namespace

std::vector<Scenario> fetch_scenarios() {
  return {{"fetch in every version", fetches_in_every_version},
          {"fetch limits", limits},
          {"fetch epochs", fetch_epochs},
          {"fetch sessions", sessions}};
}

}  // namespace duolog::differential
