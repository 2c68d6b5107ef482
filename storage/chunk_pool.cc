#include "storage/chunk_pool.h"

#include <algorithm>

#include <sys/mman.h>

#include "engine/base/check.h"

namespace duolog::storage {
namespace {

constexpr std::uint64_t kGrowBytes = 8 * kMiB;
constexpr std::uint64_t kHugePageBytes = 2 * kMiB;
constexpr std::uint64_t kSmallGrowBytes = kHugePageBytes;

// Maps and touches memory. Aligned to huge pages, so that the kernel can back it with them.
void* map_touched(std::uint64_t size_bytes) {
  const std::uint64_t padded = size_bytes + kHugePageBytes;
  void* raw = mmap(nullptr, padded, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  const auto start = reinterpret_cast<std::uint64_t>(raw);
  const auto aligned = align_up(start, kHugePageBytes);
  if (aligned > start) munmap(raw, aligned - start);
  const auto tail = start + padded - (aligned + size_bytes);
  if (tail > 0) munmap(reinterpret_cast<void*>(aligned + size_bytes), tail);
  auto* data = reinterpret_cast<std::uint8_t*>(aligned);
  madvise(data, size_bytes, MADV_HUGEPAGE);
  for (std::uint64_t at = 0; at < size_bytes; at += kBlockBytes) data[at] = 0;
  return data;
}

}  // namespace

ChunkPool::ChunkPool(Disk& disk, std::uint64_t budget_bytes, std::function<void()> on_grown)
    : disk_(disk),
      budget_bytes_(align_up(std::max(budget_bytes, kHugePageBytes), kHugePageBytes)),
      on_grown_(std::move(on_grown)) {
  free_.reserve(budget_bytes_ / kChunkBytes);
}

ChunkPool::~ChunkPool() {
  CHECK(!growing());
  for (const Slab& slab : slabs_) munmap(slab.data, slab.size_bytes);
}

std::uint8_t* ChunkPool::take() {
  if (free_.size() <= kGrowBytes / kChunkBytes / 2) grow();
  if (free_.empty()) return nullptr;
  auto* chunk = free_.back();
  free_.pop_back();
  return chunk;
}

std::uint8_t* ChunkPool::take_small() {
  if (free_small_.size() <= kSmallGrowBytes / kBlockBytes / 8) grow_small();
  if (free_small_.empty()) return nullptr;
  auto* block = free_small_.back();
  free_small_.pop_back();
  return block;
}

std::uint8_t* ChunkPool::take_small_blocking() {
  if (free_small_.empty()) add_small({map_touched(kSmallGrowBytes), kSmallGrowBytes});
  if (free_small_.empty()) return nullptr;
  auto* block = free_small_.back();
  free_small_.pop_back();
  return block;
}

void ChunkPool::grow_small() {
  if (growing_small_) return;
  growing_small_ = true;
  auto slab = std::make_unique<Slab>(Slab{nullptr, kSmallGrowBytes});
  auto* result = slab.get();
  disk_.run([result] { result->data = map_touched(result->size_bytes); },
            [this, slab = std::move(slab)] {
              growing_small_ = false;
              add_small(*slab);
              on_grown_();
            });
}

// Where the machine has no more memory it is asked again when a block is wanted again.
void ChunkPool::add_small(Slab slab) {
  if (!slab.data) return;
  slabs_.push_back(slab);
  small_bytes_ += slab.size_bytes;
  auto* data = static_cast<std::uint8_t*>(slab.data);
  for (std::uint64_t at = slab.size_bytes; at > 0; at -= kBlockBytes) {
    free_small_.push_back(data + at - kBlockBytes);
  }
}

std::uint64_t ChunkPool::next_step_bytes() const {
  return std::min(kGrowBytes, budget_bytes_ - total_bytes_);
}

void ChunkPool::grow() {
  if (growing_ || at_budget()) return;
  growing_ = true;
  const auto size_bytes = next_step_bytes();
  auto slab = std::make_unique<Slab>(Slab{nullptr, size_bytes});
  auto* result = slab.get();
  disk_.run([result] { result->data = map_touched(result->size_bytes); },
            [this, slab = std::move(slab)] {
              growing_ = false;
              add(*slab);
              on_grown_();
            });
}

void ChunkPool::add(Slab slab) {
  if (!slab.data) {
    exhausted_ = true;
    return;
  }
  // A blocking growth may have come between: the budget is then exceeded by one step at the most.
  slabs_.push_back(slab);
  total_bytes_ += slab.size_bytes;
  auto* data = static_cast<std::uint8_t*>(slab.data);
  for (std::uint64_t at = slab.size_bytes; at > 0; at -= kChunkBytes) {
    free_.push_back(data + at - kChunkBytes);
  }
}

}  // namespace duolog::storage
