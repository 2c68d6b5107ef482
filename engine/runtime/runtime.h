// Runtime: the shards of this process, their janitor, and what they share.
//
// Created and stopped by the main thread. Start: `duolog serve` probes the kernel (capabilities.h),
// raises the descriptor limit, and calls `start`.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "engine/base/epoch.h"
#include "engine/runtime/descriptor_waiters.h"
#include "engine/runtime/janitor.h"
#include "engine/runtime/mailbox.h"
#include "engine/runtime/posix_files.h"
#include "engine/runtime/settings.h"
#include "engine/runtime/shard.h"

namespace duolog::runtime {

// What the layers above do when a shard comes and goes. Both are called once on each shard's own
// thread, at the same time on all of them.
struct ShardFunctions {
  // Before its first turn; other shards' mailboxes can be written to already.
  std::function<Result<void>(Shard&)> start;
  // Once stopping has begun: close sockets and listeners, cancel timers, flush. The shard goes on
  // turning until nothing holds it (Shard::hold).
  std::function<void(Shard&)> stop;
};

// How many shards the settings mean: those asked for, or the cores this process may use less one,
// at least one.
[[nodiscard]] std::size_t shards_wanted(const Settings& settings);

class Runtime {
 public:
  // Starts the threads and waits until every shard's `start` has returned; fails with the first
  // error, after having stopped what had started.
  [[nodiscard]] static Result<std::unique_ptr<Runtime>> start(const Settings& settings,
                                                              ShardFunctions functions);
  // As `stop`.
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Stops all shards: calls their `stop`, turns until every one is idle at the same time (nothing
  // in flight, held or unanswered), and joins. Not from a shard. A second call has no effect.
  void stop();

  // Any thread.
  [[nodiscard]] std::size_t shard_count() const { return shards_.size(); }
  [[nodiscard]] Shard& shard(ShardId id) { return *shards_[id.value]; }
  [[nodiscard]] Exchange& exchange() { return exchange_; }
  [[nodiscard]] Epochs& epochs() { return epochs_; }
  [[nodiscard]] Janitor& janitor() { return janitor_; }
  // The same kind of threads for what computes long and touches no file, so that it holds up no
  // janitor: a shard that waits for a file waits for nothing else.
  [[nodiscard]] Janitor& workers() { return workers_; }
  // One more, for what was too long for the workers: hostile or not, it holds up its like alone.
  [[nodiscard]] Janitor& long_worker() { return long_worker_; }
  [[nodiscard]] PosixFiles& files() { return files_; }
  [[nodiscard]] DescriptorWaiters& descriptor_waiters() { return descriptor_waiters_; }

  // Any thread: runs `work` on a shard in one of its next turns. It allocates: for start-up,
  // administration and tests. Not after `stop` has begun.
  void run_on(ShardId id, std::move_only_function<void(Shard&)> work);
  // The same, and waits until it has run. Not from a shard.
  void run_on_and_wait(ShardId id, std::move_only_function<void(Shard&)> work);

 private:
  friend class Shard;
  Runtime(const Settings& settings, std::size_t shards, ShardFunctions functions);
  // In threads.cc.
  struct Startup;
  [[nodiscard]] Result<void> start_threads();  // and waits until each shard has started
  void thread_main(ShardId id, Startup& startup);
  void wake_all();
  void join();

  const Settings settings_;
  ShardFunctions functions_;
  Exchange exchange_;
  Epochs epochs_;
  PosixFiles files_;
  Janitor janitor_;
  Janitor workers_;
  Janitor long_worker_;
  DescriptorWaiters descriptor_waiters_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_requested_{false};
  std::atomic<std::size_t> idle_shards_{0};  // of those that are stopping
};

}  // namespace duolog::runtime
