// What the compiler cannot see in the dispatch's table: that the function in a row serves the API
// of that row, in all of its versions.
#include <set>

#include <gtest/gtest.h>

#include "engine/session/kafka/dispatch_table.h"
#include "net/kafka/acls.h"
#include "net/kafka/api_versions.h"
#include "net/kafka/cluster.h"
#include "net/kafka/configs.h"
#include "net/kafka/coordinator.h"
#include "net/kafka/group_admin.h"
#include "net/kafka/group_offsets.h"
#include "net/kafka/groups.h"
#include "net/kafka/init_producer_id.h"
#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

class DispatchTest : public ::testing::Test {
 protected:
  // Asks in every version; the answer must be of this API, to its last byte.
  template <class Response, class Request>
  void ask(const Request& request) {
    asked_.insert(Request::kApi);
    const kafka::Api& api = *kafka::find_api(Request::kApi);
    for (std::int16_t version = api.versions.first; version <= api.versions.last; ++version) {
      SCOPED_TRACE(std::string(api.name) + " v" + std::to_string(version));
      KafkaClient client(server_.port());
      const auto answer = client.call<Response>(version, request);
      ASSERT_NE(answer, nullptr);
      kafka::Arena arena;
      kafka::Reader reader(answer->frame, arena);
      Response again;
      ASSERT_TRUE(kafka::parse_response_header(reader, Request::kApi, version));
      ASSERT_TRUE(kafka::decode(reader, version, again));
      EXPECT_EQ(reader.remaining(), 0U);
    }
  }

  TestServer server_;
  std::set<kafka::ApiKey> asked_;
};

TEST_F(DispatchTest, EveryRowAnswersWithItsOwnApiInEveryVersion) {
  using namespace kafka;
  ask<ProduceResponse>(ProduceRequest{.transactional_id = std::nullopt, .acks = -1});
  ask<FetchResponse>(FetchRequest{});
  ask<ListOffsetsResponse>(ListOffsetsRequest{});
  ask<MetadataResponse>(MetadataRequest{});
  ask<OffsetCommitResponse>(OffsetCommitRequest{.group_id = "g"});
  ask<OffsetFetchResponse>(OffsetFetchRequest{.group_id = "g"});
  ask<FindCoordinatorResponse>(FindCoordinatorRequest{.key = "g"});
  ask<JoinGroupResponse>(JoinGroupRequest{.group_id = "g"});
  ask<HeartbeatResponse>(HeartbeatRequest{.group_id = "g"});
  ask<LeaveGroupResponse>(LeaveGroupRequest{.group_id = "g"});
  ask<SyncGroupResponse>(SyncGroupRequest{.group_id = "g"});
  ask<DescribeGroupsResponse>(DescribeGroupsRequest{});
  ask<ListGroupsResponse>(ListGroupsRequest{});
  ask<ApiVersionsResponse>(ApiVersionsRequest{});
  ask<CreateTopicsResponse>(CreateTopicsRequest{});
  ask<DeleteTopicsResponse>(DeleteTopicsRequest{});
  ask<DeleteRecordsResponse>(DeleteRecordsRequest{});
  ask<InitProducerIdResponse>(InitProducerIdRequest{.transactional_id = std::nullopt});
  ask<OffsetForLeaderEpochResponse>(OffsetForLeaderEpochRequest{});
  ask<DescribeAclsResponse>(DescribeAclsRequest{});
  ask<DescribeConfigsResponse>(DescribeConfigsRequest{});
  ask<AlterConfigsResponse>(AlterConfigsRequest{});
  ask<CreatePartitionsResponse>(CreatePartitionsRequest{});
  ask<DeleteGroupsResponse>(DeleteGroupsRequest{});
  ask<IncrementalAlterConfigsResponse>(IncrementalAlterConfigsRequest{});
  ask<OffsetDeleteResponse>(OffsetDeleteRequest{.group_id = "g"});
  ask<DescribeClusterResponse>(DescribeClusterRequest{});
  ask<DescribeTopicPartitionsResponse>(DescribeTopicPartitionsRequest{});
  for (const ServedApi& row : kServedApis) {
    EXPECT_TRUE(asked_.contains(row.key))
        << kafka::find_api(row.key)->name << " is not asked above";
  }
}

TEST_F(DispatchTest, ToolsThatCopyWhatClientsMayAreToldThatNobodyIsAsked) {
  KafkaClient client(server_.port());
  const auto answer =
      client.call<kafka::DescribeAclsResponse>(3, kafka::DescribeAclsRequest{.operation = 1});
  EXPECT_EQ(answer->message.error_code, kafka::ErrorCode::kSecurityDisabled);
  EXPECT_EQ(answer->message.error_message, "No Authorizer is configured.");
  EXPECT_TRUE(answer->message.resources.empty());
}

TEST_F(DispatchTest, ARowIsFoundByThePlaceOfItsApi) {
  for (std::size_t i = 0; i < kafka::kApis.size(); ++i) {
    const ServedApi* row = served_api(i);
    ASSERT_EQ(row != nullptr, kafka::kApis[i].advertised) << kafka::kApis[i].name;
    if (row == nullptr) continue;
    EXPECT_EQ(row->key, kafka::kApis[i].key);
  }
}

}  // namespace
}  // namespace duolog::session
