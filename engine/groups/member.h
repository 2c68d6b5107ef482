// Member: a client in a classic group; and PendingMember, a client that has been given an id and
// has yet to join with it (KIP-394).
//
// Owned by their ClassicGroup, and used by its thread. Each has one timer: when it expires, the
// group is told.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/groups/group_call.h"
#include "engine/runtime/timers.h"
#include "net/kafka/groups.h"

namespace duolog::groups {

class ClassicGroup;

// How a request is answered: called once, within the request or later. The response's views are
// valid during the call, which must not come back to the group.
using JoinReply = std::move_only_function<void(const kafka::JoinGroupResponse&)>;
using SyncReply = std::move_only_function<void(const kafka::SyncGroupResponse&)>;
using LeaveReply = std::move_only_function<void(const kafka::LeaveGroupResponse&)>;

// A way of assigning partitions that a member knows, and what it says of itself for that.
struct MemberProtocol {
  std::string name;
  std::string metadata;  // bytes
  friend bool operator==(const MemberProtocol&, const MemberProtocol&) = default;
};

// What a member and each of its protocols take besides their texts, at most: numbers and lengths in
// the group's record, and the objects here.
inline constexpr std::size_t kMemberBytes = 64;
inline constexpr std::size_t kProtocolBytes = 64;

// What a member says of itself with each Join.
struct MemberTerms {
  std::int32_t rebalance_timeout_ms = 0;
  std::int32_t session_timeout_ms = 0;
  std::vector<MemberProtocol> protocols;  // the one it likes best first
};

struct Member : MemberTerms {
  Member(ClassicGroup& its_group, runtime::Timer::Expired expired)
      : group(its_group), session(expired, this) {}

  [[nodiscard]] bool is_static() const { return instance_id.has_value(); }
  // Its metadata for a protocol; empty if it does not know it.
  [[nodiscard]] std::string_view metadata(std::string_view protocol) const {
    const auto found = std::ranges::find(protocols, protocol, &MemberProtocol::name);
    return found == protocols.end() ? std::string_view() : std::string_view(found->metadata);
  }
  // What it adds to the group's size.
  [[nodiscard]] std::size_t size_bytes() const {
    std::size_t total =
        kMemberBytes + id.size() + client_id.size() + client_host.size() + assignment.size();
    if (instance_id) total += instance_id->size();
    for (const MemberProtocol& one : protocols) {
      total += kProtocolBytes + one.name.size() + one.metadata.size();
    }
    return total;
  }

  ClassicGroup& group;
  std::string id;
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string client_host;
  std::string assignment;  // bytes

  bool is_new = false;        // its first Join is not answered: it may go although it waits
  bool pending_sync = false;  // it knows the generation, and has not asked for its assignment
  JoinReply join;             // while it waits for the others to join
  SyncReply sync;             // while it waits for the leader's assignment
  runtime::Timer session;     // ends it, unless it is heard of
};

struct PendingMember {
  PendingMember(ClassicGroup& its_group, std::string its_id, runtime::Timer::Expired expired)
      : group(its_group), id(std::move(its_id)), session(expired, this) {}

  ClassicGroup& group;
  std::string id;
  runtime::Timer session;
};

}  // namespace duolog::groups
