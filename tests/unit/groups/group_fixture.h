// A classic group with a clock and a store of the test's, and clients that note their answers.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/groups/classic_group.h"

namespace duolog::groups {

using kafka::ErrorCode;

// Stores at once, or, while `holds`, when the test says so.
class FakeHost final : public GroupHost {
 public:
  runtime::Timers& timers() override { return timers_; }
  std::uint64_t now_ns() override { return now_ms * 1'000'000; }
  Timestamp wall_now() override { return Timestamp(static_cast<std::int64_t>(now_ms)); }
  const MembershipSettings& settings() override { return its_settings; }
  MembershipCounters& counters() override { return its_counters; }
  void store(ClassicGroup& /*group*/, GroupMetadata metadata, Stored done) override {
    stored.push_back(std::move(metadata));
    held.push_back(std::move(done));
    if (!holds) finish_stores(ErrorCode::kNone);
  }

  void became_idle(ClassicGroup& /*group*/) override { ++idle_groups; }

  void finish_stores(ErrorCode error) {
    while (!held.empty()) {
      Stored done = std::move(held.front());
      held.pop_front();
      done(error);
    }
  }
  // Time passes, and every timer expires at its own moment.
  void advance(std::uint64_t ms) {
    const std::uint64_t until = now_ms + ms;
    while (timers_.next_deadline_ns() <= until * 1'000'000) {
      now_ms = std::max(now_ms, timers_.next_deadline_ns() / 1'000'000);
      timers_.expire(now_ns());
    }
    now_ms = until;
  }

  runtime::Timers timers_;
  std::uint64_t now_ms = 1'000'000;
  MembershipSettings its_settings;
  MembershipCounters its_counters;
  std::vector<GroupMetadata> stored;
  std::deque<Stored> held;
  bool holds = false;
  int idle_groups = 0;  // times it was told of one
};

// An answer to a Join, as a client keeps it.
struct Joined {
  ErrorCode error = ErrorCode::kNone;
  std::int32_t generation = -1;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol;
  std::string leader;
  bool skip_assignment = false;
  std::string member_id;
  std::map<std::string, std::string> members;  // metadata by id
};

struct Synced {
  ErrorCode error = ErrorCode::kNone;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol;
  std::string assignment;
};

template <class Answer>
using Awaited = std::shared_ptr<std::optional<Answer>>;

struct JoinOptions {
  std::string member_id;
  std::optional<std::string> instance_id;
  std::int16_t version = 3;  // the last in which a member gets its id with its generation
  std::int32_t session_timeout_ms = 10'000;
  std::int32_t rebalance_timeout_ms = 60'000;
  std::string protocol_type = "consumer";
  std::vector<MemberProtocol> protocols = {{"range", "m"}};
  std::string client_id = "client";
};

class ClassicGroupTest : public testing::Test {
 protected:
  static std::optional<std::string> owned(kafka::NullableString text) {
    return text ? std::optional<std::string>(*text) : std::nullopt;
  }

  Awaited<Joined> join(const JoinOptions& options = {}) {
    std::vector<kafka::JoinGroupRequest::Protocol> protocols;
    for (const MemberProtocol& one : options.protocols) {
      protocols.push_back({.name = one.name, .metadata = as_bytes(one.metadata)});
    }
    const kafka::JoinGroupRequest request{.group_id = "group",
                                          .session_timeout_ms = options.session_timeout_ms,
                                          .rebalance_timeout_ms = options.rebalance_timeout_ms,
                                          .member_id = options.member_id,
                                          .group_instance_id = options.instance_id,
                                          .protocol_type = options.protocol_type,
                                          .protocols = std::span(protocols)};
    auto answer = std::make_shared<std::optional<Joined>>();
    group->join(request,
                {.version = options.version, .id = options.client_id, .host = "/127.0.0.1"},
                [answer](const kafka::JoinGroupResponse& response) {
                  EXPECT_FALSE(*answer) << "answered twice";
                  Joined joined{.error = response.error_code,
                                .generation = response.generation_id,
                                .protocol_type = owned(response.protocol_type),
                                .protocol = owned(response.protocol_name),
                                .leader = std::string(response.leader),
                                .skip_assignment = response.skip_assignment,
                                .member_id = std::string(response.member_id),
                                .members = {}};
                  for (const auto& member : response.members) {
                    joined.members[std::string(member.member_id)] = as_text(member.metadata);
                  }
                  *answer = std::move(joined);
                });
    return answer;
  }

