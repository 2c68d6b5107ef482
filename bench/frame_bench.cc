// WebSocket frames: parsing what clients send, and heading what goes to them.
#include <cstring>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "net/ws/frame.h"
#include "net/ws/frame_parser.h"
#include "net/ws/utf8.h"

namespace duolog::ws {
namespace {

// Masked text frames of the given size, as a slice of 16 KiB brings them. The copy that restores
// the masked bytes is part of what is measured, and its speed alone is BM_CopySlice.
void BM_ParseMaskedText(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  std::vector<std::uint8_t> wire;
  const std::string text(size, 'x');
  const std::size_t count = std::max<std::size_t>(1, (16U << 10) / (size + 8));
  for (std::size_t i = 0; i < count; ++i) {
    append_masked_frame(wire, Opcode::kText, true, as_bytes(text), 0x12345678);
  }
  std::vector<std::uint8_t> slice(wire.size());
  FrameParser parser(FrameParserConfig{});
  for (auto _ : state) {
    std::memcpy(slice.data(), wire.data(), wire.size());
    MutableBytes input = slice;
    std::size_t messages = 0;
    while (parser.next(input).kind == FrameEvent::Kind::kMessage) ++messages;
    if (messages != count) state.SkipWithError("a frame was lost");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(count * size));
}
BENCHMARK(BM_ParseMaskedText)->Arg(16)->Arg(128)->Arg(1024)->Arg(16'000);

void BM_CopySlice(benchmark::State& state) {
  std::vector<std::uint8_t> from(16U << 10);
  std::vector<std::uint8_t> to(from.size());
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(from.size()));
}
BENCHMARK(BM_CopySlice);

void BM_EncodeFrameHeader(benchmark::State& state) {
  std::uint8_t out[14];
  for (auto _ : state) {
    benchmark::DoNotOptimize(encode_frame_header(Opcode::kText, true, 1024, out));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_EncodeFrameHeader);

void BM_ValidateUtf8(benchmark::State& state) {
  std::string text;
  while (text.size() < 1024)
    text += state.range(0) == 0 ? "ascii only, " : "h\xc3\xa9\xe2\x82\xac ";
  for (auto _ : state) benchmark::DoNotOptimize(is_valid_utf8(as_bytes(text)));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(BM_ValidateUtf8)->Arg(0)->Arg(1);

}  // namespace
}  // namespace duolog::ws

BENCHMARK_MAIN();
