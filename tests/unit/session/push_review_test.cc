// duolog.v1.json with clients and producers that ask for more than their share.
#include <chrono>
#include <thread>

#include "engine/session/push_batch.h"
#include "tests/unit/session/push_client.h"

namespace duolog::session {
namespace {

broker::Partition& first(broker::Topic& topic) { return *topic.partition(PartitionId(0)); }

TEST(PushShareTest, ABatchThatClaimsMoreRecordsThanItHasTakesNoMemoryForThem) {
  std::vector<std::uint8_t> batch = batch_of({"one"}, storage::Codec::kLz4);
  constexpr std::int32_t kClaimed = 0x7FFF'FFFF;
  store_be<std::int32_t>(batch.data() + storage::batch_at::kRecordCount, kClaimed);
  store_be<std::int32_t>(batch.data() + storage::batch_at::kLastOffsetDelta, kClaimed - 1);
  storage::store_crc(batch);
  const auto header = storage::parse_header(batch);
  ASSERT_TRUE(header.has_value());
  PushBatch encoded;
  EncodeScratch scratch;
  const auto done =
      encoded.encode(*header, batch, PushBatch::Format::kJson, 64U << 20, scratch);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, Errc::kCorrupt);
  EXPECT_LT(encoded.memory_bytes(), 1U << 20);
}

TEST(PushShareTest, WhatIsPublishedToANewTopicBeforeACloseIsWritten) {
  HttpFixture fixture;
  for (int round = 0; round < 20; ++round) {
    const std::string name = "new" + std::to_string(round);
    PushClient client(fixture);
    const Json publish = {
        {"id", 1}, {"publish", {{"topic", name}, {"records", {{{"value", "x"}}}}}}};
    client.ws().http().send(masked(ws::Opcode::kText, publish.dump()) +
                            masked(ws::Opcode::kClose, std::string("\x03\xE8", 2)));
    EXPECT_EQ(client.ws().close_code(), 1000);
    broker::Topic* topic = nullptr;
    fixture.cluster().runtime().run_on_and_wait(
        ShardId(0), [&](runtime::Shard&) { topic = fixture.door().broker().find(name); });
    ASSERT_NE(topic, nullptr);
    EXPECT_EQ(first(*topic).log->high_watermark().offset, Offset(1));
  }
}

}  // namespace
}  // namespace duolog::session
