// The idempotent producer, as clients see it.
#include <set>

#include <gtest/gtest.h>

#include "net/kafka/coordinator.h"
#include "net/kafka/init_producer_id.h"
#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using kafka::InitProducerIdRequest;
using kafka::InitProducerIdResponse;
using Batch = std::vector<std::uint8_t>;

InitProducerIdResponse init(KafkaClient& client, const InitProducerIdRequest& request,
                            std::int16_t version = 5) {
  auto answer = client.call<InitProducerIdResponse>(version, request);
  return answer ? answer->message : InitProducerIdResponse{};
}

std::vector<std::uint8_t> numbered(std::vector<std::uint8_t> batch, std::int64_t id,
                                   std::int32_t sequence, std::int16_t epoch = 0) {
  store_be<std::int64_t>(batch.data() + storage::batch_at::kProducerId, id);
  store_be<std::int16_t>(batch.data() + storage::batch_at::kProducerEpoch, epoch);
  store_be<std::int32_t>(batch.data() + storage::batch_at::kBaseSequence, sequence);
  storage::store_crc(batch);
  return batch;
}

class KafkaIdempotenceTest : public testing::TestWithParam<std::size_t> {
 protected:
  KafkaIdempotenceTest() { EXPECT_EQ(client.create_topic("t", 3), ErrorCode::kNone); }

  std::vector<FetchedRecord> records(std::int32_t partition) {
    auto answer = client.fetch({.topic = "t", .partitions = {KafkaClient::from(partition, 0)}});
    return records_in(answer->message.responses[0].partitions[0]);
  }

  TestServer server{with_shards(GetParam())};
  KafkaClient client{server.port()};
};
INSTANTIATE_TEST_SUITE_P(Shards, KafkaIdempotenceTest, testing::Values(1, 2));

