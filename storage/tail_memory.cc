#include "storage/tail_memory.h"

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"
#include "storage/tail.h"

namespace duolog::storage {
namespace {

// Free chunks below which memory is reclaimed, and how many at a time.
constexpr std::size_t kLowChunks = 64;
constexpr std::size_t kReclaimChunks = 32;

}  // namespace

TailMemory::TailMemory(Disk& disk, RetireList& retired, std::uint64_t budget_bytes,
                       std::function<void(Tail&)> want_written, std::function<void()> on_room)
    : retired_(retired),
      pool_(disk, budget_bytes,
            [this] {
              starved_ = false;
              on_room_();
            }),
      want_written_(std::move(want_written)),
      on_room_(std::move(on_room)) {
  pool_.grow();
}

bool TailMemory::ensure(Tail& tail, Segment& segment, std::uint64_t from,
                        std::uint64_t size_bytes) {
  const std::uint64_t first = from / kChunkBytes;
  const std::uint64_t last = (from + size_bytes - 1) / kChunkBytes;
  std::size_t wanted = 0;
  for (auto number = first; number <= last; ++number) {
    const auto slot = segment.slot(number);
    if (!slot.memory || slot.small) ++wanted;
  }
  if (wanted > pool_.free_chunks()) {
    pool_.grow();
    wanted_chunks_ = starved_ ? std::max(wanted_chunks_, wanted) : wanted;
    starved_ = true;
    reclaim();
    return false;
  }
  for (auto number = first; wanted > 0 && number <= last; ++number) {
    const auto slot = segment.slot(number);
    if (slot.memory && !slot.small) continue;
    auto* chunk = pool_.take();
    CHECK(chunk != nullptr);
    // What comes before the append's own block is in the file.
    const std::uint64_t first_byte =
        slot.small ? slot.first_byte : (number == first ? from % kChunkBytes : 0);
    if (slot.small) std::memcpy(chunk + slot.first_byte, slot.memory, kBlockBytes);
    segment.set_chunk(number, chunk, first_byte);
    if (slot.small) {
      retire_small(tail, slot.memory);
    }
    held_.push_back({&tail, &segment, number});
  }
  return true;
}

bool TailMemory::adopt_last_block(Segment& segment, std::uint64_t block_start, Bytes bytes) {
  CHECK(bytes.size() <= kBlockBytes);
  auto* block = pool_.take_small_blocking();
  if (!block) return false;
  std::memcpy(block, bytes.data(), bytes.size());
  segment.set_small(block_start / kChunkBytes, block, block_start);
  return true;
}

void TailMemory::reclaim() {
  // One large append may want more at once than is otherwise kept free.
  const std::size_t low = starved_ ? std::max(kLowChunks, wanted_chunks_) : kLowChunks;
  if (pool_.free_chunks() + retiring_ >= low || !pool_.at_budget()) return;
  std::size_t freed = 0;
  // Each held chunk is looked at once at the most.
  for (std::size_t looked = held_.size(); looked > 0 && freed < kReclaimChunks; --looked) {
    const Held held = held_.front();
    held_.pop_front();
    if (give_back(held)) {
      ++freed;
    } else {
      held_.push_back(held);
      if (looked + kReclaimChunks < held_.size() && !starved_) break;
    }
  }
}

bool TailMemory::give_back(const Held& held) {
  Tail& tail = *held.tail;
  Segment& segment = *held.segment;
  const auto slot = segment.slot(held.number);
  if (!slot.memory || slot.small) return true;  // it has gone already
  const Position start = segment.base_position + held.number * kChunkBytes;
  const Position chunk_end = start + kChunkBytes;
  const bool active = tail.active() == &segment;
  if (active && tail.end.position < chunk_end) return shrink(held);
  // A sealed segment is written; in an unsealed one, progress decides.
  const bool sealed = std::ranges::find(tail.unsealed, &segment) == tail.unsealed.end();
  const Position needed = sealed ? start : std::min(chunk_end, tail.end_of(segment));
  if (tail.written < needed || tail.durable < needed) {
    want_written_(tail);
    return false;
  }
  retire_chunk(tail, segment.clear_slot(held.number).memory);
  return true;
}

bool TailMemory::shrink(const Held& held) {
  Tail& tail = *held.tail;
  Segment& segment = *held.segment;
  const Position block = tail.block_start(tail.end.position);
  if (tail.written < block || tail.durable < tail.end.position || tail.op_busy) {
    want_written_(tail);
    return false;
  }
  const std::uint64_t block_at = block - segment.base_position;
  const auto slot = segment.slot(held.number);
  if (block == tail.end.position || block_at / kChunkBytes != held.number) {
    // The last block is complete (or not begun): nothing has to stay.
    retire_chunk(tail, segment.clear_slot(held.number).memory);
    return true;
  }
  auto* small = pool_.take_small();
  if (!small) return false;
  const auto* chunk = slot.memory - slot.first_byte;
  std::memcpy(small, chunk + block_at % kChunkBytes, kBlockBytes);
  segment.set_small(held.number, small, block_at);
  retire_chunk(tail, slot.memory);
  return true;
}

// `memory`: where in the chunk the log's bytes began.
void TailMemory::retire_chunk(const Tail& tail, const std::uint8_t* memory) {
  const auto address = reinterpret_cast<std::uint64_t>(memory);
  CHECK(!tail.is_being_written({memory, kChunkBytes - address % kChunkBytes}));
  ++retiring_;
  ++reclaimed_chunks_;
  retired_.retire(
      [this, start = reinterpret_cast<std::uint8_t*>(align_down(address, kChunkBytes))] {
        --retiring_;
        pool_.give(start);
        if (starved_) {
          starved_ = false;
          on_room_();
        }
      });
}

// The last block of a log may be on its way to the disk, which passes no quiescent point. The log
// is not freed before that is over.
void TailMemory::retire_small(const Tail& tail, std::uint8_t* block) {
  retired_.retire([this, &tail, block] {
    if (tail.is_being_written({block, kBlockBytes})) return retire_small(tail, block);
    pool_.give_small(block);
  });
}

// If the last block of the segment, which ends at `size_bytes` of its file, is in a small one.
void TailMemory::give_back_small(const Tail& tail, Segment& segment, std::uint64_t size_bytes) {
  const std::uint64_t last = (std::max<std::uint64_t>(size_bytes, 1) - 1) / kChunkBytes;
  if (segment.slot(last).small) retire_small(tail, segment.clear_slot(last).memory);
}

void TailMemory::sealed(Tail& tail, Segment& segment) {
  give_back_small(tail, segment, segment.stable_bytes.load(std::memory_order_relaxed));
}

void TailMemory::forget(Tail& tail, std::span<Segment* const> sealed) {
  std::erase_if(held_, [&](const Held& held) {
    if (held.tail != &tail || std::ranges::find(sealed, held.segment) == sealed.end()) return false;
    const auto slot = held.segment->slot(held.number);
    if (slot.memory && !slot.small) {
      retire_chunk(tail, held.segment->clear_slot(held.number).memory);
    }
    return true;
  });
}

void TailMemory::forget(Tail& tail) {
  std::erase_if(held_, [&](const Held& held) {
    if (held.tail != &tail) return false;
    const auto slot = held.segment->slot(held.number);
    if (slot.memory && !slot.small) {
      retire_chunk(tail, held.segment->clear_slot(held.number).memory);
    }
    return true;
  });
  for (Segment* segment : tail.unsealed) {
    give_back_small(tail, *segment, tail.end_of(*segment) - segment->base_position);
  }
}

}  // namespace duolog::storage
