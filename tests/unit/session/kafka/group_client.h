// A member of a consumer group for tests: a Kafka client with the requests of its life.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "net/kafka/group_admin.h"
#include "net/kafka/groups.h"
#include "tests/unit/session/kafka/kafka_client.h"

namespace duolog::session {

class GroupClient {
 public:
  explicit GroupClient(std::uint16_t port, std::string group_id = "group",
                       std::optional<std::string> instance_id = std::nullopt)
      : client(port), group(std::move(group_id)), instance(std::move(instance_id)) {}

  // Sends a Join and leaves its answer for `joined`.
  void send_join(std::int16_t version = 9) {
    kafka::JoinGroupRequest::Protocol protocol{.name = "range", .metadata = as_bytes("metadata")};
    client.send(version, kafka::JoinGroupRequest{.group_id = group,
                                                 .session_timeout_ms = session_timeout_ms,
                                                 .rebalance_timeout_ms = 60'000,
                                                 .member_id = id,
                                                 .group_instance_id = instance,
                                                 .protocol_type = "consumer",
                                                 .protocols = std::span(&protocol, 1)});
  }
  kafka::ErrorCode joined(std::int16_t version = 9) {
    answer = client.receive<kafka::JoinGroupResponse>(version);
    if (!answer) return kafka::ErrorCode::kNetworkException;
    const auto& response = answer->message;
    if (!response.member_id.empty()) id = response.member_id;
    if (response.error_code == kafka::ErrorCode::kNone) generation = response.generation_id;
    return response.error_code;
  }
  // Joins, twice if it has no id yet and this version asks for one.
  kafka::ErrorCode join(std::int16_t version = 9) {
    send_join(version);
    const kafka::ErrorCode error = joined(version);
    if (error != kafka::ErrorCode::kMemberIdRequired) return error;
    send_join(version);
    return joined(version);
  }
  [[nodiscard]] bool leads() const { return answer->message.leader == id; }

  using Assignments = std::vector<std::pair<std::string, std::string>>;
  void send_sync(const Assignments& assignments = {}, std::int16_t version = 5) {
    std::vector<kafka::SyncGroupRequest::Assignment> all;
    for (const auto& [member, bytes] : assignments) {
      all.push_back({.member_id = member, .assignment = as_bytes(bytes)});
    }
    client.send(version, kafka::SyncGroupRequest{.group_id = group,
                                                 .generation_id = generation,
                                                 .member_id = id,
                                                 .group_instance_id = instance,
                                                 .protocol_type = "consumer",
                                                 .protocol_name = "range",
                                                 .assignments = std::span(all)});
  }
  kafka::ErrorCode synced(std::int16_t version = 5) {
    const auto response = client.receive<kafka::SyncGroupResponse>(version);
    if (!response) return kafka::ErrorCode::kNetworkException;
    assignment = as_text(response->message.assignment);
    return response->message.error_code;
  }
  kafka::ErrorCode sync(const Assignments& assignments = {}, std::int16_t version = 5) {
    send_sync(assignments, version);
    return synced(version);
  }
  kafka::ErrorCode heartbeat(std::int16_t version = 4) {
    const auto response = client.call<kafka::HeartbeatResponse>(
        version, kafka::HeartbeatRequest{.group_id = group,
                                         .generation_id = generation,
                                         .member_id = id,
                                         .group_instance_id = instance});
    return response ? response->message.error_code : kafka::ErrorCode::kNetworkException;
  }
  // The response's error, or the only member's.
  kafka::ErrorCode leave(std::int16_t version = 5) {
    kafka::LeaveGroupRequest::Member member{.member_id = id, .group_instance_id = instance};
    const auto response = client.call<kafka::LeaveGroupResponse>(
        version, kafka::LeaveGroupRequest{
                     .group_id = group, .member_id = id, .members = std::span(&member, 1)});
    if (!response) return kafka::ErrorCode::kNetworkException;
    if (response->message.members.empty()) return response->message.error_code;
    return response->message.members[0].error_code;
  }

  // ---- Administration ---------------------------------------------------------------------------

  std::unique_ptr<Answer<kafka::DescribeGroupsResponse>> describe(std::string_view name,
                                                                  std::int16_t version = 6) {
    return client.call<kafka::DescribeGroupsResponse>(
        version, kafka::DescribeGroupsRequest{.groups = std::span(&name, 1)});
  }
  std::vector<std::string> list(std::vector<std::string_view> states = {},
                                std::vector<std::string_view> types = {}) {
    const auto response = client.call<kafka::ListGroupsResponse>(
        5, kafka::ListGroupsRequest{.states_filter = std::span(states),
                                    .types_filter = std::span(types)});
    std::vector<std::string> names;
    if (!response) return names;
    EXPECT_EQ(response->message.error_code, kafka::ErrorCode::kNone);
    for (const auto& one : response->message.groups) names.emplace_back(one.group_id);
    std::ranges::sort(names);
    return names;
  }
  kafka::ErrorCode remove(std::string_view name, std::int16_t version = 2) {
    const auto response = client.call<kafka::DeleteGroupsResponse>(
        version, kafka::DeleteGroupsRequest{.groups_names = std::span(&name, 1)});
    return response ? response->message.results[0].error_code : kafka::ErrorCode::kNetworkException;
  }

  KafkaClient client;
  std::string group;
  std::optional<std::string> instance;
  std::string id;
  std::int32_t generation = -1;
  std::int32_t session_timeout_ms = 30'000;
  std::string assignment;
  std::unique_ptr<Answer<kafka::JoinGroupResponse>> answer;  // to the last Join
};

}  // namespace duolog::session
