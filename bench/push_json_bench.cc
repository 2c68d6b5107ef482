// The push protocol's JSON: reading a publish, writing the item of a record; and, in the same run,
// what the bytes alone cost to copy, and what nlohmann-json does with the same text.
#include <array>
#include <cstring>
#include <string>

#include <benchmark/benchmark.h>
#include <nlohmann/json.hpp>

#include "net/push/command_parser.h"
#include "net/push/record_json.h"

namespace duolog::push {
namespace {

// A value of `size` bytes that is itself JSON, so that one byte in nine is escaped.
std::string json_value(std::size_t size) {
  std::string value = "{";
  for (int i = 0; value.size() < size; ++i) value += "\"field\":123456789,";
  value.resize(size - 1);
  return value + "}";
}

std::string publish(std::int64_t records, std::size_t value_bytes) {
  const std::string value = nlohmann::json(json_value(value_bytes)).dump();
  std::string text = R"({"id":4,"publish":{"topic":"orders","records":[)";
  for (std::int64_t i = 0; i < records; ++i) {
    if (i != 0) text += ',';
    text += R"({"key":"u1","value":)" + value + "}";
  }
  return text + R"(],"ack":"durable"}})";
}

void set_counts(benchmark::State& state, std::size_t bytes) {
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void BM_ParsePublish(benchmark::State& state) {
  const std::string text = publish(state.range(0), static_cast<std::size_t>(state.range(1)));
  CommandParser parser;
  for (auto _ : state) {
    const Command* command = parser.parse(text);
    if (command == nullptr) state.SkipWithError("refused");
    benchmark::DoNotOptimize(command);
  }
  set_counts(state, text.size());
}
BENCHMARK(BM_ParsePublish)->Args({1, 100})->Args({1, 1024})->Args({100, 1024});

void BM_ParsePublishWithNlohmann(benchmark::State& state) {
  const std::string text = publish(state.range(0), static_cast<std::size_t>(state.range(1)));
  for (auto _ : state) benchmark::DoNotOptimize(nlohmann::json::parse(text));
  set_counts(state, text.size());
}
BENCHMARK(BM_ParsePublishWithNlohmann)->Args({1, 100})->Args({1, 1024})->Args({100, 1024});

void BM_CopyPublish(benchmark::State& state) {
  const std::string text = publish(state.range(0), static_cast<std::size_t>(state.range(1)));
  std::string copy(text.size(), ' ');
  for (auto _ : state) {
    std::memcpy(copy.data(), text.data(), text.size());
    benchmark::DoNotOptimize(copy.data());
    benchmark::ClobberMemory();
  }
  set_counts(state, text.size());
}
BENCHMARK(BM_CopyPublish)->Args({1, 1024})->Args({100, 1024});

// The kinds of values: plain text, JSON with its quotes to be escaped, bytes that are no UTF-8.
std::string value_of(std::int64_t kind) {
  if (kind == 0) return std::string(1024, 'x');
  if (kind == 1) return json_value(1024);
  return std::string(1024, '\xFF');
}
constexpr std::array<const char*, 3> kKinds = {"plain", "json", "binary"};

void BM_EncodeItem(benchmark::State& state) {
  const std::string value = value_of(state.range(0));
  const RecordItem record{.offset = Offset(8812),
                          .timestamp = Timestamp(1'790'000'000'000),
                          .key = as_bytes("AAPL"),
                          .value = as_bytes(value)};
  Buffer out;
  for (auto _ : state) {
    out.clear();
    begin_item(out, record);
    end_item(out);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  state.SetLabel(kKinds[static_cast<std::size_t>(state.range(0))]);
  set_counts(state, value.size());
}
BENCHMARK(BM_EncodeItem)->DenseRange(0, 2);

void BM_EncodeItemWithNlohmann(benchmark::State& state) {
  const std::string value = value_of(state.range(0));
  for (auto _ : state) {
    const nlohmann::json item = {
        {"o", "8812"}, {"t", 1'790'000'000'000}, {"key", "AAPL"}, {"value", value}};
    benchmark::DoNotOptimize(item.dump());
  }
  state.SetLabel(kKinds[static_cast<std::size_t>(state.range(0))]);
  set_counts(state, value.size());
}
BENCHMARK(BM_EncodeItemWithNlohmann)->DenseRange(0, 1);

void BM_CopyValue(benchmark::State& state) {
  const std::string value = value_of(0);
  Buffer out;
  for (auto _ : state) {
    out.clear();
    out.append(as_bytes(value));
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  set_counts(state, value.size());
}
BENCHMARK(BM_CopyValue);

}  // namespace
}  // namespace duolog::push

BENCHMARK_MAIN();
