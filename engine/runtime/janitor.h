// Janitor: the threads on which everything happens that may block: opening, allocating, renaming,
// unlinking, populating and unmapping files. Another of it are the workers, on which happens what
// would take a shard too long: looking into what producers have compressed.
//
// Owned by the Runtime. Jobs are started in the order of their submission, by whichever thread is
// free. `submit` takes a lock and allocates: it is not for the hot path.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace duolog::runtime {

class Janitor {
 public:
  explicit Janitor(std::size_t threads);
  // Runs what is queued, then ends the threads.
  ~Janitor();
  Janitor(const Janitor&) = delete;
  Janitor& operator=(const Janitor&) = delete;

  // Runs `work` on a janitor thread. Any thread. What is to follow on a shard goes through
  // Shard::run_on_janitor.
  void submit(std::move_only_function<void()> work);

  // Jobs waiting for a thread.
  [[nodiscard]] std::size_t queued() const;

 private:
  void run();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::move_only_function<void()>> jobs_;
  bool ending_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace duolog::runtime
