// What one record batch costs: to check, to check and copy, to walk, to build, to inflate.
//
//   record_batch_bench --benchmark_filter=Validate
//
// bytes_per_second counts the bytes of the batch. Batches are 100 records of 1 KiB of noise unless
// the arguments say otherwise (records, value bytes).
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "engine/base/crc32c.h"
#include "storage/record.h"
#include "storage/record_batch.h"
#include "storage/record_batch_builder.h"

namespace duolog::storage {
namespace {

std::vector<std::uint8_t> noise(std::size_t size) {
  std::mt19937 random(1);
  std::vector<std::uint8_t> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

std::vector<std::uint8_t> make_batch(const benchmark::State& state) {
  const auto value = noise(static_cast<std::size_t>(state.range(1)));
  RecordBatchBuilder builder(64U << 20);
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    const auto added = builder.add({.timestamp = Timestamp(1'700'000'000'000 + i),
                                    .key = as_bytes("some-key"),
                                    .value = Bytes(value),
                                    .headers = {}});
    if (!added) std::abort();
  }
  const Bytes batch = builder.finish();
  return {batch.begin(), batch.end()};
}

void count_bytes(benchmark::State& state, std::size_t bytes_each) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes_each));
}

void batch_shapes(benchmark::internal::Benchmark* bench) {
  bench->Args({100, 1024})->Args({1, 1024})->Args({1000, 16});
}

void BM_ParseHeader(benchmark::State& state) {
  const auto batch = make_batch(state);
  for (auto _ : state) benchmark::DoNotOptimize(parse_header(batch));
}
BENCHMARK(BM_ParseHeader)->Args({100, 1024});

void BM_Validate(benchmark::State& state) {
  const auto batch = make_batch(state);
  for (auto _ : state) {
    auto info = validate(batch);
    benchmark::DoNotOptimize(info);
  }
  count_bytes(state, batch.size());
}
BENCHMARK(BM_Validate)->Apply(batch_shapes);

// The append path's work on bytes: check, copy into 8 MiB of recycled memory, patch.
void BM_ValidateAndCopy(benchmark::State& state) {
  constexpr std::size_t kTailBytes = 8U << 20;
  const auto batch = make_batch(state);
  std::vector<std::uint8_t> tail(kTailBytes);
  std::size_t at = 0;
  Offset next(0);
  for (auto _ : state) {
    const auto info = validate(batch);
    if (!info) std::abort();
    if (kTailBytes - at < batch.size()) at = 0;
    std::memcpy(tail.data() + at, batch.data(), batch.size());
    patch_base_offset_and_epoch(MutableBytes(tail).subspan(at, batch.size()), next, LeaderEpoch(1));
    next += info->header.record_count;
    at += batch.size();
    benchmark::ClobberMemory();
  }
  count_bytes(state, batch.size());
}
BENCHMARK(BM_ValidateAndCopy)->Apply(batch_shapes);

void BM_Iterate(benchmark::State& state) {
  const auto batch = make_batch(state);
  const auto header = parse_header(batch).value();
  for (auto _ : state) {
    std::size_t value_bytes = 0;
    const auto outcome =
        for_each_record(header, records_of(batch, header),
                        [&](const Record& record) { value_bytes += record.value->size(); });
    if (!outcome) std::abort();
    benchmark::DoNotOptimize(value_bytes);
  }
  count_bytes(state, batch.size());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Iterate)->Apply(batch_shapes);

void BM_Build(benchmark::State& state) {
  const auto value = noise(static_cast<std::size_t>(state.range(1)));
  RecordBatchBuilder builder(64U << 20);
  for (auto _ : state) {
    builder.clear();
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      if (!builder.add({Timestamp(i), as_bytes("some-key"), Bytes(value), {}})) std::abort();
    }
    benchmark::DoNotOptimize(builder.finish().data());
  }
  count_bytes(state, builder.size_bytes());
}
BENCHMARK(BM_Build)->Apply(batch_shapes);

// 100 KiB of text that compresses about as well as JSON does.
void BM_Decompress(benchmark::State& state) {
  std::mt19937 random(1);
  Buffer text;
  while (text.size() < 100U << 10) {
    text.append(as_bytes("{\"symbol\":\"ABC\",\"price\":"));
    text.append(as_bytes(std::to_string(random() % 1'000'000)));
    text.append(as_bytes("}"));
  }
  Buffer input;
  Buffer output;
  const auto codec = static_cast<Codec>(state.range(0));
  if (!compress(codec, text, input)) std::abort();
  for (auto _ : state) {
    if (!decompress(codec, input, kMaxInflatedBytes, output)) std::abort();
    benchmark::DoNotOptimize(output.data());
  }
  count_bytes(state, text.size());
}
BENCHMARK(BM_Decompress)->ArgName("codec")->DenseRange(1, 4);

void BM_Crc32c(benchmark::State& state) {
  const auto bytes = noise(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(crc32c(bytes));
  count_bytes(state, bytes.size());
}
BENCHMARK(BM_Crc32c)->Arg(64)->Arg(1024)->Arg(16 << 10)->Arg(1 << 20);

}  // namespace
}  // namespace duolog::storage

BENCHMARK_MAIN();
