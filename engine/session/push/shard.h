// PushShard: what the connections of the push protocol share on one shard.
//
// One for each shard, used by its thread; it outlives the endpoints. `settings` outlive it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "engine/session/live/batch_cache.h"
#include "engine/session/live/shard.h"
#include "engine/session/push/batch.h"
#include "engine/session/push/counters.h"
#include "engine/session/push/plan.h"
#include "engine/session/push/settings.h"
#include "net/push/command_parser.h"
#include "net/push/reply.h"
#include "storage/record.h"

namespace duolog::session {

using PushCache = BatchCache<PushBatch>;

class PushShard {
 public:
  PushShard(LiveShard& live, const PushSettings& settings);
  PushShard(const PushShard&) = delete;
  PushShard& operator=(const PushShard&) = delete;

  [[nodiscard]] LiveShard& live() { return live_; }
  [[nodiscard]] runtime::Shard& shard() { return live_.shard(); }
  [[nodiscard]] const PushSettings& settings() const { return settings_; }
  [[nodiscard]] PushCache& cache() { return cache_; }
  [[nodiscard]] PushCounters& counters() { return counters_; }
  [[nodiscard]] const PushCounters& counters() const { return counters_; }  // any thread

  // Of one send; empty.
  [[nodiscard]] std::unique_ptr<PushPlan> take_plan();
  void give_back(std::unique_ptr<PushPlan> plan);

  // Scratch, for as long as nobody else runs.
  [[nodiscard]] push::CommandParser& commands() { return commands_; }
  [[nodiscard]] std::string& text();                           // empty
  [[nodiscard]] std::vector<push::PositionText>& positions();  // empty
  [[nodiscard]] std::vector<storage::RecordHeader>& headers() { return headers_; }

 private:
  static constexpr std::size_t kKeptPlans = 64;
  static constexpr std::size_t kKeptTextBytes = 64U << 10;

  LiveShard& live_;
  const PushSettings& settings_;
  PushCache cache_;
  PushCounters counters_;
  std::vector<std::unique_ptr<PushPlan>> plans_;
  push::CommandParser commands_;
  std::string text_;
  std::vector<push::PositionText> positions_;
  std::vector<storage::RecordHeader> headers_;
};

}  // namespace duolog::session
