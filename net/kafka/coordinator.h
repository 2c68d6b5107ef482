// FindCoordinator (key 10): which broker looks after a group or a transaction. KIP-699 (many keys).
#pragma once

#include <cstdint>
#include <string_view>

#include "net/kafka/errors.h"
#include "net/kafka/message.h"

namespace duolog::kafka {

struct FindCoordinatorRequest {
  static constexpr ApiKey kApi = ApiKey::kFindCoordinator;

  std::string_view key{};
  std::int8_t key_type = 0;  // 0: group, 1: transaction, 2: share
  Array<std::string_view> coordinator_keys{};

  static constexpr auto kFields =
      Fields{field<&FindCoordinatorRequest::key>(range(0, 3)),
             field<&FindCoordinatorRequest::key_type>(since(1)),
             field<&FindCoordinatorRequest::coordinator_keys>(since(4))};
};

struct FindCoordinatorResponse {
  static constexpr ApiKey kApi = ApiKey::kFindCoordinator;

  struct Coordinator {
    std::string_view key{};
    std::int32_t node_id = 0;
    std::string_view host{};
    std::int32_t port = 0;
    ErrorCode error_code = ErrorCode::kNone;
    NullableString error_message = "";

    static constexpr auto kFields =
        Fields{field<&Coordinator::key>(since(4)),
               field<&Coordinator::node_id>(since(4)),
               field<&Coordinator::host>(since(4)),
               field<&Coordinator::port>(since(4)),
               field<&Coordinator::error_code>(since(4)),
               field<&Coordinator::error_message>(since(4)).nullable(since(4))};
  };

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  NullableString error_message = "";
  std::int32_t node_id = 0;
  std::string_view host{};
  std::int32_t port = 0;
  Array<Coordinator> coordinators{};

  static constexpr auto kFields =
      Fields{field<&FindCoordinatorResponse::throttle_time_ms>(since(1)),
             field<&FindCoordinatorResponse::error_code>(range(0, 3)),
             field<&FindCoordinatorResponse::error_message>(range(1, 3)).nullable(range(1, 3)),
             field<&FindCoordinatorResponse::node_id>(range(0, 3)),
             field<&FindCoordinatorResponse::host>(range(0, 3)),
             field<&FindCoordinatorResponse::port>(range(0, 3)),
             field<&FindCoordinatorResponse::coordinators>(since(4))};
};

}  // namespace duolog::kafka
