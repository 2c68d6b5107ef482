// What of a segment was found damaged: batches whose bytes are not what was appended.
//
// Janitors find it, when they check what they have read in (segment_files.h); every shard passes
// it over. A finding is never taken back, and it is told once: take_damages().
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/ids.h"

namespace duolog::storage {

inline constexpr std::uint64_t kNotCorrupt = UINT64_MAX;  // no position in a file

// A run of bytes that begins where a batch should, and ends where the next good one begins.
struct Damage {
  std::uint64_t from = 0;          // in the file
  std::uint64_t to = kNotCorrupt;  // in the file; kNotCorrupt: where a batch begins next is unknown
  Offset offset;                   // the first one that is lost
  Offset end{-1};                  // behind the last one; known if `to` is
  bool rest = false;               // nothing behind it was looked at: Damages is full
};

// The damages of one segment. Limit: kMost of them; what is behind one over is not read any more,
// and told as one.
class Damages {
 public:
  static constexpr int kMost = 512;

  Damages() = default;
  ~Damages();
  Damages(const Damages&) = delete;
  Damages& operator=(const Damages&) = delete;

  // Any thread. False if it is known already, or part of one that is.
  bool add(Damage damage);

  // Any thread: the one that `at` lies in, or null. What is returned stays. `start`: of the last
  // batch at or before `at` that the index knows; one whose end is unknown ends there.
  [[nodiscard]] const Damage* at(std::uint64_t at, std::uint64_t start) const;
  // Any thread: where the first one at or behind `at` begins, or kNotCorrupt.
  [[nodiscard]] std::uint64_t next_from(std::uint64_t at) const;
  [[nodiscard]] bool empty() const { return head_.load(std::memory_order_acquire) == nullptr; }

 private:
  struct Node {
    Damage damage;
    const Node* next;
  };
  std::mutex adding_;
  int count_ = 0;
  std::atomic<const Node*> head_{nullptr};
};

// One that has been found, for whoever tells the operator.
struct DamageFound {
  std::string file;
  Damage damage;
};
// Any thread: notes it, for take_damages(). Limit: 1024 that have not been taken, the others are
// only counted.
void note_damage(DamageFound found);
// Any thread: those since the last call.
[[nodiscard]] std::vector<DamageFound> take_damages();
// Any thread: all that this process has found.
[[nodiscard]] std::uint64_t damages_found();

}  // namespace duolog::storage
