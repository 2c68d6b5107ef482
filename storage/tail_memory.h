// TailMemory: which memory holds which bytes of the shard's tails, and whose turn it is to give
// some back.
//
// Chunks, within the budget, are given back oldest first, once their bytes are durable and in the
// segment file; the readers' quiescent points decide when they are used again, and for a small
// block also the end of a write in flight that reads it. The last, incomplete chunk of a log that
// sits still is replaced by one small block.
//
// The owner shard's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>

#include "engine/base/bytes.h"
#include "engine/base/epoch.h"
#include "storage/chunk_pool.h"

namespace duolog::storage {

class Segment;
struct Tail;

class TailMemory {
 public:
  // `want_written(tail)`: memory would be free if that log's tail were written behind.
  // `on_room()`: appends that found none may try again.
  TailMemory(Disk& disk, RetireList& retired, std::uint64_t budget_bytes,
             std::function<void(Tail&)> want_written, std::function<void()> on_room);

  // Puts chunks in place for [from, from + size) of the active segment's file. False when there is
  // not enough memory now; `on_room` follows.
  [[nodiscard]] bool ensure(Tail& tail, Segment& segment, std::uint64_t from,
                            std::uint64_t size_bytes);
  // Puts the bytes of an incomplete last block in place, at start. False when the machine has no
  // memory for them.
  [[nodiscard]] bool adopt_last_block(Segment& segment, std::uint64_t block_start, Bytes bytes);

  // Gives memory back if little is free. Cheap when there is enough.
  void reclaim();
  // The segment has been sealed: its last block is complete, and needs no place of its own.
  void sealed(Tail& tail, Segment& segment);
  // Takes all memory of a log out of sight, because it is being removed.
  void forget(Tail& tail);
  // The same for sealed segments of it, which leave the log.
  void forget(Tail& tail, std::span<Segment* const> sealed);

  [[nodiscard]] ChunkPool& pool() { return pool_; }
  [[nodiscard]] const ChunkPool& pool() const { return pool_; }
  // What `ensure` has room for sooner or later: half of the budget, for other logs hold some, too.
  [[nodiscard]] std::uint64_t max_size_bytes() const { return pool_.budget_bytes() / 2; }
  // An append was refused for want of memory, and `on_room` has not followed yet.
  [[nodiscard]] bool starved() const { return starved_; }
  [[nodiscard]] std::uint64_t reclaimed_chunks() const { return reclaimed_chunks_; }

 private:
  struct Held {
    Tail* tail;
    Segment* segment;
    std::uint64_t number;
  };
  bool give_back(const Held& held);
  bool shrink(const Held& held);
  void give_back_small(const Tail& tail, Segment& segment, std::uint64_t size_bytes);
  void retire_chunk(const Tail& tail, const std::uint8_t* memory);
  void retire_small(const Tail& tail, std::uint8_t* block);

  RetireList& retired_;
  ChunkPool pool_;
  std::function<void(Tail&)> want_written_;
  std::function<void()> on_room_;
  std::deque<Held> held_;  // oldest first
  std::size_t retiring_ = 0;
  bool starved_ = false;           // somebody was refused
  std::size_t wanted_chunks_ = 0;  // the most that anybody was refused since
  std::uint64_t reclaimed_chunks_ = 0;
};

}  // namespace duolog::storage
