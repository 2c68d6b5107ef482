// Each captured request is decoded, read, and encoded again to the same bytes.
#include <gtest/gtest.h>

#include "net/kafka/api_versions.h"
#include "net/kafka/fetch.h"
#include "net/kafka/header.h"
#include "net/kafka/metadata.h"
#include "net/kafka/offsets.h"
#include "net/kafka/produce.h"
#include "net/kafka/topics.h"
#include "tests/unit/kafka/captures.h"
#include "tests/unit/kafka/message_cases.h"

namespace duolog::kafka::test {
namespace {

// One captured request, decoded.
template <class Message>
class Golden {
 public:
  explicit Golden(std::string_view hex) : frame_(from_hex(hex)) {
    EXPECT_EQ(load_be<std::int32_t>(frame_.data()), static_cast<std::int32_t>(frame_.size() - 4));
    Reader reader(Bytes(frame_).subspan(4), arena_);
    const auto header = parse_request_header(reader);
    EXPECT_TRUE(header);
    if (!header) return;
    header_ = *header;
    EXPECT_EQ(header_.api_key, static_cast<std::int16_t>(Message::kApi));
    const auto decoded = decode(reader, header_.api_version, message_);
    EXPECT_TRUE(decoded) << decoded.error().message;

    Writer writer;
    const auto frame = begin_request(writer, header_);
    encode(writer, header_.api_version, message_);
    writer.end_frame(frame);
    EXPECT_EQ(to_hex(writer.bytes()), to_hex(frame_));
  }

  [[nodiscard]] const RequestHeader& header() const { return header_; }
  [[nodiscard]] const Message& message() const { return message_; }

 private:
  std::vector<std::uint8_t> frame_;
  Arena arena_;
  RequestHeader header_;
  Message message_;
};

TEST(GoldenTest, ApiVersionsOfLibrdkafka) {
  const Golden<ApiVersionsRequest> golden(kApiVersionsV3);
  EXPECT_EQ(golden.header().api_version, 3);
  EXPECT_EQ(golden.header().client_id, "rdkafka");
  EXPECT_EQ(golden.message().client_software_name, "librdkafka");
  EXPECT_EQ(golden.message().client_software_version, "2.0.2");
}

TEST(GoldenTest, MetadataOfKcat) {
  const Golden<MetadataRequest> golden(kMetadataV4);
  EXPECT_EQ(golden.header().client_id, "desk1");
  ASSERT_EQ(golden.message().topics.size(), 1U);
  EXPECT_EQ(golden.message().topics[0].name, "quotes");
  EXPECT_TRUE(golden.message().allow_auto_topic_creation);
}

TEST(GoldenTest, ProduceOfKcat) {
  const Golden<ProduceRequest> golden(kProduceV7);
  EXPECT_EQ(golden.message().transactional_id, std::nullopt);
  EXPECT_EQ(golden.message().acks, -1);
  EXPECT_EQ(golden.message().timeout_ms, 30000);
  ASSERT_EQ(golden.message().topic_data.size(), 1U);
  EXPECT_EQ(golden.message().topic_data[0].name, "quotes");
  const auto& partition = golden.message().topic_data[0].partition_data[0];
  EXPECT_EQ(partition.index, PartitionId(0));
  ASSERT_EQ(partition.records.size_bytes(), 90U);
  EXPECT_EQ(partition.records.bytes()[16], 2);  // the magic byte of a record batch
  EXPECT_NE(as_text(partition.records.bytes()).find("k1\nhello"), std::string_view::npos);
}

TEST(GoldenTest, FetchOfKcat) {
  const Golden<FetchRequest> golden(kFetchV11);
  const FetchRequest& request = golden.message();
  EXPECT_EQ(request.replica_id, -1);
  EXPECT_EQ(request.max_wait_ms, 500);
  EXPECT_EQ(request.min_bytes, 1);
  EXPECT_EQ(request.max_bytes, 52428800);
  EXPECT_EQ(request.isolation_level, 1);
  EXPECT_EQ(request.session_id, 0);
  EXPECT_EQ(request.session_epoch, -1);
  ASSERT_EQ(request.topics.size(), 1U);
  EXPECT_EQ(request.topics[0].topic, "quotes");
  ASSERT_EQ(request.topics[0].partitions.size(), 1U);
  EXPECT_EQ(request.topics[0].partitions[0].fetch_offset, Offset(2));
  EXPECT_EQ(request.topics[0].partitions[0].current_leader_epoch, LeaderEpoch(-1));
  EXPECT_EQ(request.topics[0].partitions[0].partition_max_bytes, 1 << 20);
  EXPECT_TRUE(request.forgotten_topics_data.empty());
  EXPECT_EQ(request.rack_id, "");
}

TEST(GoldenTest, ListOffsetsOfKcat) {
  const Golden<ListOffsetsRequest> golden(kListOffsetsV2);
  EXPECT_EQ(golden.message().isolation_level, 1);
  const auto& topic = golden.message().topics[0];
  EXPECT_EQ(topic.name, "quotes");
  EXPECT_EQ(topic.partitions[0].timestamp, Timestamp(1600000000000));
}

TEST(GoldenTest, CreateTopicsOfLibrdkafka) {
  const Golden<CreateTopicsRequest> golden(kCreateTopicsV4);
  const auto& topic = golden.message().topics[0];
  EXPECT_EQ(topic.name, "quotes");
  EXPECT_EQ(topic.num_partitions, 8);
  EXPECT_EQ(topic.replication_factor, 1);
  EXPECT_TRUE(topic.assignments.empty());
  EXPECT_EQ(topic.configs[0].name, "cleanup.policy");
  EXPECT_EQ(topic.configs[0].value, "compact");
  EXPECT_EQ(golden.message().timeout_ms, 60000);
  EXPECT_FALSE(golden.message().validate_only);
}

TEST(GoldenTest, DeleteTopicsOfLibrdkafka) {
  const Golden<DeleteTopicsRequest> golden(kDeleteTopicsV1);
  ASSERT_EQ(golden.message().topic_names.size(), 1U);
  EXPECT_EQ(golden.message().topic_names[0], "quotes");
  EXPECT_EQ(golden.message().timeout_ms, 60000);
}

}  // namespace
}  // namespace duolog::kafka::test
