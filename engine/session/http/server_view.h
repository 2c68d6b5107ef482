// ServerView: what the HTTP port shows of the whole server: whether it is ready, and what every
// shard counts.
//
// Owned by the server, made before the shards run; outlives the doors. Each shard lists its own
// counters when it starts; once all have started, any shard reads.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/ids.h"
#include "engine/runtime/counter_list.h"

namespace duolog::session {

class ServerView {
 public:
  enum class State : std::uint8_t { kStarting, kReady, kStopping };

  explicit ServerView(std::size_t shards) : shards_(shards) {}

  // On the shard, when it starts: for its counters.
  [[nodiscard]] runtime::CounterList& list(ShardId shard) { return shards_[shard.value]; }
  // Before it is ready: where Kafka clients connect.
  void set_kafka_address(std::string address) { kafka_address_ = std::move(address); }
  [[nodiscard]] const std::string& kafka_address() const { return kafka_address_; }
  // Any thread.
  void set(State state) { state_.store(state, std::memory_order_release); }
  [[nodiscard]] State state() const { return state_.load(std::memory_order_acquire); }
  [[nodiscard]] const std::vector<runtime::CounterList>& shards() const { return shards_; }
  [[nodiscard]] Timestamp started() const { return started_; }

 private:
  std::vector<runtime::CounterList> shards_;
  std::string kafka_address_;
  std::atomic<State> state_{State::kStarting};
  const Timestamp started_ = wall_clock();
};

}  // namespace duolog::session
