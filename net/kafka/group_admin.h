// ListGroups (key 16), DescribeGroups (15) and DeleteGroups (42). KIP-430 (authorized operations),
// KIP-518 (states), KIP-848 (types), KIP-1043 (errors).
#pragma once

#include <cstdint>
#include <string_view>

#include "net/kafka/errors.h"
#include "net/kafka/message.h"

namespace duolog::kafka {

struct ListGroupsRequest {
  static constexpr ApiKey kApi = ApiKey::kListGroups;

  Array<std::string_view> states_filter{};
  Array<std::string_view> types_filter{};

  static constexpr auto kFields = Fields{field<&ListGroupsRequest::states_filter>(since(4)),
                                         field<&ListGroupsRequest::types_filter>(since(5))};
};

struct ListGroupsResponse {
  static constexpr ApiKey kApi = ApiKey::kListGroups;

  struct Group {
    std::string_view group_id{};
    std::string_view protocol_type{};
    std::string_view group_state{};
    std::string_view group_type{};

    static constexpr auto kFields =
        Fields{field<&Group::group_id>(since(0)), field<&Group::protocol_type>(since(0)),
               field<&Group::group_state>(since(4)), field<&Group::group_type>(since(5))};
  };

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  Array<Group> groups{};

  static constexpr auto kFields = Fields{field<&ListGroupsResponse::throttle_time_ms>(since(1)),
                                         field<&ListGroupsResponse::error_code>(since(0)),
                                         field<&ListGroupsResponse::groups>(since(0))};
};

struct DescribeGroupsRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeGroups;

  Array<std::string_view> groups{};
  bool include_authorized_operations = false;

  static constexpr auto kFields =
      Fields{field<&DescribeGroupsRequest::groups>(since(0)),
             field<&DescribeGroupsRequest::include_authorized_operations>(since(3))};
};

struct DescribeGroupsResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeGroups;

  struct Group {
    struct Member {
      std::string_view member_id{};
      NullableString group_instance_id{};
      std::string_view client_id{};
      std::string_view client_host{};
      Bytes member_metadata{};
      Bytes member_assignment{};

      static constexpr auto kFields =
          Fields{field<&Member::member_id>(since(0)),
                 field<&Member::group_instance_id>(since(4)).nullable(since(4)),
                 field<&Member::client_id>(since(0)),
                 field<&Member::client_host>(since(0)),
                 field<&Member::member_metadata>(since(0)),
                 field<&Member::member_assignment>(since(0))};
    };

    ErrorCode error_code = ErrorCode::kNone;
    NullableString error_message{};
    std::string_view group_id{};
    std::string_view group_state{};
    std::string_view protocol_type{};
    std::string_view protocol_data{};
    Array<Member> members{};
    std::int32_t authorized_operations = kOperationsNotAsked;

    static constexpr auto kFields =
        Fields{field<&Group::error_code>(since(0)),
               field<&Group::error_message>(since(6)).nullable(since(6)),
               field<&Group::group_id>(since(0)),
               field<&Group::group_state>(since(0)),
               field<&Group::protocol_type>(since(0)),
               field<&Group::protocol_data>(since(0)),
               field<&Group::members>(since(0)),
               field<&Group::authorized_operations>(since(3))};
  };

  std::int32_t throttle_time_ms = 0;
  Array<Group> groups{};

  static constexpr auto kFields = Fields{field<&DescribeGroupsResponse::throttle_time_ms>(since(1)),
                                         field<&DescribeGroupsResponse::groups>(since(0))};
};

struct DeleteGroupsRequest {
  static constexpr ApiKey kApi = ApiKey::kDeleteGroups;

  Array<std::string_view> groups_names{};

  static constexpr auto kFields = Fields{field<&DeleteGroupsRequest::groups_names>(since(0))};
};

struct DeleteGroupsResponse {
  static constexpr ApiKey kApi = ApiKey::kDeleteGroups;

  struct Group {
    std::string_view group_id{};
    ErrorCode error_code = ErrorCode::kNone;

    static constexpr auto kFields =
        Fields{field<&Group::group_id>(since(0)), field<&Group::error_code>(since(0))};
  };

  std::int32_t throttle_time_ms = 0;
  Array<Group> results{};

  static constexpr auto kFields = Fields{field<&DeleteGroupsResponse::throttle_time_ms>(since(0)),
                                         field<&DeleteGroupsResponse::results>(since(0))};
};

}  // namespace duolog::kafka
