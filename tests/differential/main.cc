// kafka_differential OURS THEIRS [WORDS]: asks both servers (HOST:PORT) the same and prints what
// differs; with WORDS only in scenarios whose names have them.
// Exit status 0: nothing that is not allowed to; 1: something; 2: a server that does not answer.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "net/kafka/offsets.h"
#include "net/kafka/produce.h"
#include "net/kafka/topics.h"
#include "storage/record_batch_builder.h"
#include "tests/differential/scenarios.h"

namespace duolog::differential {
namespace {

constexpr int kTries = 600;

// Kafka answers CreateTopics before each partition has its leader.
bool both_have(Differ& differ, std::string_view name, std::int32_t count) {
  std::vector<kafka::ListOffsetsRequest::Topic::Partition> partitions;
  for (std::int32_t p = 0; p < count; ++p) {
    partitions.push_back({.partition_index = PartitionId(p), .timestamp = kafka::kLatestOffset});
  }
  kafka::ListOffsetsRequest::Topic topic{.name = name, .partitions = std::span(partitions)};
  const auto both = differ.ask<kafka::ListOffsetsResponse>(
      5, kafka::ListOffsetsRequest{.replica_id = -1, .topics = one(topic)}, {"topics"});
  const auto has = [](const kafka::ListOffsetsResponse& response) {
    for (const auto& partition : response.topics[0].partitions) {
      if (partition.error_code != kafka::ErrorCode::kNone) return false;
    }
    return true;
  };
  return has(both->ours.message) && has(both->theirs.message);
}

}  // namespace

void create_topic(Differ& differ, std::string_view name, std::int32_t partitions) {
  kafka::CreateTopicsRequest::Topic topic{
      .name = name, .num_partitions = partitions, .replication_factor = 1};
  differ.ask<kafka::CreateTopicsResponse>(
      4, kafka::CreateTopicsRequest{.topics = one(topic), .timeout_ms = 30'000});
  for (int i = 0; i < kTries && !both_have(differ, name, partitions); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

std::vector<std::uint8_t> batch_of(std::initializer_list<std::string_view> values,
                                   std::int64_t first_timestamp) {
  storage::RecordBatchBuilder builder(64 << 20);
  std::int64_t timestamp = first_timestamp;
  for (const std::string_view value : values) {
    const auto added = builder.add({.timestamp = Timestamp(timestamp++), .value = as_bytes(value)});
    CHECK(added.has_value());
  }
  const MutableBytes batch = builder.finish();
  return {batch.begin(), batch.end()};
}

void produce(Differ& differ, std::string_view topic, std::int32_t partition, Bytes batch) {
  kafka::ProduceRequest::Topic::Partition p{.index = PartitionId(partition),
                                            .records = kafka::Records(batch)};
  kafka::ProduceRequest::Topic t{.name = topic, .partition_data = one(p)};
  differ.ask<kafka::ProduceResponse>(
      9, kafka::ProduceRequest{.acks = -1, .timeout_ms = 30'000, .topic_data = one(t)});
}

}  // namespace duolog::differential

int main(int argc, char** argv) {
  using namespace duolog::differential;
  if (argc != 3 && argc != 4) {
    std::fprintf(stderr, "usage: kafka_differential OURS THEIRS [WORDS]\n");
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  Differ differ(argv[1], argv[2]);
  for (const auto& group :
       {topic_scenarios(), produce_scenarios(), compressed_scenarios(), idempotence_scenarios(),
        fetch_scenarios(), offset_scenarios(), group_scenarios(), admin_scenarios()}) {
    for (const Scenario& scenario : group) {
      if (argc == 4 && scenario.name.find(argv[3]) == std::string_view::npos) continue;
      if (!duolog::kafka::find_api(scenario.needs)->advertised) {
        std::printf("passed over, for it is not served yet: %s\n", scenario.name.data());
        continue;
      }
      differ.begin(scenario.name);
      scenario.run(differ);
    }
  }
  std::printf("%d requests, %d answered differently\n", differ.asked(), differ.differences());
  return differ.differences() == 0 ? 0 : 1;
}
