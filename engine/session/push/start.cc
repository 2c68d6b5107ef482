#include "engine/session/push/start.h"

#include <algorithm>

#include <fmt/format.h>

#include "storage/log_reader.h"

namespace duolog::session {
namespace {

using Starts = std::vector<PushStart>;

std::unexpected<StartRefusal> refuse(push::ErrorCode code, std::string message,
                                     std::string_view reason = {}) {
  return std::unexpected(
      StartRefusal{.code = code, .message = std::move(message), .reason = reason});
}

std::unexpected<StartRefusal> no_such_partition(const broker::Topic& topic, PartitionId which) {
  return refuse(push::ErrorCode::kBadRequest,
                fmt::format("topic '{}' has no partition {}, but {}, counted from 0", topic.name,
                            which.value, topic.partitions.size()));
}

// The partitions that are read, each once, by number.
std::expected<Starts, StartRefusal> choose(const push::Subscribe& subscribe,
                                           const broker::Topic& topic) {
  std::vector<PartitionId> chosen(subscribe.partitions.begin(), subscribe.partitions.end());
  if (reads_whole_topic(subscribe)) {
    for (const broker::Partition* partition : topic.partitions) chosen.push_back(partition->id);
  } else {
    for (const push::PartitionOffset& position : subscribe.positions) {
      chosen.push_back(position.partition);
    }
  }
  std::ranges::sort(chosen);
  const auto doubled = std::ranges::unique(chosen);
  chosen.erase(doubled.begin(), doubled.end());
  Starts starts;
  starts.reserve(chosen.size());
  for (const PartitionId which : chosen) {
    broker::Partition* partition = topic.partition(which);
    if (partition == nullptr) return no_such_partition(topic, which);
    if (partition->offline())
      return refuse(push::ErrorCode::kNotAvailable, broker::offline_text(*partition));
    starts.push_back(
        {.partition = partition, .next = Offset(-1), .asked = Offset(-1), .search = {}});
  }
  return starts;
}

PushStart* find(Starts& starts, PartitionId which) {
  const auto found = std::ranges::lower_bound(
      starts, which, {}, [](const PushStart& start) { return start.partition->id; });
  return found != starts.end() && found->partition->id == which ? &*found : nullptr;
}

// An offset that was asked for: where retention has taken it, the start of what is left.
std::optional<StartRefusal> begin_at(PushStart& start, Offset asked) {
  const storage::Log& log = *start.partition->log;
  const Offset end = log.high_watermark().offset;
  if (asked > end) {
    return StartRefusal{push::ErrorCode::kOffsetOutOfRange,
                        fmt::format("partition {} ends at offset {}, before {}",
                                    start.partition->id.value, end.value, asked.value),
                        "ahead"};
  }
  start.asked = asked;
  start.next = std::max(asked, log.start_offset());
  return std::nullopt;
}

// Whether the log has gone another way since the client read it.
bool diverged(const PushStart& start, LeaderEpoch epoch, LeaderEpoch current) {
  if (epoch > current) return true;
  const storage::EpochEnd end = storage::end_of_epoch(*start.partition->log, epoch, current);
  return end.epoch.value >= 0 && end.end < start.asked;
}

void begin_from(PushStart& start, const push::From& from) {
  const storage::Log& log = *start.partition->log;
  const Offset first = log.start_offset();
  const Offset end = log.high_watermark().offset;
  switch (from.kind) {
    case push::From::Kind::kEarliest:
      start.next = first;
      break;
    case push::From::Kind::kBack:
      start.next = end - first > from.value ? end - from.value : first;
      break;
    case push::From::Kind::kTimestamp:
      start.search = Timestamp(from.value);
      start.next = end;
      break;
    case push::From::Kind::kLatest:
    case push::From::Kind::kOffset:
      start.next = end;
      break;
  }
  start.asked = start.next;
}

}  // namespace

bool reads_whole_topic(const push::Subscribe& subscribe) {
  return subscribe.partitions.empty() && (subscribe.positions.empty() || subscribe.from);
}

std::expected<std::vector<PushStart>, StartRefusal> find_start(const push::Subscribe& subscribe,
                                                               const broker::Topic& topic,
                                                               LeaderEpoch current) {
  if (subscribe.topic_id && *subscribe.topic_id != topic.id) {
    return refuse(push::ErrorCode::kEpochChanged,
                  fmt::format("topic '{}' has been deleted and created again", topic.name),
                  "epoch_changed");
  }
  auto starts = choose(subscribe, topic);
  if (!starts) return starts;
  for (const push::PartitionOffset& position : subscribe.positions) {
    PushStart* start = find(*starts, position.partition);
    if (start == nullptr) return no_such_partition(topic, position.partition);
    if (start->asked.value >= 0) {
      return refuse(push::ErrorCode::kBadRequest,
                    fmt::format("two positions of partition {}", position.partition.value));
    }
    if (auto refusal = begin_at(*start, position.offset)) return std::unexpected(*refusal);
    if (subscribe.epoch && diverged(*start, *subscribe.epoch, current)) {
      return refuse(push::ErrorCode::kEpochChanged,
                    fmt::format("partition {} has other records from before offset {} on",
                                position.partition.value, position.offset.value),
                    "epoch_changed");
    }
  }
  const push::From from = subscribe.from.value_or(push::From{});
  const auto open =
      std::ranges::count_if(*starts, [](const PushStart& start) { return start.asked.value < 0; });
  if (from.kind == push::From::Kind::kOffset && open > 1) {
    return refuse(push::ErrorCode::kBadRequest,
                  "from: an offset is of one partition; use positions for several");
  }
  for (PushStart& start : *starts) {
    if (start.asked.value >= 0) continue;
    if (from.kind != push::From::Kind::kOffset) {
      begin_from(start, from);
    } else if (auto refusal = begin_at(start, Offset(from.value))) {
      return std::unexpected(*refusal);
    }
  }
  return starts;
}

}  // namespace duolog::session
