// Where a subscription of the push protocol begins in each partition, and whether what a client
// that comes back knows of the log is still true of it.
//
// A resume carries the topic's id, the leader epoch of the newest record it has seen, and the next
// offset of each partition. It is good when the topic is the same, no partition's log has ended,
// in that epoch, before the offset (KIP-320), and nothing is beyond the end. What retention has
// taken is a gap, not an error. Pure functions, on any shard.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/broker/topic.h"
#include "net/push/command.h"

namespace duolog::session {

struct PushStart {
  broker::Partition* partition = nullptr;
  Offset next;                      // where to begin
  Offset asked;                     // what was asked for; less than `next`: a gap
  std::optional<Timestamp> search;  // begin at the first record from then on instead
};

struct StartRefusal {
  push::ErrorCode code = push::ErrorCode::kBadRequest;
  std::string message;
  std::string_view reason{};  // of a resume: "epoch_changed", "ahead"
};

// In the order of the partitions' numbers.
[[nodiscard]] std::expected<std::vector<PushStart>, StartRefusal> find_start(
    const push::Subscribe& subscribe, const broker::Topic& topic, LeaderEpoch current);

// It reads every partition of the topic, those that will be added included.
[[nodiscard]] bool reads_whole_topic(const push::Subscribe& subscribe);

}  // namespace duolog::session
