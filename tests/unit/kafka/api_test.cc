#include "net/kafka/api.h"

#include <gtest/gtest.h>

#include "net/kafka/api_versions.h"
#include "net/kafka/header.h"
#include "tests/unit/kafka/message_cases.h"

namespace duolog::kafka::test {
namespace {

TEST(ApiTest, KeysAscendAndRangesAreWhole) {
  for (std::size_t i = 0; i < kApis.size(); ++i) {
    if (i > 0) {
      EXPECT_LT(kApis[i - 1].key, kApis[i].key);
    }
    EXPECT_LE(kApis[i].advertised_first, kApis[i].versions.first);
    EXPECT_LE(kApis[i].versions.first, kApis[i].versions.last);
  }
}

TEST(ApiTest, ProduceIsAdvertisedFromZeroAndRefusedBelowThree) {
  Arena arena;
  const auto listed = advertised_apis(arena);
  ASSERT_EQ(listed[0].api_key, 0);
  EXPECT_EQ(listed[0].min_version, 0);
  EXPECT_EQ(listed[0].max_version, 13);
  EXPECT_FALSE(supported(0, 2));
  EXPECT_TRUE(supported(0, 3));
}

TEST(ApiTest, UnknownKeysAndVersionsAreUnsupported) {
  EXPECT_FALSE(supported(4, 0));
  EXPECT_FALSE(supported(-1, 0));
  EXPECT_FALSE(supported(18, 5));
  EXPECT_FALSE(supported(18, -1));
  EXPECT_TRUE(supported(18, 4));
}

Result<RequestHeader> header_of(std::string_view hex, std::size_t& left) {
  static std::vector<std::uint8_t> bytes;
  bytes = from_hex(hex);
  Arena arena;
  Reader reader(bytes, arena);
  auto header = parse_request_header(reader);
  left = reader.remaining();
  return header;
}

TEST(RequestHeaderTest, ClientIdIsAnInt16StringInBothVersions) {
  std::size_t left = 0;
  const auto v1 = header_of("0003 0001 00000007 0002 6d65 aabb", left);
  ASSERT_TRUE(v1);
  EXPECT_EQ(v1->client_id, "me");
  EXPECT_EQ(left, 2U);
  const auto v2 = header_of("0003 0009 00000007 0002 6d65 01 05 02 ffff aabb", left);
  ASSERT_TRUE(v2);
  EXPECT_EQ(v2->client_id, "me");
  EXPECT_EQ(v2->correlation_id, 7);
  EXPECT_EQ(left, 2U);
}

TEST(RequestHeaderTest, ClientIdMayBeNull) {
  std::size_t left = 0;
  EXPECT_EQ(header_of("0003 0001 00000007 ffff", left)->client_id, std::nullopt);
}

TEST(RequestHeaderTest, OfAnUnknownApiTheCorrelationIdIsStillKnown) {
  std::size_t left = 0;
  const auto header = header_of("0063 0001 00000007 ffff", left);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->api_key, 99);
  EXPECT_EQ(header->correlation_id, 7);
}

TEST(RequestHeaderTest, ATornHeaderIsAnErrorThatNamesTheField) {
  std::size_t left = 0;
  const auto header = header_of("0003 0001 00000007 0009 6d65", left);
  ASSERT_FALSE(header);
  EXPECT_NE(header.error().message.find("client_id"), std::string::npos) << header.error().message;
  EXPECT_FALSE(header_of("0003 00", left));
  EXPECT_FALSE(header_of("0063 0001 0000", left));
}

std::string response_header(ApiKey api, std::int16_t version) {
  Writer writer;
  const auto frame = begin_response(writer, api, version, 0x01020304);
  writer.end_frame(frame);
  return to_hex(writer.bytes());
}

TEST(ResponseHeaderTest, ApiVersionsHasHeaderZeroInEveryVersion) {
  EXPECT_EQ(response_header(ApiKey::kApiVersions, 0),
            "00000004"
            "01020304");
  EXPECT_EQ(response_header(ApiKey::kApiVersions, 4),
            "00000004"
            "01020304");
  EXPECT_EQ(response_header(ApiKey::kMetadata, 8),
            "00000004"
            "01020304");
  EXPECT_EQ(response_header(ApiKey::kMetadata, 9),
            "00000005"
            "01020304"
            "00");
}

TEST(HeaderTest, BothHeadersRoundTrip) {
  for (const Api& api : kApis) {
    for (int v = api.versions.first; v <= api.versions.last; ++v) {
      const auto version = static_cast<std::int16_t>(v);
      Writer writer;
      const auto request = begin_request(writer, {.api_key = static_cast<std::int16_t>(api.key),
                                                  .api_version = version,
                                                  .correlation_id = v + 100,
                                                  .client_id = "me"});
      writer.end_frame(request);
      Arena arena;
      Reader reader(writer.bytes().subspan(4), arena);
      const auto header = parse_request_header(reader);
      ASSERT_TRUE(header);
      EXPECT_EQ(header->correlation_id, v + 100);
      EXPECT_EQ(reader.remaining(), 0U);

      writer.clear();
      writer.end_frame(begin_response(writer, api.key, version, v));
      Reader answer(writer.bytes().subspan(4), arena);
      EXPECT_EQ(parse_response_header(answer, api.key, version)->correlation_id, v);
      EXPECT_EQ(answer.remaining(), 0U);
    }
  }
}

}  // namespace
}  // namespace duolog::kafka::test
