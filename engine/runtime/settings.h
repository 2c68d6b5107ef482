// What an operator can set about the shards, with its defaults.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/runtime/buffer_ring.h"
#include "engine/runtime/ring.h"

namespace duolog::runtime {

// What an idle shard does with its core.
enum class BusyPoll : std::uint8_t {
  kNever,     // sleeps at once
  kAdaptive,  // spins for up to `spin_us` where that has been paying, then sleeps
  kAlways,    // never sleeps
};

struct Settings {
  std::size_t shards = 0;  // 0: the cores this process may use less one, at least one
  bool pin = true;         // a core for each shard; off where there are fewer cores than shards
  BusyPoll busy_poll = BusyPoll::kNever;
  std::uint32_t spin_us = 50;
  // A turn's time: when it is up, who has not been served waits for the next turn. 0: each turn
  // serves one of each class of tasks.
  std::uint32_t turn_us = 1000;
  RingSettings ring;
  BufferRingSettings buffers;
  std::uint32_t mailbox_credits = 1024;  // per ordered pair of shards; a power of two
  std::uint32_t disk_operations = 128;   // in the ring at once, per shard; more wait in a queue
  std::size_t janitor_threads = 2;
  std::size_t worker_threads = 2;
};

}  // namespace duolog::runtime
