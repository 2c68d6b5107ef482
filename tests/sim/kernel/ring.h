// SimRing: the kernel's side of one io_uring.
//
// The program's side is liburing's own inline functions over the memory that this object has. It
// executes the opcodes that the server uses (poll, accept, receive over provided buffers, sendmsg,
// writev, fsync, cancel) and CHECKs that there is no other.
//
// What is submitted is taken in order: a send copies what it refers to at once. When a request
// completes is the kernel's choice: `choices` says how many could now, `choose` has one do so.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <vector>

#include <liburing.h>

#include "storage/disk.h"
#include "tests/sim/sim_disk.h"

namespace duolog::sim {

class Kernel;

class SimRing {
 public:
  SimRing(Kernel& kernel, unsigned submissions, unsigned completions, io_uring& program);
  SimRing(const SimRing&) = delete;
  SimRing& operator=(const SimRing&) = delete;
  ~SimRing();

  // io_uring_register_buf_ring(3).
  void register_buffers(const io_uring_buf_reg& registration);
  void unregister_buffers() { buffers_ = nullptr; }

  // Takes what was submitted, and moves what had overflowed into the queue of completions.
  void enter();
  // The program sleeps until a completion is there or `deadline_ns`.
  void wait_until(std::uint64_t deadline_ns) {
    waiting_ = true;
    deadline_ns_ = deadline_ns;
  }
  // Whether the thread that uses the ring runs.
  [[nodiscard]] bool awake(std::uint64_t now_ns) const;
  [[nodiscard]] std::uint64_t deadline_ns() const { return waiting_ ? deadline_ns_ : 0; }
  void run() { waiting_ = false; }

  [[nodiscard]] std::size_t choices();
  // `which` is below what `choices` has just answered.
  void choose(std::size_t which);
  // From now on everything completes when it is submitted: for a thread that ends.
  void complete_at_once() { at_once_ = true; }

  [[nodiscard]] std::size_t in_flight() const { return pending_.size() + disk_.size(); }

 private:
  struct Pending {
    io_uring_sqe entry;
    std::uint64_t signals_seen = 0;  // of the event it polls
  };
  struct Completion {
    std::uint64_t user_data;
    std::int32_t result;
    std::uint32_t flags;
  };
  // A write or a sync on its way to the disk.
  struct DiskRequest : storage::DiskOp {
    SimRing* ring = nullptr;
    std::uint64_t user_data = 0;
    std::int32_t bytes = 0;
    std::vector<iovec> parts;
    std::list<DiskRequest>::iterator self;
  };

  void take(const io_uring_sqe& entry);
  void send(const io_uring_sqe& entry);
  void start_disk(const io_uring_sqe& entry);
  void cancel(const io_uring_sqe& entry);
  [[nodiscard]] bool completable(const Pending& pending) const;
  void complete_pending(std::size_t index);
  void accept(std::size_t index);
  void receive(std::size_t index);
  // A completion that the kernel will post at a time of its choice.
  void complete_later(std::uint64_t user_data, std::int32_t result, std::uint32_t flags = 0) {
    completed_.push_back({user_data, result, flags});
  }
  // No completion more fits into the queue.
  [[nodiscard]] bool is_full() const {
    return completion_tail_ - completion_head_ == completions_.size();
  }
  void post(const Completion& completion);
  [[nodiscard]] bool post_to_queue(const Completion& completion);
  void end(std::size_t index, std::int32_t result, std::uint32_t flags = 0);

  Kernel& kernel_;
  io_uring& program_;
  unsigned submission_head_ = 0;
  unsigned submission_tail_ = 0;
  unsigned submission_flags_ = 0;
  unsigned completion_head_ = 0;
  unsigned completion_tail_ = 0;
  std::vector<io_uring_sqe> submissions_;
  std::vector<io_uring_cqe> completions_;
  std::deque<Completion> overflowed_;
  std::vector<Pending> pending_;
  std::vector<Completion> completed_;
  std::list<DiskRequest> disk_;
  std::vector<std::size_t> completable_;  // of pending_, when `choices` was asked last
  io_uring_buf_ring* buffers_ = nullptr;
  unsigned buffer_count_ = 0;
  std::uint16_t buffer_head_ = 0;
  bool waiting_ = false;
  bool at_once_ = false;
  std::uint64_t deadline_ns_ = 0;
};

}  // namespace duolog::sim
