#include "engine/runtime/runtime.h"

#include <bit>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

namespace duolog::runtime {

namespace {

std::vector<int> allowed_cores() {
  std::vector<int> cores;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

Result<void> check(const Settings& settings, std::size_t shards) {
  if (shards > kMaxShards) {
    return fail(Errc::kInvalid, fmt::format("shards: at most {}, not {}", kMaxShards, shards));
  }
  if (!std::has_single_bit(settings.mailbox_credits)) {
    return fail(Errc::kInvalid,
                fmt::format("mailbox credits: a power of two, not {}", settings.mailbox_credits));
  }
  if (settings.janitor_threads == 0 || settings.worker_threads == 0 ||
      settings.disk_operations == 0) {
    return fail(Errc::kInvalid, "janitors, workers and disk operations: at least one of each");
  }
  return {};
}

// Work for a shard from a thread that is none.
struct OutsideWork {
  explicit OutsideWork(std::move_only_function<void(Shard&)> function)
      : work(std::move(function)) {}
  static void run(Shard& here, WakeNode& /*node*/, void* context) {
    const std::unique_ptr<OutsideWork> self(static_cast<OutsideWork*>(context));
    self->work(here);
  }
  std::move_only_function<void(Shard&)> work;
  WakeNode node{run, this};
};

}  // namespace

std::size_t shards_wanted(const Settings& settings) {
  if (settings.shards != 0) return settings.shards;
  const std::size_t cores = allowed_cores().size();
  return cores <= 2 ? 1 : std::min(cores - 1, kMaxShards);
}

// What the threads and the one that starts them tell each other. Starting has two steps, so that
// no shard runs anything before all of them have their rings.
struct Runtime::Startup {
  explicit Startup(std::size_t shards) : opened(shards), started(shards) {}
  std::vector<std::promise<Result<void>>> opened;
  std::vector<std::promise<Result<void>>> started;
  std::promise<bool> go;
  std::shared_future<bool> may_go{go.get_future()};
};

Runtime::Runtime(const Settings& settings, std::size_t shards, ShardFunctions functions)
    : settings_(settings),
      functions_(std::move(functions)),
      exchange_(shards, settings.mailbox_credits),
      epochs_(shards),
      janitor_(settings.janitor_threads),
      workers_(settings.worker_threads),
      descriptor_waiters_(exchange_) {
  for (std::size_t i = 0; i < shards; ++i) {
    shards_.push_back(std::make_unique<Shard>(*this, ShardId(static_cast<std::uint16_t>(i))));
  }
}

Runtime::~Runtime() { stop(); }

Result<std::unique_ptr<Runtime>> Runtime::start(const Settings& settings,
                                                ShardFunctions functions) {
  const std::size_t shards = shards_wanted(settings);
  if (auto checked = check(settings, shards); !checked) return std::unexpected(checked.error());
  std::unique_ptr<Runtime> runtime(new Runtime(settings, shards, std::move(functions)));
  if (auto opened = runtime->exchange_.open(); !opened) return std::unexpected(opened.error());

  Startup startup(shards);
  const std::vector<int> cores = allowed_cores();
  for (std::size_t i = 0; i < shards; ++i) {
    runtime->threads_.emplace_back(&Runtime::thread_main, runtime.get(),
                                   ShardId(static_cast<std::uint16_t>(i)), std::ref(startup));
    const auto thread = runtime->threads_.back().native_handle();
    pthread_setname_np(thread, fmt::format("shard-{}", i).c_str());
    if (settings.pin && shards <= cores.size()) {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(cores[i], &set);
      pthread_setaffinity_np(thread, sizeof set, &set);  // an optimisation: may fail
    }
  }

  Result<void> outcome;
  const auto collect = [&](std::vector<std::promise<Result<void>>>& promises) {
    for (auto& promise : promises) {
      auto one = promise.get_future().get();
      if (outcome && !one) outcome = std::move(one);
    }
  };
  collect(startup.opened);
  const bool all_open = outcome.has_value();
  startup.go.set_value(all_open);
  collect(startup.started);
  if (!outcome) {
    if (!all_open) runtime->join();
    runtime->stop();
    return std::unexpected(outcome.error());
  }
  return runtime;
}

void Runtime::thread_main(ShardId id, Startup& startup) {
  Shard& shard = *shards_[id.value];
  auto may_go = startup.may_go;
  startup.opened[id.value].set_value(shard.open(settings_));
  if (!may_go.get()) {
    shard.abandon();
    startup.started[id.value].set_value({});
    return;
  }
  Result<void> outcome;
  if (functions_.start) outcome = functions_.start(shard);
  shard.started_ = outcome.has_value();
  startup.started[id.value].set_value(std::move(outcome));  // `startup` may be gone from here on
  shard.run_until_stopped();
}

void Runtime::join() {
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void Runtime::stop() {
  if (threads_.empty()) return;
  CHECK(Shard::current() == nullptr);
  stop_requested_.store(true, std::memory_order_release);
  wake_all();
  join();
}

void Runtime::wake_all() {
  for (std::uint16_t i = 0; i < shards_.size(); ++i) exchange_.doorbell(ShardId(i)).ring();
}

void Runtime::run_on(ShardId id, std::move_only_function<void(Shard&)> work) {
  auto* outside = new OutsideWork(std::move(work));
  exchange_.wake(id, outside->node);
}

void Runtime::run_on_and_wait(ShardId id, std::move_only_function<void(Shard&)> work) {
  CHECK(Shard::current() == nullptr);
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  run_on(id, [&](Shard& shard) {
    work(shard);
    std::lock_guard lock(mutex);
    done = true;
    changed.notify_one();  // within the lock: `changed` goes as soon as the waiter has it
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return done; });
}

}  // namespace duolog::runtime
