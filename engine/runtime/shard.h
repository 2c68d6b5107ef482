// Shard: a thread pinned to a core, with its own ring, timers, mailbox, disk and memory.
//
// Owned by the Runtime. Everything here is for the shard's own thread, except where it says "any
// thread". Nothing in the loop takes a lock or, once warm, allocates.
//
// The rules of a turn, in order:
//   1. The clocks are read once; they do not move during the turn.
//   2. Completions of the ring are run, then receives that found no buffer are started again.
//   3. Messages and wakes of other threads are run.
//   4. Due timers are run.
//   5. Turn-end hooks are run (components that were marked dirty flush: the journal, connections),
//      until none is marked or kHookRounds have passed.
//   6. Messages sent in this turn are published, and each target that sleeps is woken, once.
//   7. What was retired and can no longer be seen by any shard is released.
//   8. Sends are submitted: the kernel reads the memory they refer to. Then the shard is quiescent:
//      from here to rule 1 it holds no pointer into shared structures.
//   9. Whatever else was started is submitted, and the shard waits: not at all if rules 2 to 5 left
//      something, else as busy_poll says, at most until the next timer. Before sleeping it raises
//      its flag and looks into its mailbox once more.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "engine/base/clock.h"
#include "engine/base/epoch.h"
#include "engine/base/ids.h"
#include "engine/base/intrusive_list.h"
#include "engine/runtime/buffer_ring.h"
#include "engine/runtime/counters.h"
#include "engine/runtime/janitor.h"
#include "engine/runtime/mailbox.h"
#include "engine/runtime/ring.h"
#include "engine/runtime/settings.h"
#include "engine/runtime/timers.h"
#include "engine/runtime/turn_arena.h"
#include "engine/runtime/uring_disk.h"

namespace duolog::runtime {

class Runtime;

// A component that has something to flush at the end of this turn. It lives inside its owner and
// leaves the list when it is destroyed.
struct TurnHook {
  TurnHook(void (*function)(TurnHook&, void*), void* its_context)
      : flush(function), context(its_context) {}
  void (*flush)(TurnHook& hook, void* context);  // may mark this or other hooks again
  void* context;
  ListHook hook;
};

class Shard {
 public:
  Shard(Runtime& runtime, ShardId id);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // The shard whose thread this is; null on every other thread.
  [[nodiscard]] static Shard* current();

  [[nodiscard]] ShardId id() const { return id_; }  // any thread
  [[nodiscard]] Runtime& runtime() { return runtime_; }

  // The time at which this turn began.
  [[nodiscard]] std::uint64_t now_ns() const { return now_ns_; }
  [[nodiscard]] Timestamp wall_now() const { return wall_now_; }

  [[nodiscard]] Ring& ring() { return ring_; }
  [[nodiscard]] BufferRing& buffers() { return buffers_; }
  [[nodiscard]] Timers& timers() { return timers_; }
  [[nodiscard]] Mailbox& mailbox() { return mailbox_; }
  [[nodiscard]] UringDisk& disk() { return disk_; }
  [[nodiscard]] RetireList& retired() { return retired_; }
  [[nodiscard]] TurnArena& arena() { return arena_; }
  [[nodiscard]] Counters& counters() { return counters_; }              // the shard writes
  [[nodiscard]] const Counters& counters() const { return counters_; }  // any thread reads

  // Marks a component: its `flush` is called once at the end of this turn. No effect if it is
  // marked already.
  void at_turn_end(TurnHook& hook) {
    if (!hook.hook.linked()) hooks_.push_back(hook);
  }

  // Runs `work` on a janitor thread, then `done` on this shard, never from within this call.
  void run_on_janitor(std::move_only_function<void()> work, std::move_only_function<void()> done);
  // The same on a worker (Runtime::workers), for what computes for long.
  void run_on_worker(std::move_only_function<void()> work, std::move_only_function<void()> done);

  // A stopping shard ends when nothing holds it. An open socket, an unfinished janitor job, a
  // disk operation and an unanswered request hold it by themselves; whatever else must finish
  // first (a final checkpoint, say) holds it from before the start of stopping until it has.
  void hold() { ++holds_; }
  void release() {
    CHECK(holds_ > 0);
    --holds_;
  }
  [[nodiscard]] bool stopping() const { return stopping_; }

 private:
  friend class Runtime;
  static constexpr int kHookRounds = 16;

  // Runtime's, on the shard's thread.
  [[nodiscard]] Result<void> open(const Settings& settings);
  void run_until_stopped();
  void abandon();  // instead of running: another shard could not open
  void begin_stopping();
  void end();

  void run_on(Janitor& threads, std::move_only_function<void()> work,
              std::move_only_function<void()> done);
  void enter();         // its thread is the calling one
  static void leave();  // the calling thread is none's
  void turn();
  void begin_turn();
  void take_part_in_stopping();
  [[nodiscard]] bool run_hooks();
  void end_turn(bool more_to_do);
  void wait(std::uint64_t idle_since_ns);
  [[nodiscard]] bool spin(std::uint64_t idle_since_ns);
  void sleep(std::uint64_t idle_since_ns);
  [[nodiscard]] bool something_inbound() const;
  [[nodiscard]] bool idle() const;
  void count_page_faults();
  void listen_to_doorbell();
  static void on_doorbell(Op& op, std::int32_t result, std::uint32_t flags);

  Runtime& runtime_;
  const ShardId id_;
  Counters counters_;
  std::uint64_t now_ns_ = 0;
  Timestamp wall_now_;
  Ring ring_;
  BufferRing buffers_;
  Timers timers_;
  Mailbox mailbox_;
  RetireList retired_;
  TurnArena arena_;
  UringDisk disk_;
  IntrusiveList<TurnHook, &TurnHook::hook> hooks_;
  OwnedOp<Shard> doorbell_op_{*this, on_doorbell};
  std::size_t holds_ = 0;
  bool started_ = false;  // the layers above did; so they are told when it stops
  bool stopping_ = false;
  bool counted_idle_ = false;  // in the Runtime's idle_shards_
  bool ended_ = false;
  bool asleep_ = false;  // its doorbell is raised: from the end of a turn to the begin of the next
  bool quiescent_ = true;  // no send of the last turn is still to be submitted
  BusyPoll busy_poll_ = BusyPoll::kNever;
  std::uint64_t spin_ns_ = 0;
  std::uint64_t spin_now_ns_ = 0;  // what kAdaptive has come down to
  std::uint64_t faults_counted_ns_ = 0;
};

}  // namespace duolog::runtime
