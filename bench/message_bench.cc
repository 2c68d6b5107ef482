// Kafka messages: the codec on what a busy connection sends all day.
#include <vector>

#include <benchmark/benchmark.h>

#include "net/kafka/arena.h"
#include "net/kafka/fetch.h"
#include "net/kafka/message.h"
#include "net/kafka/produce.h"

namespace duolog::kafka {
namespace {

std::vector<std::uint8_t> encoded(auto version, const auto& message) {
  Writer writer;
  encode(writer, version, message);
  const Bytes bytes = writer.bytes();
  return {bytes.begin(), bytes.end()};
}

template <class Message>
void decode_loop(benchmark::State& state, std::int16_t version, const Message& message) {
  const auto wire = encoded(version, message);
  Arena arena;
  for (auto _ : state) {
    arena.reset();
    Reader reader(wire, arena);
    Message out;
    if (!decode(reader, version, out)) state.SkipWithError("does not decode");
    benchmark::DoNotOptimize(out);
  }
  state.SetItemsProcessed(state.iterations());
}

void BM_DecodeProduce(benchmark::State& state) {
  static const std::vector<std::uint8_t> batch(1024);
  Arena arena;
  const auto topics = arena.make<ProduceRequest::Topic>(1);
  const auto partitions =
      arena.make<ProduceRequest::Topic::Partition>(static_cast<std::size_t>(state.range(1)));
  for (auto& partition : partitions) partition.records = Records(batch);
  topics[0].name = "trades";
  topics[0].partition_data = partitions;
  ProduceRequest request;
  request.acks = -1;
  request.topic_data = topics;
  decode_loop(state, static_cast<std::int16_t>(state.range(0)), request);
}
BENCHMARK(BM_DecodeProduce)->Args({7, 1})->Args({9, 1})->Args({9, 64});

void BM_DecodeFetch(benchmark::State& state) {
  Arena arena;
  const auto topics = arena.make<FetchRequest::Topic>(1);
  const auto partitions =
      arena.make<FetchRequest::Topic::Partition>(static_cast<std::size_t>(state.range(1)));
  topics[0].topic = "trades";
  topics[0].partitions = partitions;
  FetchRequest request;
  request.topics = topics;
  decode_loop(state, static_cast<std::int16_t>(state.range(0)), request);
}
BENCHMARK(BM_DecodeFetch)->Args({11, 1})->Args({12, 64});

void BM_EncodeFetchResponse(benchmark::State& state) {
  Arena arena;
  const auto topics = arena.make<FetchResponse::Topic>(1);
  const auto partitions =
      arena.make<FetchResponse::Topic::Partition>(static_cast<std::size_t>(state.range(1)));
  for (auto& partition : partitions) partition.records = Records::external(1024, 1);
  topics[0].topic = "trades";
  topics[0].partitions = partitions;
  FetchResponse response;
  response.responses = topics;
  Writer writer;
  for (auto _ : state) {
    writer.clear();
    encode(writer, static_cast<std::int16_t>(state.range(0)), response);
    benchmark::DoNotOptimize(writer.bytes().data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_EncodeFetchResponse)->Args({11, 1})->Args({12, 64});

}  // namespace
}  // namespace duolog::kafka

BENCHMARK_MAIN();
