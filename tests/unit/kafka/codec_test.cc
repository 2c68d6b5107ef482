#include <gtest/gtest.h>

#include "net/kafka/api_versions.h"
#include "net/kafka/errors.h"
#include "net/kafka/fetch.h"
#include "net/kafka/header.h"
#include "net/kafka/metadata.h"
#include "net/kafka/offsets.h"
#include "net/kafka/produce.h"
#include "net/kafka/topics.h"
#include "tests/unit/kafka/message_cases.h"

namespace duolog::kafka::test {
namespace {

template <class Message>
Result<Message> decode_hex(std::string_view hex, std::int16_t version, Arena& arena) {
  static std::vector<std::uint8_t> bytes;
  bytes = from_hex(hex);
  Reader reader(bytes, arena);
  Message message;
  if (auto decoded = decode(reader, version, message); !decoded) {
    return std::unexpected(decoded.error());
  }
  return message;
}

template <class Message>
std::string encode_hex(std::int16_t version, const Message& message) {
  Writer writer;
  encode(writer, version, message);
  return to_hex(writer.bytes());
}

template <class Message>
std::string error_of(std::string_view hex, std::int16_t version) {
  Arena arena;
  const auto decoded = decode_hex<Message>(hex, version, arena);
  return decoded ? "" : decoded.error().message;
}

TEST(CodecTest, UnknownTaggedFieldsAreSkippedAtEveryDepth) {
  Arena arena;
  // One topic with tag 9 (three bytes), and tag 300 (none) behind the message.
  const auto request =
      decode_hex<MetadataRequest>("02  02 61  01 09 03 aabbcc  01 00 00  01 ac02 00", 9, arena);
  ASSERT_TRUE(request) << request.error().message;
  ASSERT_EQ(request->topics.size(), 1U);
  EXPECT_EQ(request->topics[0].name, "a");
  EXPECT_TRUE(request->allow_auto_topic_creation);
}

TEST(CodecTest, ATagOfALaterVersionIsUnknownInAnEarlierOne) {
  Arena arena;
  // Tag 1 of a FetchRequest is replica_state, since version 15.
  const std::string_view body =
      "00000001 00000002 00000003 00 00000000 ffffffff 01 01 01  01 01 0d 00000007 "
      "0000000000000009 00";
  const auto v15 = decode_hex<FetchRequest>(body, 15, arena);
  ASSERT_TRUE(v15) << v15.error().message;
  EXPECT_EQ(v15->replica_state.replica_id, 7);
  EXPECT_EQ(v15->replica_state.replica_epoch, 9);
  const auto v14 = decode_hex<FetchRequest>("ffffffff" + std::string(body), 14, arena);
  ASSERT_TRUE(v14) << v14.error().message;
  EXPECT_EQ(v14->replica_state.replica_id, -1);
}

TEST(CodecTest, ATaggedFieldKeepsToItsSize) {
  // finalized_features_epoch (tag 1, eight bytes) in a size of nine, of seven, and of far too many.
  EXPECT_NE(error_of<ApiVersionsResponse>("0000 01 00000000 01 01 09 000000000000000500", 3), "");
  EXPECT_NE(error_of<ApiVersionsResponse>("0000 01 00000000 01 01 07 0000000000000005", 3), "");
  EXPECT_NE(error_of<ApiVersionsResponse>("0000 01 00000000 01 01 ff01 0000000000000005", 3), "");
  EXPECT_EQ(error_of<ApiVersionsResponse>("0000 01 00000000 01 01 08 0000000000000005", 3), "");
}

TEST(CodecTest, TaggedFieldsAtTheirDefaultsAreNotWritten) {
  ApiVersionsResponse response;
  EXPECT_EQ(encode_hex(3, response), "0000010000000000");
  response.finalized_features_epoch = 5;
  EXPECT_EQ(encode_hex(3, response),
            "0000010000000001"
            "0108"
            "0000000000000005");
}

TEST(CodecTest, ALongTaggedFieldHasItsSizeInFrontOfIt) {
  Arena arena;
  auto features = arena.make<ApiVersionsResponse::SupportedFeatureKey>(1);
  const std::string name(200, 'x');
  features[0] = {.name = name, .min_version = 1, .max_version = 2};
  ApiVersionsResponse response{.supported_features = features};
  // 1 count, 2 length, 200 name, 4 versions, 1 tags = 208 = d0 01
  const std::string hex = encode_hex(3, response);
  EXPECT_TRUE(
      hex.starts_with("0000010000000001"
                      "00d001"
                      "02c901"
                      "7878"))
      << hex;
  EXPECT_TRUE(
      hex.ends_with("7878"
                    "00010002"
                    "00"))
      << hex;
}

TEST(CodecTest, ATextThatIsTooLongIsCutAtTheEndOfACharacter) {
  for (const int ascii : {0, 1, 2}) {
    std::string text(static_cast<std::size_t>(ascii), 'a');
    while (text.size() < 100'000) text += "\xe2\x82\xac";  // three bytes each
    for (const std::int16_t version : {std::int16_t{2}, std::int16_t{5}}) {
      Arena arena;
      auto topics = arena.make<CreateTopicsResponse::Topic>(1);
      topics[0].name = "t";
      topics[0].error_message = text;
      Writer writer;
      encode(writer, version, CreateTopicsResponse{.topics = topics});
      Reader reader(writer.bytes(), arena);
      CreateTopicsResponse read;
      ASSERT_TRUE(decode(reader, version, read).has_value());
      const std::string_view kept = *read.topics[0].error_message;
      EXPECT_LE(kept.size(), 32'767U);
      EXPECT_GT(kept.size(), 32'764U);
      EXPECT_EQ((kept.size() - static_cast<std::size_t>(ascii)) % 3, 0U) << ascii << version;
      EXPECT_TRUE(text.starts_with(kept));
    }
  }
}

TEST(CodecTest, NullAndEmptyArraysDiffer) {
  Arena arena;
  EXPECT_TRUE(decode_hex<MetadataRequest>("ffffffff", 1, arena)->topics.is_null());
  EXPECT_FALSE(decode_hex<MetadataRequest>("00000000", 1, arena)->topics.is_null());
  EXPECT_TRUE(decode_hex<MetadataRequest>("00 00 00 00 00", 9, arena)->topics.is_null());
  EXPECT_FALSE(decode_hex<MetadataRequest>("01 00 00 00 00", 9, arena)->topics.is_null());
  EXPECT_EQ(encode_hex(1, MetadataRequest{.topics = Array<MetadataRequest::Topic>::null()}),
            "ffffffff");
  EXPECT_EQ(encode_hex(1, MetadataRequest{}), "00000000");
}

TEST(CodecTest, NullIsRefusedWhereTheVersionDoesNotAllowIt) {
  EXPECT_EQ(error_of<MetadataRequest>("ffffffff", 0),
            "MetadataRequest v0: topics: null where it is not allowed");
  EXPECT_EQ(error_of<MetadataRequest>("02 00 00 00 00 00 00", 9),
            "MetadataRequest v9: topics[0].name: null where it is not allowed");
  // In version 10 the name may be null: 16 bytes of topic id, null, no tags.
  EXPECT_EQ(error_of<MetadataRequest>("02 000102030405060708090a0b0c0d0e0f 00 00 01 00 00 00", 10),
            "");
}

TEST(CodecTest, NullThatAVersionCannotExpressIsWrittenAsEmpty) {
  EXPECT_EQ(encode_hex(0, MetadataRequest{.topics = Array<MetadataRequest::Topic>::null()}),
            "00000000");
}

TEST(CodecTest, AnErrorNamesTheFieldAndTheElement) {
  // The second of two topics has a name that ends early.
  EXPECT_EQ(error_of<MetadataRequest>("00000002 0001 61 0005 6263", 1),
            "MetadataRequest v1: topics[1].name: the message ends early: 5 bytes wanted, 2 left");
  // Two partitions of sixteen bytes each cannot be in the 19 bytes that are left.
  EXPECT_EQ(error_of<FetchRequest>("ffffffff 00000000 00000001 00000400 00 00000001"
                                   "0001 61 00000002"
                                   "00000000 0000000000000000 00000400 000000",
                                   4),
            "FetchRequest v4: topics[0].partitions: an array of 2 elements in 19 bytes");
}

TEST(CodecTest, AHostileLengthAllocatesNothing) {
  Arena arena;
  EXPECT_FALSE(decode_hex<MetadataRequest>("7fffffff", 1, arena));
  EXPECT_FALSE(decode_hex<MetadataRequest>("000003e8 0000", 1, arena));  // 1,000 in two bytes
  EXPECT_FALSE(decode_hex<MetadataRequest>("ffffffff07", 9, arena));     // 2^31 - 2 elements
  EXPECT_FALSE(decode_hex<MetadataRequest>("ffffffff0f", 9, arena));     // beyond 2^31
  EXPECT_FALSE(decode_hex<MetadataRequest>("ffffffffff01", 9, arena));   // beyond 32 bits
  EXPECT_FALSE(decode_hex<MetadataRequest>("80000000", 1, arena));       // negative
  EXPECT_EQ(arena.held_bytes(), 0U);
}

TEST(CodecTest, AMessageMayNotTakeMoreMemoryThanItsReaderAllows) {
  Writer writer;
  Arena arena;
  encode(writer, 1, MetadataRequest{.topics = arena.make<MetadataRequest::Topic>(1000)});
  MetadataRequest request;
  Reader strict(writer.bytes(), arena, 999 * sizeof(MetadataRequest::Topic));
  const auto refused = decode(strict, 1, request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kTooLarge);
  Reader exact(writer.bytes(), arena, 1000 * sizeof(MetadataRequest::Topic));
  EXPECT_TRUE(decode(exact, 1, request));
}

TEST(CodecTest, StringsBeyondKafkasLimitAreRefusedThoughCompactLengthsAllowThem) {
  Arena arena;
  for (const auto& [size, accepted] : {std::pair{0x7fff, true}, std::pair{0x8000, false}}) {
    Writer writer;
    writer.uvarint(static_cast<std::uint32_t>(size) + 1);
    writer.raw(as_bytes(std::string(static_cast<std::size_t>(size), 'x')));
    writer.raw(from_hex("01 00"));
    ApiVersionsRequest request;
    Reader reader(writer.bytes(), arena);
    EXPECT_EQ(decode(reader, 3, request).has_value(), accepted) << size;
  }
}

TEST(CodecTest, RecordsOfAProduceRequestAreASliceOfItsFrame) {
  Arena arena;
  const auto frame =
      from_hex("ffff ffff 00007530 00000001 0001 61 00000001 00000003 00000004 deadbeef");
  Reader reader(frame, arena);
  ProduceRequest request;
  ASSERT_TRUE(decode(reader, 7, request));
  const Records& records = request.topic_data[0].partition_data[0].records;
  EXPECT_EQ(records.bytes().data(), frame.data() + frame.size() - 4);
  EXPECT_EQ(to_hex(records.bytes()), "deadbeef");
  EXPECT_EQ(request.acks, -1);
  EXPECT_EQ(request.topic_data[0].partition_data[0].index, PartitionId(3));
}

TEST(ErrorCodeTest, EveryCodeOfKafkaHasItsName) {
  EXPECT_EQ(name(ErrorCode::kUnknownServerError), "UNKNOWN_SERVER_ERROR");
  EXPECT_EQ(name(ErrorCode::kNone), "NONE");
  EXPECT_EQ(name(ErrorCode::kUnsupportedVersion), "UNSUPPORTED_VERSION");
  EXPECT_EQ(name(ErrorCode::kUnknownTopicId), "UNKNOWN_TOPIC_ID");
  EXPECT_EQ(name(ErrorCode::kShareSessionLimitReached), "SHARE_SESSION_LIMIT_REACHED");
  EXPECT_EQ(static_cast<int>(ErrorCode::kShareSessionLimitReached), 133);
  for (int code = -1; code <= 133; ++code) {
    EXPECT_GE(name(static_cast<ErrorCode>(code)).size(), 4U) << code;
  }
  EXPECT_EQ(name(static_cast<ErrorCode>(134)), "UNKNOWN");
  EXPECT_EQ(name(static_cast<ErrorCode>(-2)), "UNKNOWN");
}

}  // namespace
}  // namespace duolog::kafka::test
