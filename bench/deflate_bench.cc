// permessage-deflate: inflating what clients send, and compressing what goes to them.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "net/ws/deflate.h"

namespace duolog::ws {
namespace {

// Messages like those of a ticker: no two alike, and much in common.
std::vector<std::string> messages_of(std::size_t size) {
  std::vector<std::string> messages(64);
  unsigned number = 1;
  for (std::string& message : messages) {
    while (message.size() < size) {
      number = number * 1'664'525 + 1'013'904'223;
      message += R"({"symbol":"AAPL","price":)" + std::to_string(number % 100'000) + R"(,"size":)" +
                 std::to_string(number % 997) + "},";
    }
    message.resize(size);
  }
  return messages;
}

// The arguments: bytes of a message, and whether each is compressed by itself.
DeflateParameters parameters_of(const benchmark::State& state) {
  return {.server_no_context_takeover = state.range(1) != 0,
          .client_no_context_takeover = state.range(1) != 0};
}

void BM_Deflate(benchmark::State& state) {
  const auto messages = messages_of(static_cast<std::size_t>(state.range(0)));
  Deflater deflater(parameters_of(state));
  Buffer packed;
  std::size_t at = 0;
  std::size_t packed_bytes = 0;
  for (auto _ : state) {
    deflater.deflate(as_bytes(messages[at++ % messages.size()]), packed);
    packed_bytes += packed.size();
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * state.range(0));
  state.counters["packed"] =
      static_cast<double>(packed_bytes) / static_cast<double>(state.iterations() * state.range(0));
}
BENCHMARK(BM_Deflate)->ArgsProduct({{128, 1024, 16'384, 262'144}, {0, 1}});

void BM_Inflate(benchmark::State& state) {
  const auto messages = messages_of(static_cast<std::size_t>(state.range(0)));
  std::vector<Buffer> packed(messages.size());
  Deflater deflater(parameters_of(state));
  for (std::size_t i = 0; i < messages.size(); ++i) {
    deflater.deflate(as_bytes(messages[i]), packed[i]);
  }
  Inflater inflater(parameters_of(state));
  Buffer out;
  std::size_t at = 0;
  for (auto _ : state) {
    // In a context the first of them knows nothing of the others.
    if (at == packed.size() && state.range(1) == 0) inflater = Inflater(parameters_of(state));
    at %= packed.size();
    if (!inflater.inflate(packed[at++], 1U << 20, out)) state.SkipWithError("cannot be inflated");
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Inflate)->ArgsProduct({{128, 1024, 16'384, 262'144}, {0, 1}});

}  // namespace
}  // namespace duolog::ws

BENCHMARK_MAIN();
