#include "tests/sim/server/group_oracle.h"

#include <algorithm>

#include <fmt/format.h>

namespace duolog::sim {

namespace {

std::string to_text(const GroupPartition& where) {
  return fmt::format("group {}, {}-{}", where.group, where.topic, where.partition);
}

}  // namespace

void GroupOracle::server_went_down() {
  for (auto& [where, commits] : commits_) {
    for (Commit& commit : commits) {
      if (commit.ended == kOpen) commit.ended = now();
    }
  }
}

std::int32_t GroupOracle::generation_of(const std::string& group) const {
  const auto found = generations_.find(group);
  return found == generations_.end() ? 0 : found->second;
}

void GroupOracle::owns(const std::string& group, std::int32_t generation, std::int32_t least,
                       const std::string& member, const std::vector<GroupPartition>& partitions) {
  // A group of which nothing is committed is forgotten with its last member, and begins anew.
  if (!lasting_.contains(group)) return;
  if (generation < least) {
    oracle_.wrong(fmt::format("group {}: {} is in generation {}, and there was {}", group, member,
                              generation, least));
  }
  std::int32_t& last = generations_[group];
  last = std::max(last, generation);
  for (const GroupPartition& where : partitions) {
    const auto [owner, is_new] = owners_.try_emplace({where, generation}, member);
    if (is_new || owner->second == member) continue;
    oracle_.wrong(fmt::format("{}: {} and {} own it in generation {}", to_text(where),
                              owner->second, member, generation));
  }
}

std::uint64_t GroupOracle::committing(const GroupPartition& where, Offset offset) {
  std::vector<Commit>& commits = commits_[where];
  // Before any commit there is nothing.
  if (commits.empty()) commits.push_back({.ended = 0, .acked = true});
  commits.push_back({.offset = offset.value, .began = now()});
  return commits.size() - 1;
}

void GroupOracle::committed(const GroupPartition& where, std::uint64_t number, Outcome outcome) {
  Commit& commit = commits_.at(where).at(number);
  if (commit.ended == kOpen) commit.ended = now();
  commit.refused = outcome == Outcome::kRefused;
  if (outcome != Outcome::kAcked) return;
  commit.acked = true;
  ++acks_;
  lasting_.insert(where.group);
}

bool GroupOracle::may_be_found(const std::vector<Commit>& all, const Commit& one,
                               Moment asked) const {
  return !one.refused && std::ranges::none_of(all, [&](const Commit& other) {
    return other.acked && other.began > one.ended && other.ended < asked;
  });
}

void GroupOracle::found(const GroupPartition& where, Offset offset, Moment asked) {
  const auto place = commits_.find(where);
  if (place == commits_.end()) {
    if (offset.value < 0) return;
    return oracle_.wrong(
        fmt::format("{}: {} is committed, and nobody did", to_text(where), offset.value));
  }
  std::vector<Commit>& commits = place->second;
  std::vector<Commit*> written;
  for (Commit& commit : commits) {
    if (commit.offset == offset.value && may_be_found(commits, commit, asked)) {
      written.push_back(&commit);
    }
  }
  if (written.empty()) {
    std::string allowed;
    for (const Commit& commit : commits) {
      if (!may_be_found(commits, commit, asked)) continue;
      allowed += fmt::format(" {}{}", commit.offset, commit.acked ? "" : "?");
    }
    return oracle_.wrong(
        fmt::format("{}: {} is committed; it may be{}", to_text(where), offset.value, allowed));
  }
  // What has been found stays.
  if (written.size() > 1) return;
  Commit& commit = *written.front();
  commit.acked = true;
  if (commit.ended == kOpen) commit.ended = now();
}

std::vector<GroupPartition> GroupOracle::partitions() const {
  std::vector<GroupPartition> all;
  for (const auto& [where, commits] : commits_) all.push_back(where);
  return all;
}

}  // namespace duolog::sim
