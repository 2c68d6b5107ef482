#include "storage/damage.h"

#include <algorithm>
#include <utility>

namespace duolog::storage {
namespace {

constexpr std::size_t kMostUntold = 1024;

struct Untold {
  std::mutex mutex;
  std::vector<DamageFound> found;
  std::atomic<std::uint64_t> count{0};
};
Untold& untold() {
  static Untold all;
  return all;
}

}  // namespace

Damages::~Damages() {
  for (const Node* node = head_.load(); node != nullptr;) delete std::exchange(node, node->next);
}

bool Damages::add(Damage damage) {
  const std::lock_guard lock(adding_);
  if (at(damage.from, damage.from) != nullptr) return false;
  if (++count_ > kMost) {
    damage = {.from = damage.from, .offset = damage.offset, .rest = true};
  }
  head_.store(new Node{damage, head_.load(std::memory_order_relaxed)}, std::memory_order_release);
  return true;
}

const Damage* Damages::at(std::uint64_t at, std::uint64_t start) const {
  for (const Node* node = head_.load(std::memory_order_acquire); node != nullptr;
       node = node->next) {
    const Damage& damage = node->damage;
    if (at < damage.from || at >= damage.to) continue;
    if (damage.to != kNotCorrupt || damage.rest || start <= damage.from) return &damage;
  }
  return nullptr;
}

std::uint64_t Damages::next_from(std::uint64_t at) const {
  std::uint64_t first = kNotCorrupt;
  for (const Node* node = head_.load(std::memory_order_acquire); node != nullptr;
       node = node->next) {
    if (node->damage.from >= at) first = std::min(first, node->damage.from);
  }
  return first;
}

void note_damage(DamageFound found) {
  Untold& all = untold();
  all.count.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(all.mutex);
  if (all.found.size() < kMostUntold) all.found.push_back(std::move(found));
}

std::vector<DamageFound> take_damages() {
  Untold& all = untold();
  const std::lock_guard lock(all.mutex);
  return std::exchange(all.found, {});
}

std::uint64_t damages_found() { return untold().count.load(std::memory_order_relaxed); }

}  // namespace duolog::storage
