// The threads of a Runtime and of a Janitor, over the simulated kernel: each shard is an actor that
// takes its turns when the kernel lets it, and a janitor's job is one step.
#include <algorithm>
#include <memory>
#include <utility>

#include "engine/base/check.h"
#include "engine/runtime/janitor.h"
#include "engine/runtime/runtime.h"
#include "tests/sim/kernel/kernel.h"

namespace duolog::runtime {

using sim::Kernel;

namespace {

// How long a server may take to stop, or to answer what another thread waits for.
constexpr std::uint64_t kMostSteps = 2'000'000;

}  // namespace

std::size_t shards_wanted(const Settings& settings) {
  return settings.shards == 0 ? 1 : settings.shards;
}

Janitor::Janitor(std::size_t threads) { CHECK(threads > 0); }
Janitor::~Janitor() = default;
void Janitor::submit(std::move_only_function<void()> work) {
  Kernel::current().add_job(this, std::move(work));
}
std::size_t Janitor::queued() const { return Kernel::current().jobs(this); }

// A shard's thread. (A friend of the shard by being the Runtime's.)
struct Runtime::Startup final : sim::Actor {
  explicit Startup(Shard& its_shard) : shard(its_shard) {}

  [[nodiscard]] sim::SimRing& ring() const {
    return Kernel::current().ring(shard.ring().handle().ring_fd);
  }
  [[nodiscard]] bool ready(std::uint64_t now_ns) override {
    return !shard.ended_ && ring().awake(now_ns);
  }
  [[nodiscard]] std::uint64_t wakes_ns() override {
    return shard.ended_ ? kNever : ring().deadline_ns();
  }
  void act() override {
    Kernel& kernel = Kernel::current();
    if (kernel.one_in(kernel.settings().slow_turn)) kernel.advance_ns(kernel.below(20'000'000));
    Shard* const interrupted = Shard::current();
    shard.enter();
    ring().run();
    shard.turn();
    if (shard.ended_) {
      ring().complete_at_once();
      shard.end();
    }
    Shard::leave();
    if (interrupted != nullptr) interrupted->enter();
  }

  Shard& shard;
};

Result<void> Runtime::start_threads() {
  for (auto& shard : shards_) {
    auto opened = shard->open(settings_);
    Shard::leave();
    if (!opened) return opened;
  }
  try {
    for (auto& shard : shards_) {
      shard->enter();
      auto started = functions_.start ? functions_.start(*shard) : Result<void>{};
      if (!started) {
        Kernel::current().start_failed(started.error());
        break;
      }
      shard->started_ = true;
    }
  } catch (const sim::MachineStopped&) {
    // Nothing of it is taken apart, as it would be on the way out of whoever called: the machine
    // finds that its files have stopped.
  }
  Shard::leave();
  for (auto& shard : shards_) Kernel::current().add_thread(std::make_unique<Startup>(*shard));
  return {};
}

void Runtime::stop() {
  if (!Kernel::current().has_threads()) return;
  stop_requested_.store(true, std::memory_order_release);
  wake_all();
  const auto all_ended = [this] {
    return std::ranges::all_of(shards_, [](const auto& shard) { return shard->ended_; });
  };
  for (std::uint64_t steps = 0; !all_ended(); ++steps) {
    CHECK(steps < kMostSteps);
    CHECK(Kernel::current().step());
  }
  while (Kernel::current().has_jobs()) CHECK(Kernel::current().step());
  Kernel::current().end_threads();
}

void Runtime::run_on_and_wait(ShardId id, std::move_only_function<void(Shard&)> work) {
  bool done = false;
  run_on(id, [&](Shard& shard) {
    work(shard);
    done = true;
  });
  for (std::uint64_t steps = 0; !done; ++steps) {
    CHECK(steps < kMostSteps);
    CHECK(Kernel::current().step());
  }
}

}  // namespace duolog::runtime
