// GroupMetadata: what of a classic consumer group outlives the server.
//
// It is a record of `__consumer_offsets` (Kafka's GroupMetadataValue), written when a generation
// has its assignment and when the group becomes empty, and what a group begins with after a start.
// A plain value, of whoever holds it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/ids.h"

namespace duolog::groups {

struct MemberMetadata {
  std::string member_id;
  std::optional<std::string> group_instance_id;  // of a static member
  std::string client_id;
  std::string client_host;
  std::int32_t rebalance_timeout_ms = -1;
  std::int32_t session_timeout_ms = 0;
  std::string subscription;  // bytes: of the protocol that the group has chosen
  std::string assignment;    // bytes
};

struct GroupMetadata {
  std::string protocol_type;  // empty: offsets were committed, but nobody has ever joined
  std::int32_t generation = 0;
  std::optional<std::string> protocol;  // null: the group is empty
  std::optional<std::string> leader;
  Timestamp state_since;  // of the last change of state
  std::vector<MemberMetadata> members;
};

}  // namespace duolog::groups
