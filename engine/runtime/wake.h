// Waking a shard from another thread: "look here", a bit that never overflows.
//
// A WakeNode is a bit with an address: it stands for "something that you watch has changed", is
// set at most once until its shard has taken it, and needs neither room nor memory. The waker
// first publishes what changed (a release store), then wakes; the woken function runs with the bit
// already cleared and reads again what it watches. So no change is missed, however the two race.
//
// All of this may be used by any thread, except where it says "the shard".
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/base/check.h"
#include "engine/base/result.h"

namespace duolog::runtime {

class Shard;

// Belongs to one shard, whose thread runs `run`. It may be destroyed only when it is not pending
// and nobody can wake it any more.
struct WakeNode {
  using Run = void (*)(Shard& here, WakeNode& node, void* context);

  WakeNode(Run function, void* its_context) : run(function), context(its_context) {}
  WakeNode(const WakeNode&) = delete;
  WakeNode& operator=(const WakeNode&) = delete;
  ~WakeNode() { CHECK(!pending()); }

  [[nodiscard]] bool pending() const { return set.load(std::memory_order_acquire); }

  Run run;
  void* context;
  std::atomic<bool> set{false};  // WakeStack's
  WakeNode* next = nullptr;      // WakeStack's
};

// The nodes that are to be run by one shard. Any thread pushes, the shard takes all; nobody ever
// takes one alone, so that the stack is free of the ABA problem.
class WakeStack {
 public:
  // True if `node` was not pending before.
  bool push(WakeNode& node);
  // The shard: runs what is pending, in the order of pushing. Returns how many.
  std::size_t run_all(Shard& here);
  [[nodiscard]] bool empty() const { return head_.load(std::memory_order_acquire) == nullptr; }
  // The shard is gone: clears every pending node without running it.
  void discard_all();

 private:
  [[nodiscard]] WakeNode* take_all();
  std::atomic<WakeNode*> head_{nullptr};
};

// What a sleeping shard hears: an eventfd in its ring, and the flag that says that it sleeps.
//
// The shard raises the flag, looks once more into everything inbound, and only then sleeps. A
// sender makes its things visible and then lowers the flag; both are read-modify-writes of the one
// flag, so whichever comes second sees what the other did before it.
class Doorbell {
 public:
  Doorbell() = default;
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  [[nodiscard]] Result<void> open();
  [[nodiscard]] int descriptor() const { return descriptor_; }

  // Wakes the shard if it sleeps; true if that took a system call.
  bool ring();
  // The shard: about to sleep; everything inbound is to be looked at after this.
  void raise() { (void)sleeping_.exchange(true, std::memory_order_acq_rel); }
  // The shard: awake.
  void lower() { (void)sleeping_.exchange(false, std::memory_order_acq_rel); }

 private:
  std::atomic<bool> sleeping_{false};
  int descriptor_ = -1;
};

}  // namespace duolog::runtime
