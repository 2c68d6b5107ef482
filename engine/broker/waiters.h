// Waiters: who wants to know when a partition's high watermark moves.
//
// A parked Kafka fetch and a caught-up WebSocket subscription are the same thing: a Waiter on the
// list of its own shard. Each shard has one bit in the partition; the owner that publishes a new
// high watermark takes the bits that are set and wakes each of those shards once, however many
// wait there. A waiter is served at most once for each `wait`.
//
// A shard on which thousands wait calls kCalledAtOnce of them, and goes on as a task of its turns:
// what else happens on the shard does not wait for all of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "engine/base/ids.h"
#include "engine/base/intrusive_list.h"
#include "engine/runtime/run_queue.h"
#include "engine/runtime/shard.h"
#include "engine/runtime/wake.h"
#include "storage/log.h"

namespace duolog::broker {

struct Partition;

// Lives inside a connection's request or subscription; leaves its list when it is destroyed.
struct Waiter {
  ListHook hook;
  // On the waiter's shard, with the waiter off the list; it may wait again.
  void (*ready)(Waiter& waiter, Partition& partition) = nullptr;
  [[nodiscard]] bool waiting() const { return hook.linked(); }
};

class Waiters {
 public:
  static constexpr std::size_t kCalledAtOnce = 64;

  Waiters(Partition& partition, std::size_t shards);

  // On the waiter's shard: calls waiter.ready once the log is visible beyond `seen`. False when it
  // already is: then nothing was done, and the caller reads on.
  [[nodiscard]] bool wait(runtime::Shard& here, Waiter& waiter, const storage::Log& log,
                          Position seen);

  // On the owner's shard, after the new high watermark was published.
  void notify(runtime::Shard& owner);

  // On `here`: calls every waiter of this shard, because the partition is going away.
  void release_all(runtime::Shard& here);

 private:
  struct Slot {
    Slot(Waiters& waiters, runtime::WakeNode::Run run) : owner(waiters), wake(run, this) {}
    Waiters& owner;
    runtime::WakeNode wake;
    IntrusiveList<Waiter, &Waiter::hook> list;
    IntrusiveList<Waiter, &Waiter::hook> ready;  // are to be called
    runtime::Task task{on_task, this};           // goes on calling them
  };
  static void on_task(runtime::Task& task, void* context);
  static void on_wake(runtime::Shard& here, runtime::WakeNode& node, void* context);
  void wake(runtime::Shard& here, Slot& slot);
  [[nodiscard]] bool call_some(Slot& slot);

  Partition& partition_;
  std::atomic<std::uint64_t> armed_{0};  // bit n: somebody waits on shard n
  std::unique_ptr<std::unique_ptr<Slot>[]> slots_;
};

}  // namespace duolog::broker
