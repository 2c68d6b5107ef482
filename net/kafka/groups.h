// JoinGroup (key 11), SyncGroup (14), Heartbeat (12) and LeaveGroup (13): the life of a classic
// consumer group's member. KIP-345 (static members), KIP-394 (member ids), KIP-559 (protocols in
// SyncGroup), KIP-800 (reasons).
#pragma once

#include <cstdint>
#include <string_view>

#include "net/kafka/errors.h"
#include "net/kafka/message.h"

namespace duolog::kafka {

struct JoinGroupRequest {
  static constexpr ApiKey kApi = ApiKey::kJoinGroup;

  struct Protocol {
    std::string_view name{};
    Bytes metadata{};

    static constexpr auto kFields =
        Fields{field<&Protocol::name>(since(0)), field<&Protocol::metadata>(since(0))};
  };

  std::string_view group_id{};
  std::int32_t session_timeout_ms = 0;
  std::int32_t rebalance_timeout_ms = -1;
  std::string_view member_id{};
  NullableString group_instance_id{};
  std::string_view protocol_type{};
  Array<Protocol> protocols{};
  NullableString reason{};

  static constexpr auto kFields =
      Fields{field<&JoinGroupRequest::group_id>(since(0)),
             field<&JoinGroupRequest::session_timeout_ms>(since(0)),
             field<&JoinGroupRequest::rebalance_timeout_ms>(since(1)),
             field<&JoinGroupRequest::member_id>(since(0)),
             field<&JoinGroupRequest::group_instance_id>(since(5)).nullable(since(5)),
             field<&JoinGroupRequest::protocol_type>(since(0)),
             field<&JoinGroupRequest::protocols>(since(0)),
             field<&JoinGroupRequest::reason>(since(8)).nullable(since(8))};
};

struct JoinGroupResponse {
  static constexpr ApiKey kApi = ApiKey::kJoinGroup;

  struct Member {
    std::string_view member_id{};
    NullableString group_instance_id{};
    Bytes metadata{};

    static constexpr auto kFields =
        Fields{field<&Member::member_id>(since(0)),
               field<&Member::group_instance_id>(since(5)).nullable(since(5)),
               field<&Member::metadata>(since(0))};
  };

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::int32_t generation_id = -1;
  NullableString protocol_type{};
  NullableString protocol_name = "";
  std::string_view leader{};
  bool skip_assignment = false;
  std::string_view member_id{};
  Array<Member> members{};

  static constexpr auto kFields =
      Fields{field<&JoinGroupResponse::throttle_time_ms>(since(2)),
             field<&JoinGroupResponse::error_code>(since(0)),
             field<&JoinGroupResponse::generation_id>(since(0)),
             field<&JoinGroupResponse::protocol_type>(since(7)).nullable(since(7)),
             field<&JoinGroupResponse::protocol_name>(since(0)).nullable(since(7)),
             field<&JoinGroupResponse::leader>(since(0)),
             field<&JoinGroupResponse::skip_assignment>(since(9)),
             field<&JoinGroupResponse::member_id>(since(0)),
             field<&JoinGroupResponse::members>(since(0))};
};

struct SyncGroupRequest {
  static constexpr ApiKey kApi = ApiKey::kSyncGroup;

  struct Assignment {
    std::string_view member_id{};
    Bytes assignment{};

    static constexpr auto kFields =
        Fields{field<&Assignment::member_id>(since(0)), field<&Assignment::assignment>(since(0))};
  };

  std::string_view group_id{};
  std::int32_t generation_id = 0;
  std::string_view member_id{};
  NullableString group_instance_id{};
  NullableString protocol_type{};
  NullableString protocol_name{};
  Array<Assignment> assignments{};

  static constexpr auto kFields =
      Fields{field<&SyncGroupRequest::group_id>(since(0)),
             field<&SyncGroupRequest::generation_id>(since(0)),
             field<&SyncGroupRequest::member_id>(since(0)),
             field<&SyncGroupRequest::group_instance_id>(since(3)).nullable(since(3)),
             field<&SyncGroupRequest::protocol_type>(since(5)).nullable(since(5)),
             field<&SyncGroupRequest::protocol_name>(since(5)).nullable(since(5)),
             field<&SyncGroupRequest::assignments>(since(0))};
};

struct SyncGroupResponse {
  static constexpr ApiKey kApi = ApiKey::kSyncGroup;

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  NullableString protocol_type{};
  NullableString protocol_name{};
  Bytes assignment{};

  static constexpr auto kFields =
      Fields{field<&SyncGroupResponse::throttle_time_ms>(since(1)),
             field<&SyncGroupResponse::error_code>(since(0)),
             field<&SyncGroupResponse::protocol_type>(since(5)).nullable(since(5)),
             field<&SyncGroupResponse::protocol_name>(since(5)).nullable(since(5)),
             field<&SyncGroupResponse::assignment>(since(0))};
};

struct HeartbeatRequest {
  static constexpr ApiKey kApi = ApiKey::kHeartbeat;

  std::string_view group_id{};
  std::int32_t generation_id = 0;
  std::string_view member_id{};
  NullableString group_instance_id{};

  static constexpr auto kFields =
      Fields{field<&HeartbeatRequest::group_id>(since(0)),
             field<&HeartbeatRequest::generation_id>(since(0)),
             field<&HeartbeatRequest::member_id>(since(0)),
             field<&HeartbeatRequest::group_instance_id>(since(3)).nullable(since(3))};
};

struct HeartbeatResponse {
  static constexpr ApiKey kApi = ApiKey::kHeartbeat;

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;

  static constexpr auto kFields = Fields{field<&HeartbeatResponse::throttle_time_ms>(since(1)),
                                         field<&HeartbeatResponse::error_code>(since(0))};
};

struct LeaveGroupRequest {
  static constexpr ApiKey kApi = ApiKey::kLeaveGroup;

  struct Member {
    std::string_view member_id{};
    NullableString group_instance_id{};
    NullableString reason{};

    static constexpr auto kFields =
        Fields{field<&Member::member_id>(since(3)),
               field<&Member::group_instance_id>(since(3)).nullable(since(3)),
               field<&Member::reason>(since(5)).nullable(since(5))};
  };

  std::string_view group_id{};
  std::string_view member_id{};
  Array<Member> members{};

  static constexpr auto kFields = Fields{field<&LeaveGroupRequest::group_id>(since(0)),
                                         field<&LeaveGroupRequest::member_id>(range(0, 2)),
                                         field<&LeaveGroupRequest::members>(since(3))};
};

struct LeaveGroupResponse {
  static constexpr ApiKey kApi = ApiKey::kLeaveGroup;

  struct Member {
    std::string_view member_id{};
    NullableString group_instance_id = "";
    ErrorCode error_code = ErrorCode::kNone;

    static constexpr auto kFields =
        Fields{field<&Member::member_id>(since(3)),
               field<&Member::group_instance_id>(since(3)).nullable(since(3)),
               field<&Member::error_code>(since(3))};
  };

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  Array<Member> members{};

  static constexpr auto kFields = Fields{field<&LeaveGroupResponse::throttle_time_ms>(since(1)),
                                         field<&LeaveGroupResponse::error_code>(since(0)),
                                         field<&LeaveGroupResponse::members>(since(3))};
};

}  // namespace duolog::kafka
