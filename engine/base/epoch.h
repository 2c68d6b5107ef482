// Quiescence: when may memory that other shards may still be reading be given back?
//
// Every reading thread (a shard) has a slot. It marks the slot `online` while it may hold pointers
// into shared structures, passes a quiescent point between turns, and is `offline` while it sleeps.
// A writer unlinks an object, takes a ticket, and frees the object once the ticket has expired:
// by then every slot was offline, or passed a quiescent point, after the unlinking.
//
//   1. unlink (store a new pointer);  2. Ticket t = epochs.ticket();  3. free when expired(t).
//
// `ticket` and `expired` may be called by any thread; each slot is driven by its own thread only.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "engine/base/spsc_ring.h"

namespace duolog {

class Epochs {
 public:
  using Ticket = std::uint64_t;

  explicit Epochs(std::size_t slots) : slots_(std::make_unique<Slot[]>(slots)), count_(slots) {}

  // Marks the start of a turn, and is the quiescent point of the turn before.
  void online(std::size_t slot) {
    // Sequentially consistent: the mark must be visible before any pointer of this turn is loaded.
    slots_[slot].seen.store(global_.load(std::memory_order_seq_cst), std::memory_order_seq_cst);
  }
  void offline(std::size_t slot) { slots_[slot].seen.store(kOffline, std::memory_order_release); }

  [[nodiscard]] Ticket ticket() { return global_.fetch_add(1, std::memory_order_seq_cst) + 1; }
  [[nodiscard]] bool expired(Ticket ticket) const {
    for (std::size_t i = 0; i < count_; ++i) {
      if (slots_[i].seen.load(std::memory_order_seq_cst) < ticket) return false;
    }
    return true;
  }

 private:
  static constexpr std::uint64_t kOffline = UINT64_MAX;
  struct alignas(kCacheLineBytes) Slot {
    std::atomic<std::uint64_t> seen{kOffline};
  };
  std::unique_ptr<Slot[]> slots_;
  std::size_t count_;
  alignas(kCacheLineBytes) std::atomic<std::uint64_t> global_{1};
};

// What one thread has unlinked and not yet freed. Owned and used by that thread; `collect` runs
// once a turn and costs one comparison when there is nothing to do.
class RetireList {
 public:
  explicit RetireList(Epochs& epochs) : epochs_(epochs) {}
  ~RetireList() { drain(); }
  RetireList(const RetireList&) = delete;
  RetireList& operator=(const RetireList&) = delete;

  // Calls `release` on this thread, in order of retirement, once no slot can hold what was
  // unlinked before this call.
  void retire(std::move_only_function<void()> release) {
    waiting_.push_back({epochs_.ticket(), std::move(release)});
  }
  void collect() {
    while (!waiting_.empty() && epochs_.expired(waiting_.front().ticket)) {
      auto release = std::move(waiting_.front().release);
      waiting_.pop_front();
      release();
    }
  }
  // Calls every release now, also those that are retired meanwhile: no reader is left.
  void drain() {
    while (!waiting_.empty()) {
      auto release = std::move(waiting_.front().release);
      waiting_.pop_front();
      release();
    }
  }
  [[nodiscard]] bool empty() const { return waiting_.empty(); }

 private:
  struct Item {
    Epochs::Ticket ticket;
    std::move_only_function<void()> release;
  };
  Epochs& epochs_;
  std::deque<Item> waiting_;
};

}  // namespace duolog
