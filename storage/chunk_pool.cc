#include "storage/chunk_pool.h"

#include <algorithm>

#include <sys/mman.h>

#include "engine/base/check.h"

namespace duolog::storage {
namespace {

constexpr std::uint64_t kGrowBytes = 8 * kMiB;
constexpr std::uint64_t kHugePageBytes = 2 * kMiB;
constexpr std::uint64_t kSmallGrowBytes = kHugePageBytes;

// Null when there is none.
std::uint8_t* pop(std::vector<std::uint8_t*>& free) {
  if (free.empty()) return nullptr;
  std::uint8_t* last = free.back();
  free.pop_back();
  return last;
}

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
  return pop(free_);
}

std::uint8_t* ChunkPool::take_small() {
  if (free_small_.size() <= kSmallGrowBytes / kBlockBytes / 8 && !growing_small_) {
    grow(kSmallGrowBytes, growing_small_, &ChunkPool::add_small);
  }
  return pop(free_small_);
}

std::uint8_t* ChunkPool::take_small_blocking() {
  if (free_small_.empty()) add_small({map_touched(kSmallGrowBytes), kSmallGrowBytes});
  return pop(free_small_);
}

// A janitor touches the memory; on_grown_ follows also when the machine has no more: somebody may
// wait for the end of it.
void ChunkPool::grow(std::uint64_t size_bytes, bool& growing,
                     void (ChunkPool::*take_over)(Slab slab)) {
  growing = true;
  auto slab = std::make_unique<Slab>(Slab{nullptr, size_bytes});
  auto* result = slab.get();
  disk_.run([result] { result->data = map_touched(result->size_bytes); },
            [this, &growing, take_over, slab = std::move(slab)] {
              growing = false;
              (this->*take_over)(*slab);
              on_grown_();
            });
}

// Where the machine has no more memory it is asked again when a block is wanted again.
void ChunkPool::add_small(Slab slab) {
  if (slab.data != nullptr) carve(slab, kBlockBytes, free_small_, small_bytes_);
}

std::uint64_t ChunkPool::next_step_bytes() const {
  return std::min(kGrowBytes, budget_bytes_ - total_bytes_);
}

void ChunkPool::grow() {
  if (growing_ || at_budget()) return;
  grow(next_step_bytes(), growing_, &ChunkPool::add);
}

void ChunkPool::add(Slab slab) {
  if (slab.data != nullptr) return carve(slab, kChunkBytes, free_, total_bytes_);
  exhausted_ = true;
}

void ChunkPool::carve(Slab slab, std::uint64_t piece_bytes, std::vector<std::uint8_t*>& free,
                      std::uint64_t& total_bytes) {
  slabs_.push_back(slab);
  total_bytes += slab.size_bytes;
  auto* data = static_cast<std::uint8_t*>(slab.data);
  for (std::uint64_t at = slab.size_bytes; at > 0; at -= piece_bytes) {
    free.push_back(data + at - piece_bytes);
  }
}

}  // namespace duolog::storage
