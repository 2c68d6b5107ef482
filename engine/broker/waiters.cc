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
      wake(owner, slot);
    } else {
      owner.mailbox().wake(ShardId(static_cast<std::uint16_t>(number)), slot.wake);
    }
  }
}

void Waiters::release_all(runtime::Shard& here) {
  Slot& slot = *slots_[here.id().value];
  slot.task.cancel();
  // Those that wait again while this runs would be for the next time.
  slot.ready.splice_back(slot.list);
  while (!slot.ready.empty()) (void)call_some(slot);
}

void Waiters::on_wake(runtime::Shard& here, runtime::WakeNode& /*node*/, void* context) {
  Slot& slot = *static_cast<Slot*>(context);
  slot.owner.wake(here, slot);
}

void Waiters::on_task(runtime::Task& task, void* context) {
  Slot& slot = *static_cast<Slot*>(context);
  runtime::Shard& here = *runtime::Shard::current();
  do {
    if (!slot.owner.call_some(slot)) return;
  } while (here.share().allows());
  here.run_soon(task, runtime::Urgency::kFanOut);
}

// Those that wait again while this runs are for the next time.
void Waiters::wake(runtime::Shard& here, Slot& slot) {
  slot.ready.splice_back(slot.list);
  if (call_some(slot)) here.run_soon(slot.task, runtime::Urgency::kFanOut);
}

// False: there is nobody left to call.
bool Waiters::call_some(Slot& slot) {
  for (std::size_t i = 0; i < kCalledAtOnce; ++i) {
    Waiter* const waiter = slot.ready.pop_front();
    if (waiter == nullptr) return false;
    waiter->ready(*waiter, partition_);
  }
  return !slot.ready.empty();
}

}  // namespace duolog::broker
