// Counters: what a shard counts about itself.
//
// Written by the shard's thread alone, read by any thread at any time; each number is exact, two of
// them need not belong to the same moment.
#pragma once

#include <atomic>
#include <cstdint>

namespace duolog::runtime {

// One writer, so that adding needs no locked instruction.
class Counter {
 public:
  void add(std::uint64_t amount = 1) { set(get() + amount); }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  void raise_to(std::uint64_t value) {
    if (value > get()) set(value);
  }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct Counters {
  Counter turns;
  Counter sleeps;
  Counter longest_turn_ns;
  Counter minor_page_faults;
  Counter major_page_faults;
  Counter completions;
  Counter completion_overflows;  // completions that found their queue full (none is lost)
  Counter messages;              // run, from other shards and from this one
  Counter mailbox_full;          // requests and posts that found no credit
  Counter wakes_sent;            // system calls made to wake other shards
  Counter turns_cut_short;       // turns that left tasks or completions to the next: time was up
  Counter turns_without_room;    // ... for want of room in the queue of completions
  Counter completions_moved;     // aside, to keep that room
  Counter hook_rounds_exceeded;  // turns that left turn-end hooks to the next one
  Counter receive_buffer_parks;  // receives that found no buffer (ENOBUFS)
  Counter connections_accepted;
  Counter connections_refused;   // over the limit of connections
  Counter accept_parks;          // accepts that found no descriptor or memory (EMFILE, ENFILE ...)
  Counter accept_hand_off_full;  // connections kept here because every mailbox was full
  Counter sockets_open;          // now
  Counter disk_queued;           // disk operations that had to wait for a free slot
};

}  // namespace duolog::runtime
