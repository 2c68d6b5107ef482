#include "engine/broker/waiters.h"

#include <bit>

namespace duolog::broker {

Waiters::Waiters(Partition& partition, std::size_t shards)
    : partition_(partition), slots_(std::make_unique<std::unique_ptr<Slot>[]>(shards)) {
  for (std::size_t i = 0; i < shards; ++i) slots_[i] = std::make_unique<Slot>(*this, on_wake);
}

bool Waiters::wait(runtime::Shard& here, Waiter& waiter, const storage::Log& log, Position seen) {
  Slot& slot = *slots_[here.id().value];
  const std::uint64_t bit = std::uint64_t{1} << here.id().value;
  // The bit first, then the position: a publisher does it the other way round, so that one of the
  // two sees the other.
  armed_.fetch_or(bit, std::memory_order_seq_cst);
  if (log.high_watermark_position_seq_cst() > seen || log.closed()) {
    // Somebody else on this shard may still need the bit; a needless wake does no harm.
    return false;
  }
  slot.list.push_back(waiter);
  return true;
}

void Waiters::notify(runtime::Shard& owner) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (armed_.load(std::memory_order_seq_cst) == 0) return;
  std::uint64_t bits = armed_.exchange(0, std::memory_order_seq_cst);
  while (bits != 0) {
    const int number = std::countr_zero(bits);
    bits &= bits - 1;
    Slot& slot = *slots_[static_cast<std::size_t>(number)];
    if (number == owner.id().value) {
      run(slot);
    } else {
      owner.mailbox().wake(ShardId(static_cast<std::uint16_t>(number)), slot.wake);
    }
  }
}

void Waiters::release_all(runtime::Shard& here) { run(*slots_[here.id().value]); }

void Waiters::on_wake(runtime::Shard& here, runtime::WakeNode& node, void* context) {
  (void)here, (void)node;
  Slot& slot = *static_cast<Slot*>(context);
  slot.owner.run(slot);
}

void Waiters::run(Slot& slot) {
  // Those that wait again while this runs are for the next time.
  IntrusiveList<Waiter, &Waiter::hook> ready;
  ready.splice_back(slot.list);
  while (Waiter* waiter = ready.pop_front()) waiter->ready(*waiter, partition_);
}

}  // namespace duolog::broker
