// The ring between two shards: what a message costs its sender and its receiver.
#include <atomic>
#include <cstdint>
#include <thread>

#include <benchmark/benchmark.h>

#include "engine/base/spsc_ring.h"
#include "engine/runtime/mailbox.h"

namespace duolog::runtime {
namespace {

// Both ends on one thread: the cost without any cache line moving.
void BM_StagePublishPop(benchmark::State& state) {
  SpscRing<Message> ring(4096);
  const auto batch = state.range(0);
  for (auto _ : state) {
    for (std::int64_t i = 0; i < batch; ++i) benchmark::DoNotOptimize(ring.stage({}));
    ring.publish();
    Message message;
    while (ring.pop(message)) benchmark::DoNotOptimize(message);
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(BM_StagePublishPop)->Arg(1)->Arg(16)->Arg(256);

// One thread sends as fast as it can, in turns of the given size; another takes. Where a ring is
// full or empty the thread gives its core up, as it would by going on with its turn.
void BM_TwoThreads(benchmark::State& state) {
  SpscRing<Message> ring(4096);
  const auto turn = state.range(0);
  std::atomic<bool> stop{false};
  std::thread taker([&] {
    Message message;
    while (!stop.load(std::memory_order_relaxed)) {
      bool any = false;
      while (ring.pop(message)) any = true;
      if (!any) std::this_thread::yield();
    }
  });
  for (auto _ : state) {
    for (std::int64_t i = 0; i < turn; ++i) {
      while (!ring.stage({})) {
        ring.publish();
        std::this_thread::yield();
      }
    }
    ring.publish();
  }
  stop.store(true);
  taker.join();
  state.SetItemsProcessed(state.iterations() * turn);
}
BENCHMARK(BM_TwoThreads)->Arg(1)->Arg(16)->Arg(256)->UseRealTime();

}  // namespace
}  // namespace duolog::runtime

BENCHMARK_MAIN();
