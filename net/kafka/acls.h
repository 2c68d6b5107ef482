// DescribeAcls (key 29): who is allowed what. KIP-140, KIP-290 (patterns).
#pragma once

#include <cstdint>
#include <string_view>

#include "net/kafka/errors.h"
#include "net/kafka/message.h"

namespace duolog::kafka {

struct DescribeAclsRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeAcls;

  std::int8_t resource_type_filter = 0;
  NullableString resource_name_filter;  // null: any
  std::int8_t pattern_type_filter = 3;  // literal
  NullableString principal_filter;      // null: any
  NullableString host_filter;           // null: any
  std::int8_t operation = 0;
  std::int8_t permission_type = 0;

  static constexpr auto kFields =
      Fields{field<&DescribeAclsRequest::resource_type_filter>(since(0)),
             field<&DescribeAclsRequest::resource_name_filter>(since(0)).nullable(since(0)),
             field<&DescribeAclsRequest::pattern_type_filter>(since(1)),
             field<&DescribeAclsRequest::principal_filter>(since(0)).nullable(since(0)),
             field<&DescribeAclsRequest::host_filter>(since(0)).nullable(since(0)),
             field<&DescribeAclsRequest::operation>(since(0)),
             field<&DescribeAclsRequest::permission_type>(since(0))};
};

struct DescribeAclsResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeAcls;

  struct Resource {
    struct Acl {
      std::string_view principal{};
      std::string_view host{};
      std::int8_t operation = 0;
      std::int8_t permission_type = 0;

      static constexpr auto kFields =
          Fields{field<&Acl::principal>(since(0)), field<&Acl::host>(since(0)),
                 field<&Acl::operation>(since(0)), field<&Acl::permission_type>(since(0))};
    };

    std::int8_t resource_type = 0;
    std::string_view resource_name{};
    std::int8_t pattern_type = 3;
    Array<Acl> acls{};

    static constexpr auto kFields =
        Fields{field<&Resource::resource_type>(since(0)), field<&Resource::resource_name>(since(0)),
               field<&Resource::pattern_type>(since(1)), field<&Resource::acls>(since(0))};
  };

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  NullableString error_message = "";
  Array<Resource> resources{};

  static constexpr auto kFields =
      Fields{field<&DescribeAclsResponse::throttle_time_ms>(since(0)),
             field<&DescribeAclsResponse::error_code>(since(0)),
             field<&DescribeAclsResponse::error_message>(since(0)).nullable(since(0)),
             field<&DescribeAclsResponse::resources>(since(0))};
};

}  // namespace duolog::kafka
