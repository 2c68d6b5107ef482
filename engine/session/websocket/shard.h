// WsShard: what the WebSocket connections of one shard share.
//
// One for each shard, used by its thread; it outlives them. `settings` outlive it.
#pragma once

#include "engine/runtime/shard.h"
#include "engine/session/transport/send_list.h"
#include "engine/session/websocket/counters.h"
#include "engine/session/websocket/deflate.h"
#include "engine/session/websocket/half_messages.h"
#include "engine/session/websocket/settings.h"

namespace duolog::session {

class WsShard {
 public:
  WsShard(runtime::Shard& shard, const WsSettings& settings) : shard_(shard), settings_(settings) {}
  WsShard(const WsShard&) = delete;
  WsShard& operator=(const WsShard&) = delete;

  [[nodiscard]] runtime::Shard& shard() { return shard_; }
  [[nodiscard]] const WsSettings& settings() const { return settings_; }
  [[nodiscard]] WsCounters& counters() { return counters_; }
  [[nodiscard]] const WsCounters& counters() const { return counters_; }  // any thread
  // Scratch, from begin() to the send, within one turn-end hook.
  [[nodiscard]] SendList& send_list() { return send_list_; }
  [[nodiscard]] HalfMessages& half_messages() { return half_messages_; }
  [[nodiscard]] WsDeflateShare& deflate_share() { return deflate_share_; }

 private:
  runtime::Shard& shard_;
  const WsSettings& settings_;
  WsCounters counters_;
  SendList send_list_;
  WsDeflateShare deflate_share_;
  HalfMessages half_messages_{settings_.half_message_bytes, counters_.half_message_bytes};
};

}  // namespace duolog::session
