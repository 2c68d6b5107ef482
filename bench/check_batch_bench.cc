// What it costs to look into one batch of a producer, in every codec: what a Produce request takes
// on its shard, or on a worker.
//
//   check_batch_bench
//
// Shapes: 64 records of 100 bytes; 300 of them, about what kWithinTurn allows; 1 MiB of records
// of 100 bytes. Values are JSON that compresses as such does. BM_ValidateOnly is what was done
// before, and still is for what is not compressed. bytes_per_second counts what is inflated.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "engine/session/kafka/requests/batch_records.h"
#include "storage/codec.h"
#include "storage/record_batch_builder.h"

namespace duolog::session {
namespace {

struct Packed {
  std::vector<std::uint8_t> batch;
  std::size_t inflated_bytes = 0;
};

Packed make_packed(storage::Codec codec, std::size_t records) {
  std::mt19937 random(1);
  storage::RecordBatchBuilder builder(64U << 20);
  for (std::size_t i = 0; i < records; ++i) {
    std::string value = "{\"symbol\":\"ABC\",\"price\":" + std::to_string(random() % 1'000'000) +
                        ",\"size\":" + std::to_string(random() % 10'000) + ",\"venue\":\"";
    while (value.size() < 98) value += static_cast<char>('A' + random() % 26);
    value += "\"}";
    const auto added = builder.add({.timestamp = Timestamp(1'700'000'000'000),
                                    .key = {},
                                    .value = as_bytes(value),
                                    .headers = {}});
    if (!added) std::abort();
  }
  const MutableBytes plain = builder.finish();
  Packed made{{plain.begin(), plain.begin() + storage::kBatchHeaderBytes},
              plain.size() - storage::kBatchHeaderBytes};
  Buffer packed;
  if (!storage::compress(codec, plain.subspan(storage::kBatchHeaderBytes), packed)) std::abort();
  made.batch.insert(made.batch.end(), packed.begin(), packed.end());
  store_be<std::int32_t>(made.batch.data() + storage::batch_at::kBatchLength,
                         static_cast<std::int32_t>(made.batch.size() - storage::kBatchLengthEnd));
  store_be<std::uint16_t>(made.batch.data() + storage::batch_at::kAttributes,
                          static_cast<std::uint16_t>(codec));
  storage::store_crc(made.batch);
  return made;
}

void shapes(benchmark::internal::Benchmark* bench) {
  for (const std::int64_t records : {64, 300, 9'800}) {
    for (std::int64_t codec = 0; codec <= 4; ++codec) bench->Args({codec, records});
  }
  bench->ArgNames({"codec", "records"});
}

BatchRules rules() {
  return {.max_batch_bytes = 64U << 20,
          .timestamp_before_max_ms = INT64_MAX,
          .timestamp_after_max_ms = 3'600'000,
          .now = Timestamp(1'700'000'000'001)};
}

void BM_CheckBatch(benchmark::State& state) {
  Packed made = make_packed(static_cast<storage::Codec>(state.range(0)),
                            static_cast<std::size_t>(state.range(1)));
  for (auto _ : state) {
    const auto verdict = check_batch(made.batch, rules(), kWhole, {"t", PartitionId(0)});
    if (verdict.error != kafka::ErrorCode::kNone) std::abort();
    benchmark::DoNotOptimize(verdict.max_timestamp);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(made.inflated_bytes));
  state.counters["packed"] = static_cast<double>(made.batch.size());
}
BENCHMARK(BM_CheckBatch)->Apply(shapes);

// What a shard gives up when a batch turns out to be more than it looks into within a turn.
void BM_FindTooMuch(benchmark::State& state) {
  Packed made = make_packed(static_cast<storage::Codec>(state.range(0)), 9'800);
  CheckLimits limits = kWithinTurn;
  limits.compressed_bytes = SIZE_MAX;
  for (auto _ : state) {
    const auto verdict = check_batch(made.batch, rules(), limits, {"t", PartitionId(0)});
    if (!verdict.too_much) std::abort();
  }
}
BENCHMARK(BM_FindTooMuch)->ArgName("codec")->DenseRange(1, 4);

void BM_ValidateOnly(benchmark::State& state) {
  const Packed made = make_packed(static_cast<storage::Codec>(state.range(0)),
                                  static_cast<std::size_t>(state.range(1)));
  for (auto _ : state) {
    auto info = storage::validate(made.batch, {.max_batch_bytes = 64U << 20});
    benchmark::DoNotOptimize(info);
  }
}
BENCHMARK(BM_ValidateOnly)->Apply(shapes);

}  // namespace
}  // namespace duolog::session

BENCHMARK_MAIN();
