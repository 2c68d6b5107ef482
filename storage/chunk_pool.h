// ChunkPool: the memory of one shard's tails, in chunks of 64 KiB.
//
// Chunks are carved from huge pages that a janitor has touched, because the first touch of a page
// costs more than the append that needs it. The pool starts empty, grows in steps of kGrowBytes up
// to its budget while chunks are wanted, and recycles what is given back; memory never returns to
// the kernel before the pool is destroyed.
//
// Small blocks (4 KiB) hold the incomplete last block of idle partitions. They are no part of the
// budget: however many partitions there are, and a shard may have all of them, those that are idle
// must not take the memory that appends need. Each partition has one at the most.
//
// One shard's thread. Chunks may be read by other shards: give them back through a RetireList.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "storage/disk.h"
#include "storage/options.h"

namespace duolog::storage {

inline constexpr std::uint64_t kChunkBytes = 64 * kKiB;

class ChunkPool {
 public:
  // `on_grown` runs on the shard whenever new chunks have arrived.
  ChunkPool(Disk& disk, std::uint64_t budget_bytes, std::function<void()> on_grown);
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  // A chunk of kChunkBytes, aligned to kBlockBytes, with arbitrary content; null when none is
  // free. Asks for growth in the background when few are left.
  [[nodiscard]] std::uint8_t* take();
  void give(std::uint8_t* chunk) { free_.push_back(chunk); }

  // A block of kBlockBytes; null when none is free: more are on their way.
  [[nodiscard]] std::uint8_t* take_small();
  // The same at start-up, where the pool may grow on this thread: null when the machine has no more
  // memory.
  [[nodiscard]] std::uint8_t* take_small_blocking();
  void give_small(std::uint8_t* block) { free_small_.push_back(block); }

  // Starts growing by one step, if the budget allows and no growth is under way.
  void grow();
  [[nodiscard]] bool growing() const { return growing_ || growing_small_; }

  [[nodiscard]] std::size_t free_chunks() const { return free_.size(); }
  [[nodiscard]] std::uint64_t total_bytes() const { return total_bytes_; }
  [[nodiscard]] std::uint64_t small_bytes() const { return small_bytes_; }
  [[nodiscard]] std::uint64_t free_small_bytes() const { return free_small_.size() * kBlockBytes; }
  [[nodiscard]] std::uint64_t budget_bytes() const { return budget_bytes_; }
  // It grows no more: the budget is used up, or the machine has no more memory.
  [[nodiscard]] bool at_budget() const { return exhausted_ || total_bytes_ >= budget_bytes_; }

 private:
  struct Slab {
    void* data = nullptr;
    std::uint64_t size_bytes = 0;
  };
  [[nodiscard]] std::uint64_t next_step_bytes() const;
  void add(Slab slab);
  void grow(std::uint64_t size_bytes, bool& growing, void (ChunkPool::*take_over)(Slab slab));
  void add_small(Slab slab);
  void carve(Slab slab, std::uint64_t piece_bytes, std::vector<std::uint8_t*>& free,
             std::uint64_t& total_bytes);

  Disk& disk_;
  const std::uint64_t budget_bytes_;
  std::function<void()> on_grown_;
  std::uint64_t total_bytes_ = 0;  // of chunks
  std::uint64_t small_bytes_ = 0;  // of small blocks
  bool growing_ = false;
  bool growing_small_ = false;
  bool exhausted_ = false;  // the kernel refused memory
  std::vector<Slab> slabs_;
  std::vector<std::uint8_t*> free_;
  std::vector<std::uint8_t*> free_small_;
};

}  // namespace duolog::storage
