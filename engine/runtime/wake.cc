#include "engine/runtime/wake.h"

#include "engine/runtime/descriptors.h"

namespace duolog::runtime {

bool WakeStack::push(WakeNode& node) {
  // Acquire and release: if the bit is set already, its shard has yet to clear it, and will see
  // what was published before this call.
  if (node.set.exchange(true, std::memory_order_acq_rel)) return false;
  node.next = head_.load(std::memory_order_relaxed);
  while (!head_.compare_exchange_weak(node.next, &node, std::memory_order_release,
                                      std::memory_order_relaxed)) {
  }
  return true;
}

WakeNode* WakeStack::take_all() {
  WakeNode* newest = head_.exchange(nullptr, std::memory_order_acquire);
  WakeNode* oldest = nullptr;
  while (newest != nullptr) {
    WakeNode* next = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = next;
  }
  return oldest;
}

std::size_t WakeStack::run_all(Shard& here) {
  if (empty()) return 0;
  std::size_t count = 0;
  for (WakeNode* node = take_all(); node != nullptr; ++count) {
    WakeNode* next = node->next;  // once the bit is clear, another thread may push the node again
    (void)node->set.exchange(false, std::memory_order_acq_rel);
    node->run(here, *node, node->context);  // may destroy it
    node = next;
  }
  return count;
}

void WakeStack::discard_all() {
  for (WakeNode* node = take_all(); node != nullptr;) {
    WakeNode* next = node->next;
    node->set.store(false, std::memory_order_release);
    node = next;
  }
}

Doorbell::~Doorbell() {
  if (descriptor_ >= 0) close_descriptor(descriptor_);
}

Result<void> Doorbell::open() {
  auto event = create_event();
  if (!event) return std::unexpected(event.error());
  descriptor_ = *event;
  return {};
}

bool Doorbell::ring() {
  if (!sleeping_.exchange(false, std::memory_order_acq_rel)) return false;
  // The poll on it completes at every write, so that nobody ever has to read it; its 64 bits do not
  // fill up.
  signal_event(descriptor_);
  return true;
}

}  // namespace duolog::runtime
