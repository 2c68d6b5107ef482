// BufferRing: the receive buffers that a shard lends to the kernel.
//
// Owned by the shard, used by its thread. The kernel picks a buffer when bytes arrive, so that idle
// connections hold none. A buffer never outlives the turn in which it was received into: the
// socket gives it back as soon as its handler returns.
//
// A receive that finds no buffer (ENOBUFS) parks here and is started again when half of the ring
// is back, at most `count` of them a turn.
#pragma once

#include <cstdint>

#include <liburing.h>

#include "engine/base/bytes.h"
#include "engine/base/intrusive_list.h"
#include "engine/base/result.h"
#include "engine/runtime/ring.h"

namespace duolog::runtime {

struct BufferRingSettings {
  std::uint32_t count = 256;  // a power of two, at most 32768
  std::uint32_t size_bytes = 16 * 1024;
};

// Somebody whose receive found no buffer.
struct BufferWaiter {
  explicit BufferWaiter(void (*function)(BufferWaiter&)) : retry(function) {}
  void (*retry)(BufferWaiter& waiter);
  ListHook hook;
};

class BufferRing {
 public:
  static constexpr std::uint16_t kGroup = 0;  // the kernel's id of this group of buffers

  BufferRing() = default;
  ~BufferRing();
  BufferRing(const BufferRing&) = delete;
  BufferRing& operator=(const BufferRing&) = delete;

  // Allocates the buffers and registers them. `ring` outlives this object.
  [[nodiscard]] Result<void> open(Ring& ring, const BufferRingSettings& settings);

  // The buffer named by a completion's flags (which have IORING_CQE_F_BUFFER), with `size` bytes
  // received. It is out of the ring until `give_back`.
  [[nodiscard]] MutableBytes take(std::uint32_t completion_flags, std::size_t size_bytes);
  void give_back(std::uint32_t completion_flags);

  void park(BufferWaiter& waiter) { waiters_.push_back(waiter); }
  // Calls parked waiters if half of the ring is back; true while some remain. Once a turn.
  bool retry_parked();

 private:
  // Puts a buffer `ahead` places behind the ring's end; the kernel sees it after an advance.
  void add(std::uint16_t id, std::uint32_t ahead);

  io_uring_buf_ring* entries_ = nullptr;
  std::uint8_t* memory_ = nullptr;
  Ring* ring_ = nullptr;
  BufferRingSettings settings_;
  bool registered_ = false;
  std::uint32_t taken_ = 0;
  IntrusiveList<BufferWaiter, &BufferWaiter::hook> waiters_;
};

}  // namespace duolog::runtime
