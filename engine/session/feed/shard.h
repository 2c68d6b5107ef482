// FeedShard: what the plain feeds of one shard share.
//
// One for each shard, used by its thread; it outlives the feeds.
#pragma once

#include "engine/session/feed/batch.h"
#include "engine/session/feed/counters.h"
#include "engine/session/live/batch_cache.h"
#include "engine/session/live/shard.h"

namespace duolog::session {

using FeedCache = BatchCache<FeedBatch>;

class FeedShard {
 public:
  explicit FeedShard(LiveShard& live) : live_(live), cache_(live) {}
  FeedShard(const FeedShard&) = delete;
  FeedShard& operator=(const FeedShard&) = delete;

  [[nodiscard]] LiveShard& live() { return live_; }
  [[nodiscard]] FeedCache& cache() { return cache_; }
  [[nodiscard]] FeedCounters& counters() { return counters_; }
  [[nodiscard]] const FeedCounters& counters() const { return counters_; }  // any thread

 private:
  LiveShard& live_;
  FeedCache cache_;
  FeedCounters counters_;
};

}  // namespace duolog::session
