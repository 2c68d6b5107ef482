#include "engine/session/websocket/deflate.h"

#include <algorithm>

#include "engine/session/websocket/shard.h"

namespace duolog::session {

void WsDeflateShare::spend(std::uint64_t now_ns, std::size_t bytes) {
  if (turn_ns != now_ns) turn_bytes = 0;
  turn_ns = now_ns;
  turn_bytes += bytes;
}

void WsDeflateShare::trim() {
  if (inflated.capacity() > kKeptBytes) inflated = Buffer();
  if (deflated.capacity() > kKeptBytes) deflated = Buffer();
}

WsDeflate::WsDeflate(WsShard& ws, const ws::DeflateParameters& parameters,
                     std::size_t max_message_bytes)
    : ws_(ws), parameters_(parameters), max_message_bytes_(max_message_bytes) {
  if (keeps_context()) ws_.counters().deflate_contexts.add();
}

WsDeflate::~WsDeflate() {
  if (!keeps_context()) return;
  auto& contexts = ws_.counters().deflate_contexts;
  contexts.set(contexts.get() - 1);
}

Result<Bytes> WsDeflate::inflate(Bytes payload) {
  WsDeflateShare& share = ws_.deflate_share();
  std::unique_ptr<ws::Inflater>& inflater =
      parameters_.client_no_context_takeover ? share.inflater : inflater_;
  if (!inflater) {
    // The shared one takes every window.
    inflater = std::make_unique<ws::Inflater>(
        parameters_.client_no_context_takeover
            ? ws::DeflateParameters{.client_no_context_takeover = true}
            : parameters_);
  }
  ws_.counters().messages_inflated.add();
  auto inflated = inflater->inflate(payload, max_message_bytes_, share.inflated);
  share.spend(ws_.shard().now_ns(), std::max(payload.size(), share.inflated.size()));
  if (inflated) return Bytes(share.inflated);
  ws_.counters().inflate_failures.add();
  inflater.reset();
  return std::unexpected(std::move(inflated).error());
}

Bytes WsDeflate::deflate(Bytes message) {
  WsDeflateShare& share = ws_.deflate_share();
  const auto window =
      static_cast<std::size_t>(parameters_.server_max_window_bits - ws::kMinWindowBits);
  std::unique_ptr<ws::Deflater>& deflater =
      parameters_.server_no_context_takeover ? share.deflaters[window] : deflater_;
  if (!deflater) deflater = std::make_unique<ws::Deflater>(parameters_);
  ws_.counters().messages_deflated.add();
  deflater->deflate(message, share.deflated);
  share.spend(ws_.shard().now_ns(), message.size());
  return share.deflated;
}

bool WsDeflate::spent() const { return ws_.deflate_share().spent(ws_.shard().now_ns()); }

}  // namespace duolog::session
