#include "tests/sim/server/oracle.h"

#include <algorithm>

#include <fmt/format.h>

namespace duolog::sim {

namespace {

std::string to_text(const PartitionKey& where) {
  return fmt::format("{}-{}", where.topic, where.partition);
}

}  // namespace

std::string Oracle::name_of(std::string_view value) {
  return std::string(value.substr(0, value.find(' ')));
}

void Oracle::wrong(std::string what) {
  if (!failure_) failure_ = std::move(what);
}

Durable Oracle::promise_of(const std::string& topic) const {
  const auto found = promises_.find(topic);
  return found == promises_.end() ? Durable::kPowerLoss : found->second;
}

void Oracle::server_went_down(bool power) {
  for (auto& [where, log] : logs_) {
    const Durable durable = promise_of(where.topic);
    if (durable == Durable::kPowerLoss || (durable == Durable::kKill && !power)) continue;
    log.at.clear();
    log.offsets.clear();
    log.acked_somewhere.clear();
  }
}

void Oracle::sent(const PartitionKey& where, const std::string& name, bool once) {
  logs_[where].sent[name] = once;
}

void Oracle::know(const PartitionKey& where, Offset offset, const std::string& name, bool acked) {
  if (gone_.contains(where.topic)) return;
  Log& log = logs_[where];
  const auto sent = log.sent.find(name);
  if (sent == log.sent.end()) {
    return wrong(fmt::format("{}: '{}' at {} was never sent", to_text(where), name, offset.value));
  }
  Known& known = log.at[offset.value];
  if (!known.name.empty() && known.name != name) {
    return wrong(fmt::format("{}: at {} there was {} ({}), and now there is {}", to_text(where),
                             offset.value, known.name, known.acked ? "acked" : "seen", name));
  }
  known.name = name;
  (acked ? known.acked : known.seen) = true;
  const auto [place, is_new] = log.offsets.try_emplace(name, offset.value);
  if (!is_new && place->second != offset.value && sent->second) {
    wrong(fmt::format("{}: {} is there twice, at {} and {}", to_text(where), name, place->second,
                      offset.value));
  }
}

void Oracle::acked(const PartitionKey& where, Offset offset, const std::string& name) {
  ++acks_;
  know(where, offset, name, true);
}

void Oracle::acked_somewhere(const PartitionKey& where, const std::string& name) {
  ++acks_;
  if (!gone_.contains(where.topic)) logs_[where].acked_somewhere.insert(name);
}

void Oracle::seen(const PartitionKey& where, Offset offset, std::string_view value) {
  ++reads_;
  know(where, offset, name_of(value), false);
  logs_[where].read.insert(offset.value);
}

void Oracle::trimmed(const PartitionKey& where, Offset start) {
  Log& log = logs_[where];
  log.start = std::max(log.start, start.value);
}

void Oracle::trim_acked(const PartitionKey& where, Offset start) {
  Log& log = logs_[where];
  log.certain_start = std::max(log.certain_start, start.value);
}

Offset Oracle::start_of(const PartitionKey& where) const {
  const auto found = logs_.find(where);
  return Offset(found == logs_.end() ? 0 : found->second.certain_start);
}

bool Oracle::may_be_trimmed(const PartitionKey& where, Offset offset) const {
  const auto found = logs_.find(where);
  return found != logs_.end() && offset.value < found->second.start;
}

bool Oracle::is_trimmed(const std::string& topic) const {
  return std::ranges::any_of(
      logs_, [&](const auto& log) { return log.first.topic == topic && log.second.start > 0; });
}

void Oracle::deleted(const std::string& topic) { gone_.insert(topic); }

void Oracle::producer_id(std::int64_t id) {
  if (!producer_ids_.insert(id).second) wrong(fmt::format("producer id {} given out twice", id));
}

Offset Oracle::end_of(const PartitionKey& where) const {
  const auto found = logs_.find(where);
  if (found == logs_.end() || found->second.at.empty()) return Offset(0);
  return Offset(found->second.at.rbegin()->first + 1);
}

std::optional<Oracle::KnownRecord> Oracle::known_from(const PartitionKey& where,
                                                      Offset offset) const {
  const auto found = logs_.find(where);
  if (found == logs_.end()) return std::nullopt;
  const Log& log = found->second;
  const auto known = log.at.lower_bound(offset.value);
  if (known == log.at.end()) return std::nullopt;
  const auto sent = log.sent.find(known->second.name);
  return KnownRecord{Offset(known->first), known->second.name,
                     sent != log.sent.end() && sent->second};
}

bool Oracle::was_sent(const std::string& topic, const std::string& name) const {
  return std::ranges::any_of(logs_, [&](const auto& log) {
    return log.first.topic == topic && log.second.sent.contains(name);
  });
}

void Oracle::audited(const PartitionKey& where, Offset start, Offset end) {
  if (gone_.contains(where.topic)) return;
  Log& log = logs_[where];
  if (start.value > log.start) {
    return wrong(fmt::format("{}: begins at {}, and nobody trimmed it beyond {}", to_text(where),
                             start.value, log.start));
  }
  if (start.value < log.certain_start) {
    return wrong(fmt::format("{}: begins at {}, and was trimmed to {}", to_text(where), start.value,
                             log.certain_start));
  }
  for (std::int64_t offset = start.value; offset < end.value; ++offset) {
    if (!log.read.contains(offset)) {
      return wrong(fmt::format("{}: nothing at {}", to_text(where), offset));
    }
  }
  for (const auto& [offset, known] : log.at) {
    if (offset < log.start || (offset >= start.value && offset < end.value)) continue;
    return wrong(fmt::format("{}: {} at {} was {} and is gone: the log is {} to {}", to_text(where),
                             known.name, offset, known.acked ? "acked" : "seen", start.value,
                             end.value));
  }
  for (const std::string& name : log.acked_somewhere) {
    const auto at = log.offsets.find(name);
    if (at == log.offsets.end() && log.start == 0) {
      return wrong(fmt::format("{}: {} was acked and is nowhere", to_text(where), name));
    }
  }
  log.read.clear();
}

std::vector<PartitionKey> Oracle::partitions() const {
  std::vector<PartitionKey> all;
  for (const auto& [where, log] : logs_) {
    if (!gone_.contains(where.topic)) all.push_back(where);
  }
  return all;
}

}  // namespace duolog::sim
