// The append path of one shard, in memory: check a batch, copy it into the tail, publish it.
//
//   append_bench
//
// The disk completes everything at once, so what is left is the shard's own work. BM_Append uses no
// more than the append path and lets bulk writes and reclaim recycle the memory, as under load.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "storage/journal.h"
#include "storage/log_store.h"
#include "storage/record_batch.h"
#include "storage/record_batch_builder.h"
#include "tests/sim/null_disk.h"

namespace duolog::storage {
namespace {

std::vector<std::uint8_t> make_batch(std::int64_t records, std::int64_t value_bytes) {
  std::mt19937 random(1);
  std::vector<std::uint8_t> value(static_cast<std::size_t>(value_bytes));
  for (auto& byte : value) byte = static_cast<std::uint8_t>(random());
  RecordBatchBuilder builder(64U << 20);
  for (std::int64_t i = 0; i < records; ++i) {
    if (!builder.add({Timestamp(1'700'000'000'000 + i), std::nullopt, Bytes(value), {}})) {
      std::abort();
    }
  }
  const Bytes batch = builder.finish();
  return {batch.begin(), batch.end()};
}

// One shard with one log, whose turns end after every `kAppendsPerTurn` appends.
void BM_Append(benchmark::State& state) {
  constexpr int kAppendsPerTurn = 8;
  const auto batch = make_batch(state.range(0), state.range(1));
  sim::NullDisk disk;
  Epochs epochs(1);
  StoreOptions options;
  options.tail_budget_bytes = 32 * kMiB;
  JournalSetup journal{"/journal", 1, 1, {}};
  for (std::uint64_t number = 1; number <= 2; ++number) {
    journal.files.push_back(
        *Journal::create_file(disk.files(), "/journal", number, options.journal_file_bytes()));
  }
  LogStore store(disk, epochs, options, std::move(journal), LeaderEpoch(1), {});
  disk.complete();
  Log& log = store.add({"bench", Uuid{{1}}, PartitionId(0), "/bench-0"}, {});
  std::uint64_t waits = 0;
  const auto turn = [&] {
    store.flush();
    disk.complete();
  };
  const Timestamp now(1'700'000'000'000);
  int appends = 0;
  for (auto _ : state) {
    const auto info = validate(batch);
    if (!info) std::abort();
    Offset base;
    while (store.append(log, batch, info->header.record_count, info->max_timestamp, now, base) !=
           LogStore::Append::kDone) {
      ++waits;
      turn();
    }
    if (++appends % kAppendsPerTurn == 0) turn();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(batch.size()));
  state.counters["waits"] = static_cast<double>(waits);
  state.counters["chunks_recycled"] = static_cast<double>(store.memory().reclaimed_chunks());
  bool stopped = false;
  store.stop([&stopped] { stopped = true; });
  while (!stopped) turn();
}
BENCHMARK(BM_Append)->Args({100, 1024})->Args({1, 1024})->Args({1000, 16});

}  // namespace
}  // namespace duolog::storage

BENCHMARK_MAIN();