TEST_P(KafkaIdempotenceTest, EveryVersionGivesAnIdThatNobodyHasHad) {
  std::set<std::int64_t> ids;
  for (int run = 0; run < 2; ++run) {
    KafkaClient again(server.port());
    for (std::int16_t version = 0; version <= 5; ++version) {
      const auto given = init(again, {.transaction_timeout_ms = 60'000}, version);
      EXPECT_EQ(given.error_code, ErrorCode::kNone);
      EXPECT_EQ(given.producer_epoch, 0);
      EXPECT_TRUE(ids.insert(given.producer_id).second) << given.producer_id;
    }
    server.restart();
  }
}

TEST_P(KafkaIdempotenceTest, ProducerThatNamesItsIdGetsANewOne) {
  const auto first = init(client, {});
  const auto second =
      init(client, {.producer_id = first.producer_id, .producer_epoch = first.producer_epoch});
  EXPECT_EQ(second.error_code, ErrorCode::kNone);
  EXPECT_NE(second.producer_id, first.producer_id);
  EXPECT_EQ(second.producer_epoch, 0);
}

TEST_P(KafkaIdempotenceTest, HalfAnIdentityAndTransactionsAreRefused) {
  const auto expect = [](const InitProducerIdResponse& answer, ErrorCode error) {
    EXPECT_EQ(answer.error_code, error);
    EXPECT_EQ(answer.producer_id, -1);
    EXPECT_EQ(answer.producer_epoch, -1);
  };
  expect(init(client, {.producer_id = 5}), ErrorCode::kInvalidRequest);
  expect(init(client, {.producer_epoch = 5}), ErrorCode::kInvalidRequest);
  for (std::int16_t version = 0; version <= 5; ++version) {
    expect(init(client, {.transactional_id = "tx"}, version),
           ErrorCode::kTransactionalIdAuthorizationFailed);
  }
  const auto coordinator = client.call<kafka::FindCoordinatorResponse>(
      3, kafka::FindCoordinatorRequest{.key = "tx", .key_type = 1});
  EXPECT_EQ(coordinator->message.error_code, ErrorCode::kTransactionalIdAuthorizationFailed);
  constexpr std::string_view kWords = "This server has no transactions: unset transactional.id.";
  EXPECT_EQ(coordinator->message.error_message, kWords);

  // Java shows a message only beside an error that it has no words of its own for.
  std::vector<std::string_view> keys = {"tx"};
  const auto latest = client.call<kafka::FindCoordinatorResponse>(
      6, kafka::FindCoordinatorRequest{.key_type = 1, .coordinator_keys = std::span(keys)});
  ASSERT_EQ(latest->message.coordinators.size(), 1U);
  EXPECT_EQ(latest->message.coordinators[0].error_code, ErrorCode::kUnsupportedVersion);
  EXPECT_EQ(latest->message.coordinators[0].error_message, kWords);
}

TEST_P(KafkaIdempotenceTest, DuplicatesAreAnsweredWithTheirFirstOffsetAndNotAppended) {
  const std::int64_t id = init(client, {}).producer_id;
  for (std::int32_t p = 0; p < 3; ++p) {
    const auto first = numbered(batch_of({"a", "b"}), id, 0);
    const auto second = numbered(batch_of({"c"}), id, 2);
    EXPECT_EQ(client.produce("t", p, first).base_offset, Offset(0));
    EXPECT_EQ(client.produce("t", p, second, 1).base_offset, Offset(2));
    for (const std::int16_t acks : {std::int16_t{-1}, std::int16_t{1}}) {
      const auto again = client.produce("t", p, first, acks);
      EXPECT_EQ(again.error_code, ErrorCode::kNone);
      EXPECT_EQ(again.base_offset, Offset(0));
      EXPECT_EQ(again.log_start_offset, Offset(0));
      EXPECT_EQ(again.log_append_time_ms, Timestamp(1001)) << "the first copy's, as in Kafka";
      EXPECT_EQ(client.produce("t", p, second, acks).base_offset, Offset(2));
    }
    EXPECT_EQ(records(p), (std::vector<FetchedRecord>{{0, "a"}, {1, "b"}, {2, "c"}}));
    const auto next = client.produce("t", p, numbered(batch_of({"d"}), id, 3));
    EXPECT_EQ(next.base_offset, Offset(3));
    EXPECT_EQ(next.log_append_time_ms, Timestamp(-1));
  }
}

TEST_P(KafkaIdempotenceTest, WhatADuplicateInflatesToIsNotShownAsItsFirstCopy) {
  const Batch first = numbered(batch_of({"first"}, 1000, storage::Codec::kZstd), 7, 0);
  const Batch other = numbered(batch_of({"other"}, 1000, storage::Codec::kZstd), 7, 0);
  const auto on_shard = [&](auto look) {
    server.runtime().run_on_and_wait(ShardId(0), [&](runtime::Shard& shard) {
      broker::Broker& broker = server.cluster().broker(ShardId(0));
      look(broker.inflated(), {broker.find("t")->id, PartitionId(1)}, shard.now_ns());
    });
  };
  using Inflated = broker::InflatedBatches;
  on_shard([](Inflated& batches, const Inflated::Source& source, std::uint64_t now_ns) {
    batches.want(source, now_ns);
  });
  EXPECT_EQ(client.produce("t", 1, first).base_offset, Offset(0));
  EXPECT_EQ(client.produce("t", 1, other).base_offset, Offset(0)) << "by its sequence";
  on_shard([&](Inflated& batches, const Inflated::Source& source, std::uint64_t) {
    EXPECT_FALSE(batches.find(source, Offset(0), storage::crc_of(first)).empty());
    EXPECT_TRUE(batches.find(source, Offset(0), storage::crc_of(other)).empty());
  });
}

TEST_P(KafkaIdempotenceTest, GapsAndOldEpochsAreRefusedWithKafkasErrors) {
  const auto produce = [&](std::int32_t sequence, std::int16_t epoch) {
    const auto answer = client.produce("t", 1, numbered(batch_of({"x"}), 7, sequence, epoch));
    EXPECT_EQ(answer.base_offset == Offset(-1), answer.error_code != ErrorCode::kNone);
    EXPECT_EQ(answer.log_start_offset, Offset(0));
    return answer.error_code;
  };
  EXPECT_EQ(produce(100, 1), ErrorCode::kNone) << "unknown: any sequence";
  EXPECT_EQ(produce(102, 1), ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(produce(101, 2), ErrorCode::kOutOfOrderSequenceNumber) << "a new epoch";
  EXPECT_EQ(produce(101, 0), ErrorCode::kInvalidProducerEpoch);
  EXPECT_EQ(produce(101, 1), ErrorCode::kNone);
  EXPECT_EQ(produce(0, 2), ErrorCode::kNone);
  EXPECT_EQ(produce(102, 1), ErrorCode::kInvalidProducerEpoch);
  EXPECT_EQ(records(1).size(), 3U);
}

TEST_P(KafkaIdempotenceTest, DuplicateWithAcksZeroIsNotAppendedAndTheConnectionGoesOn) {
  const auto batch = numbered(batch_of({"a"}), 7, 0);
  client.send_produce("t", 0, batch, 0);
  client.send_produce("t", 0, batch, 0);
  EXPECT_EQ(client.produce("t", 0, numbered(batch_of({"b"}), 7, 1)).base_offset, Offset(1));
  EXPECT_EQ(records(0), (std::vector<FetchedRecord>{{0, "a"}, {1, "b"}}));
}

TEST_P(KafkaIdempotenceTest, FiveInFlightSentTwiceAreAppendedOnce) {
  for (int round = 0; round < 20; ++round) {
    for (int times = 0; times < 2; ++times) {
      for (int i = 0; i < 5; ++i) {
        const int sequence = 5 * round + i;
        client.send_produce("t", 2, numbered(batch_of({std::to_string(sequence)}), 7, sequence));
      }
    }
    for (int i = 0; i < 10; ++i) {
      auto answer = client.receive<kafka::ProduceResponse>(9);
      ASSERT_NE(answer, nullptr);
      const auto& partition = answer->message.responses[0].partition_responses[0];
      EXPECT_EQ(partition.error_code, ErrorCode::kNone);
      EXPECT_EQ(partition.base_offset, Offset(5 * round + i % 5));
    }
  }
  EXPECT_EQ(records(2).size(), 100U);
}

}  // namespace
}  // namespace duolog::session