  struct SyncOptions {
    std::optional<std::string> instance_id;
    std::optional<std::string> protocol_type;
    std::optional<std::string> protocol;
    std::vector<std::pair<std::string, std::string>> assignments;
  };
  Awaited<Synced> sync(const std::string& member_id, std::int32_t generation,
                       const SyncOptions& options) {
    std::vector<kafka::SyncGroupRequest::Assignment> assignments;
    for (const auto& [id, bytes] : options.assignments) {
      assignments.push_back({.member_id = id, .assignment = as_bytes(bytes)});
    }
    const kafka::SyncGroupRequest request{.group_id = "group",
                                          .generation_id = generation,
                                          .member_id = member_id,
                                          .group_instance_id = options.instance_id,
                                          .protocol_type = options.protocol_type,
                                          .protocol_name = options.protocol,
                                          .assignments = std::span(assignments)};
    auto answer = std::make_shared<std::optional<Synced>>();
    group->sync(request, [answer](const kafka::SyncGroupResponse& response) {
      EXPECT_FALSE(*answer) << "answered twice";
      *answer = Synced{.error = response.error_code,
                       .protocol_type = owned(response.protocol_type),
                       .protocol = owned(response.protocol_name),
                       .assignment = std::string(as_text(response.assignment))};
    });
    return answer;
  }
  Awaited<Synced> sync(const std::string& member_id, std::int32_t generation) {
    return sync(member_id, generation, SyncOptions{});
  }

  ErrorCode heartbeat(const std::string& member_id, std::int32_t generation,
                      std::optional<std::string> instance_id = std::nullopt) {
    return group->heartbeat({.group_id = "group",
                             .generation_id = generation,
                             .member_id = member_id,
                             .group_instance_id = instance_id});
  }

  // The error of one member's leaving, in version 3.
  ErrorCode leave(const std::string& member_id,
                  std::optional<std::string> instance_id = std::nullopt) {
    kafka::LeaveGroupRequest::Member member{.member_id = member_id,
                                            .group_instance_id = instance_id};
    ErrorCode error = ErrorCode::kUnknownServerError;
    group->leave({.group_id = "group", .members = std::span(&member, 1)}, 3,
                 [&](const kafka::LeaveGroupResponse& response) {
                   EXPECT_EQ(response.error_code, ErrorCode::kNone);
                   ASSERT_EQ(response.members.size(), 1U);
                   EXPECT_EQ(response.members[0].member_id, member_id);
                   EXPECT_EQ(owned(response.members[0].group_instance_id), instance_id);
                   error = response.members[0].error_code;
                 });
    return error;
  }

  void pass_initial_delay() { host.advance(host.its_settings.initial_rebalance_delay_ms); }

  // A stable group of as many members as there are options, which must be new; the first leads.
  // Each is assigned "for" and its id.
  std::vector<std::string> make_stable(const std::vector<JoinOptions>& all) {
    std::vector<Awaited<Joined>> joined;
    for (const JoinOptions& options : all) {
      joined.push_back(join(options));
    }
    // Each delay in which members come is followed by another.
    for (int i = 0; i < 50 && !*joined[0]; ++i) pass_initial_delay();
    std::vector<std::string> ids;
    SyncOptions leader;
    for (const auto& one : joined) {
      EXPECT_TRUE(*one);
      EXPECT_EQ((*one)->error, ErrorCode::kNone);
      ids.push_back((*one)->member_id);
      leader.assignments.emplace_back(ids.back(), "for " + ids.back());
    }
    for (const std::string& id : ids) {
      if (id != (*joined[0])->leader) sync(id, group->generation());
    }
    EXPECT_TRUE(*sync((*joined[0])->leader, group->generation(), leader));
    EXPECT_EQ(group->state(), GroupState::kStable);
    // The one that leads first.
    std::erase(ids, (*joined[0])->leader);
    ids.insert(ids.begin(), (*joined[0])->leader);
    return ids;
  }

  FakeHost host;
  std::unique_ptr<ClassicGroup> group = std::make_unique<ClassicGroup>(host, "group");
};

}  // namespace duolog::groups
