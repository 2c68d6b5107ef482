// KIP-951: what Produce and Fetch tell a client that asked a broker which does not lead.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/ids.h"
#include "net/kafka/field.h"
#include "net/kafka/types.h"

namespace duolog::kafka {

// The leader that a client should go to instead; -1 where there is no hint.
struct LeaderIdAndEpoch {
  std::int32_t leader_id = -1;
  LeaderEpoch leader_epoch{-1};

  static constexpr auto kFields = Fields{field<&LeaderIdAndEpoch::leader_id>(since(0)),
                                         field<&LeaderIdAndEpoch::leader_epoch>(since(0))};
};

// Where a leader named so is reached.
struct NodeEndpoint {
  std::int32_t node_id = 0;
  std::string_view host{};
  std::int32_t port = 0;
  NullableString rack{};

  static constexpr auto kFields =
      Fields{field<&NodeEndpoint::node_id>(since(0)), field<&NodeEndpoint::host>(since(0)),
             field<&NodeEndpoint::port>(since(0)),
             field<&NodeEndpoint::rack>(since(0)).nullable(since(0))};
};

}  // namespace duolog::kafka
