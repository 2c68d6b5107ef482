// Shard: a thread pinned to a core, with its own ring, timers, mailbox, disk and memory.
//
// Owned by the Runtime. Everything here is for the shard's own thread, except where it says "any
// thread". Nothing in the loop takes a lock or, once warm, allocates.
//
// The rules of a turn, in order:
//   1. The clocks are read once; now_ns() and wall_now() do not move during the turn.
//   2. Completions of the ring are run, then receives that found no buffer are started again. What
//      was received is handled at once while the first half of the turn's time lasts, at most
//      receive_share of it for one receive; whoever is stopped keeps the rest and becomes a task.
//   3. Messages and wakes of other threads are run.
//   4. Due timers are run. (2 to 4 end when the turn's time is up; a few of each run in any case.)
//   5. Tasks that are kPrompt are run (run_queue.h): at most until three quarters of the time have
//      passed, and for a quarter in any case.
//   6. Turn-end hooks are run (components that were marked dirty flush: the journal), until none is
//      marked or kHookRounds have passed. What they started is submitted if other tasks wait: the
//      disk writes while the shard tells others what is new.
//   7. The other tasks are run until the turn's time is up, and for a quarter of it in any case;
//      then hooks again. While completions and tasks are run, sends are submitted a few at a time
//      (Ring::kSubmittedAtOnce), because it is there that they take their time; and no more is
//      started than the completion queue has room for. Who does not get a turn is the first in
//      the next.
//   8. Messages sent in this turn are published, and each target that sleeps is woken, once.
//   9. What was retired and can no longer be seen by any shard is released.
//  10. Sends are submitted: the kernel reads the memory they refer to. Then the shard is quiescent:
//      from here to rule 1 it holds no pointer into shared structures.
//  11. Whatever else was started is submitted, and the shard waits: not at all if rules 2 to 7 left
//      something, else as busy_poll says, at most until the next timer. Before sleeping it raises
//      its flag and looks into its mailbox once more.
//
// The turn's time is Settings::turn_us. It is no promise: one item (a request, a command, a send)
// is never split, and each class of tasks gets on by at least one in each turn.
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
#include "engine/runtime/run_queue.h"
#include "engine/runtime/settings.h"
#include "engine/runtime/share.h"
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

  // Runs `task` in this turn, or in the next if it has been run in this one already.
  void run_soon(Task& task, Urgency urgency) {
    if (&task == running_ && share_.over()) tasks_.spent(task);
    tasks_.add(task, urgency);
  }
  // What is left for whoever is being run: a task, or the handler of something received.
  [[nodiscard]] Share& share() { return share_; }
  // The sockets': what was received is about to be handled; `bytes` are about to be sent.
  void begin_receive() { share_.begin_receive(now_ns_ + turn_ns_ / 2, turn_ns_ / kReceiveShares); }
  void count_send(std::size_t bytes) { unsubmitted_bytes_ += bytes; }

  // Runs `work` on a janitor thread, then `done` on this shard, never from within this call.
  void run_on_janitor(std::move_only_function<void()> work, std::move_only_function<void()> done);
  // The same on a worker (Runtime::workers), for what computes for long.
  void run_on_worker(std::move_only_function<void()> work, std::move_only_function<void()> done);
  // On Runtime::long_worker, for what was more than a few milliseconds there.
  void run_on_long_worker(std::move_only_function<void()> work,
                          std::move_only_function<void()> done);

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
  // A turn's time has room for so many shares of tasks, and of receives.
  static constexpr std::uint64_t kTaskShares = 16;
  static constexpr std::uint64_t kReceiveShares = 8;
  static constexpr std::size_t kSendBytesAtOnce = 128U << 10;

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
  void run_tasks(Task* (RunQueue::*next)(), std::uint64_t until_ns);
  void submit_sends();
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
  RunQueue tasks_;
  const Task* running_ = nullptr;
  Share share_;
  std::uint64_t turn_ns_ = 0;  // the time of a turn
  std::size_t unsubmitted_bytes_ = 0;
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
