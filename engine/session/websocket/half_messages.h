// HalfMessages: the memory of the messages that have begun to arrive at one shard and are not
// whole.
//
// Together they have a limit. Who makes it too much is not refused: the one that has received
// nothing for longest gives way, so that many that stand still do not keep out one that arrives.
//
// One for each shard, used by its thread; it outlives the HalfMessages that it lists.
#pragma once

#include <cstddef>

#include "engine/base/intrusive_list.h"
#include "engine/runtime/metric.h"

namespace duolog::session {

class WsConnection;

struct HalfMessage {
  explicit HalfMessage(WsConnection& connection) : owner(connection) {}
  WsConnection& owner;  // it lives in this
  std::size_t held_bytes = 0;
  ListHook link;
};

class HalfMessages {
 public:
  // `held_bytes` shows what they hold.
  HalfMessages(std::size_t limit_bytes, runtime::Counter& held_bytes)
      : limit_bytes_(limit_bytes), held_bytes_(held_bytes) {}

  // The message has received something, and holds `bytes` now; 0: it is whole, or gone.
  void holds(HalfMessage& message, std::size_t bytes) {
    held_bytes_.set(held_bytes_.get() - message.held_bytes + bytes);
    message.held_bytes = bytes;
    if (message.link.linked()) message.link.unlink();
    if (bytes > 0) in_order_.push_back(message);
  }
  // While there is too much: the one to give way.
  [[nodiscard]] HalfMessage* excess() {
    return held_bytes_.get() > limit_bytes_ ? in_order_.front() : nullptr;
  }

 private:
  const std::size_t limit_bytes_;
  runtime::Counter& held_bytes_;
  IntrusiveList<HalfMessage, &HalfMessage::link> in_order_;  // who was heard longest ago is first
};

}  // namespace duolog::session
