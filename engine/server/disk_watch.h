// DiskWatch: looks whether a disk that was full has room again.
//
// The main thread's, which has nothing else to do and may block. Costs nothing until a shard finds
// the disk full; then it looks once each kLookMs until there are kRoomBytes.
#pragma once

#include <cstdint>
#include <string>

#include "engine/broker/write_state.h"

namespace duolog::server {

class DiskWatch {
 public:
  static constexpr int kLookMs = 1000;
  static constexpr std::uint64_t kRoomBytes = 16U << 20;

  // Before the shards run, which it outlives, and `state` it.
  DiskWatch(broker::WriteState& state, std::string directory);
  ~DiskWatch();
  DiskWatch(const DiskWatch&) = delete;
  DiskWatch& operator=(const DiskWatch&) = delete;

  // Returns when `descriptor` can be read.
  void wait_for(int descriptor);

 private:
  void look();

  broker::WriteState& state_;
  const std::string directory_;
  const int event_;  // eventfd(2): the disk is full
};

}  // namespace duolog::server
