#include "engine/runtime/runtime.h"

#include <bit>

#include <fmt/format.h>

namespace duolog::runtime {

namespace {

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

Runtime::Runtime(const Settings& settings, std::size_t shards, ShardFunctions functions)
    : settings_(settings),
      functions_(std::move(functions)),
      exchange_(shards, settings.mailbox_credits),
      epochs_(shards),
      janitor_(settings.janitor_threads),
      workers_(settings.worker_threads),
      long_worker_(1),
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
  if (auto started = runtime->start_threads(); !started) return std::unexpected(started.error());
  return runtime;
}

void Runtime::wake_all() {
  for (std::uint16_t i = 0; i < shards_.size(); ++i) exchange_.doorbell(ShardId(i)).ring();
}

void Runtime::run_on(ShardId id, std::move_only_function<void(Shard&)> work) {
  auto* outside = new OutsideWork(std::move(work));
  exchange_.wake(id, outside->node);
}

}  // namespace duolog::runtime
