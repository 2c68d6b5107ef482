// The idempotent producer: its ids, and how its batches are judged.
#include <chrono>
#include <limits>
#include <thread>

#include "net/kafka/init_producer_id.h"
#include "net/kafka/partitions.h"
#include "net/kafka/produce.h"
#include "tests/differential/scenarios.h"

namespace duolog::differential {
namespace {

using kafka::InitProducerIdRequest;
using kafka::InitProducerIdResponse;
using kafka::ProduceRequest;
using kafka::ProduceResponse;
using Batch = std::vector<std::uint8_t>;
namespace at = storage::batch_at;

// Kafka has no ids at first, and says so.
void await_ids(Differ& differ) {
  for (int tries = 0; tries < 600; ++tries) {
    const auto both = differ.ask<InitProducerIdResponse>(0, InitProducerIdRequest{},
                                                         {"error_code", "producer_id", "epoch"});
    if (both->theirs.message.error_code == kafka::ErrorCode::kNone) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

void ids(Differ& differ) {
  await_ids(differ);
  for (std::int16_t version = 0; version <= 5; ++version) {
    const auto ask = [&](const InitProducerIdRequest& request, Differ::Allowed allowed = {}) {
      return differ.ask<InitProducerIdResponse>(version, request, allowed);
    };
    // Which id it is, is each server's to say.
    ask({.transaction_timeout_ms = 60'000}, {"producer_id"});
    ask({.transaction_timeout_ms = -1}, {"producer_id"});
    if (version < 3) continue;
    ask({.producer_id = 7, .producer_epoch = 0}, {"producer_id"});
    ask({.producer_id = 7, .producer_epoch = std::numeric_limits<std::int16_t>::max()},
        {"producer_id"});
    ask({.producer_id = 7});
    ask({.producer_epoch = 7});
  }
}

// What a producer sends to one partition.
class Sender {
 public:
  Sender(Differ& differ, std::string_view topic) : differ_(differ), topic_(topic) {}

  void send(std::string_view label, std::int32_t sequence, std::int32_t records = 1,
            std::int16_t epoch = 0, std::int16_t acks = -1, Differ::Allowed allowed = {}) {
    Batch batch = records == 1 ? batch_of({"a"}) : batch_of({"a", "b", "c"});
    store_be<std::int64_t>(batch.data() + at::kProducerId, 4711);
    store_be<std::int16_t>(batch.data() + at::kProducerEpoch, epoch);
    store_be<std::int32_t>(batch.data() + at::kBaseSequence, sequence);
    storage::store_crc(batch);
    differ_.label(label);
    ProduceRequest::Topic::Partition p{.records = kafka::Records(batch)};
    ProduceRequest::Topic t{.name = topic_, .partition_data = one(p)};
    differ_.ask<ProduceResponse>(
        9, ProduceRequest{.acks = acks, .timeout_ms = 30'000, .topic_data = one(t)}, allowed);
  }

 private:
  Differ& differ_;
  std::string_view topic_;
};

void sequences(Differ& differ) {
  create_topic(differ, "sequences");
  Sender producer(differ, "sequences");
  producer.send("an unknown producer begins", 100);
  producer.send("the next", 101, 3);
  producer.send("the next, acks=1", 104, 1, 0, 1);
  producer.send("a duplicate", 101, 3);
  producer.send("a duplicate, acks=1", 100, 1, 0, 1);
  producer.send("a gap", 106);
  producer.send("a part of a duplicate", 101);
  producer.send("more than a duplicate", 104, 3);
  producer.send("an earlier sequence", 5);
  for (std::int32_t i = 105; i < 108; ++i) producer.send("the next ones", i);
  producer.send("the oldest of the window", 101, 3);
  producer.send("older than the window", 100);
  // As of any batch that is none, the log's start is told there and not here.
  producer.send("a negative sequence", -1, 1, 0, -1, {"log_start_offset"});
}

void producer_epochs(Differ& differ) {
  create_topic(differ, "epochs");
  Sender producer(differ, "epochs");
  producer.send("begins", 0, 3, 5);
  producer.send("an older epoch", 3, 1, 4);
  producer.send("an older epoch, the same batch", 0, 3, 4);
  producer.send("a newer epoch that goes on", 3, 1, 6);
  producer.send("the epoch is still the old one", 3, 1, 5);
  producer.send("a newer epoch", 0, 3, 7);
  producer.send("its duplicate", 0, 3, 7);
  producer.send("the epoch before", 4, 1, 5);
  // A producer id without an epoch is INVALID_RECORD here, and judged like any other there.
}

void wrap(Differ& differ) {
  constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();
  create_topic(differ, "wrap");
  Sender producer(differ, "wrap");
  producer.send("nearly the largest", kMost - 2);
  producer.send("over the largest", kMost - 1, 3);
  producer.send("its duplicate", kMost - 1, 3);
  producer.send("a part of it", 0);
  producer.send("after it", 1);
}

void deleted_records(Differ& differ) {
  create_topic(differ, "forgotten");
  Sender producer(differ, "forgotten");
  producer.send("one", 0);
  producer.send("two", 1);
  kafka::DeleteRecordsRequest::Topic::Partition p{.partition_index = PartitionId(0),
                                                  .offset = Offset(2)};
  kafka::DeleteRecordsRequest::Topic t{.name = "forgotten", .partitions = one(p)};
  differ.label("all its records go");
  differ.ask<kafka::DeleteRecordsResponse>(
      2, kafka::DeleteRecordsRequest{.topics = one(t), .timeout_ms = 30'000});
  producer.send("a duplicate of what is gone", 1);
  producer.send("a gap", 3);
  producer.send("the next", 2);
}

}  // namespace

std::vector<Scenario> idempotence_scenarios() {
  constexpr auto kNeeds = kafka::ApiKey::kInitProducerId;
  return {{"producer ids", ids, kNeeds},
          {"sequences of a producer", sequences, kNeeds},
          {"epochs of a producer", producer_epochs, kNeeds},
          {"sequences that wrap", wrap, kNeeds},
          {"a producer whose records are deleted", deleted_records, kNeeds}};
}

}  // namespace duolog::differential
