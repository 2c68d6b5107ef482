#include "engine/runtime/janitor.h"

#include <sys/resource.h>
#include <unistd.h>

#include "engine/base/check.h"

namespace duolog::runtime {
namespace {

// What janitors do is ahead of need; a shard that wants the same core goes first.
constexpr int kNice = 10;

}  // namespace

Janitor::Janitor(std::size_t threads) {
  CHECK(threads > 0);
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

Janitor::~Janitor() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  threads_.clear();  // joins: before the members that they use go
}

void Janitor::submit(std::move_only_function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(work));
  }
  changed_.notify_one();
}

std::size_t Janitor::queued() const {
  std::lock_guard lock(mutex_);
  return jobs_.size();
}

void Janitor::run() {
  // A thread's own, in spite of the name; setpriority(2). If it is refused, shards wait longer.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    job = nullptr;  // what it holds goes outside the lock
    lock.lock();
  }
}

}  // namespace duolog::runtime
