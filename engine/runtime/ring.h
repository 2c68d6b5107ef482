// Ring: a shard's io_uring.
//
// Owned by its shard and used by that thread alone, which also has to create it
// (IORING_SETUP_SINGLE_ISSUER). Submissions are collected and go to the kernel once a turn;
// completions are run by `reap`, never from within another call.
//
// Limits: `submission_entries` collected between two system calls (more costs another system call,
// nothing is refused). What a turn starts cannot fill the completion queue: before a submission for
// which there might be no room, completions move to a list of the ring's, which `reap` runs first.
// Only what arrives from outside at one moment can be more than `completion_entries`: the kernel
// keeps it in a list of its own then, which is counted as an overflow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <liburing.h>

#include "engine/base/result.h"
#include "engine/runtime/op.h"

namespace duolog::runtime {

struct RingSettings {
  std::uint32_t submission_entries = 1024;  // a power of two
  // A power of two. A shard's 10,000 connections may all complete something at one moment.
  std::uint32_t completion_entries = 16384;
};

// The flags of every ring, all within the kernel floor (6.1); io_uring_setup(2).
inline constexpr std::uint32_t kRingFlags = IORING_SETUP_SINGLE_ISSUER |
                                            IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
                                            IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;

class Ring {
 public:
  Ring() = default;
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Creates the ring on the calling thread, which owns it from now on. Fails as
  // `setup_error` (capabilities.h) says.
  [[nodiscard]] Result<void> open(const RingSettings& settings);

  // Collects one submission: `fill` is called at once with the entry to fill by io_uring_prep_*.
  // `op` is in flight from here on. Memory that the operation refers to must stay as io_uring(7)
  // says for it.
  template <class Fill>
  void start(Op& op, Fill&& fill) {
    CHECK(!op.in_flight);
    io_uring_sqe* entry = next_entry();
    fill(entry);
    io_uring_sqe_set_data(entry, &op);
    op.in_flight = true;
    ++in_flight_;
  }

  // Asks the kernel to end `op`, if it is in flight; it completes with -ECANCELED or with what it
  // had come to. The outcome of the request itself is of no interest and is dropped.
  void cancel(Op& op);

  // A turn submits what it starts so many at a time: a send is done within its submission, and
  // takes its time there.
  static constexpr std::size_t kSubmittedAtOnce = 16;

  // Runs the completions that are there (those that arrive meanwhile wait for the next call), but
  // no more than kReapedAtOnce after `until_ns` (monotonic_ns), and submits what they start,
  // kSubmittedAtOnce at a time. Returns how many it has run.
  std::size_t reap(std::uint64_t until_ns = kForever);

  // The completion queue has room for what a turn may still start: at least a half of it.
  [[nodiscard]] bool has_room() const {
    return io_uring_cq_ready(&ring_) + collected() + (moved_.size() - moved_run_) <
           completion_entries_ / 2;
  }

  // True if `reap` would find something. What the kernel has yet to do does not count: it is done
  // in `submit`. (The flag that tells of such work may stay set when there is none: the kernel sets
  // it after it has queued the work, which by then may have been done.)
  [[nodiscard]] bool ready() const;

  // Submits what was collected and lets the kernel run its deferred work; does not wait. No system
  // call when there is neither.
  void submit();

  // Submits, then sleeps until a completion is there or `timeout_ns` have passed
  // (kForever: no time-out).
  void submit_and_wait(std::uint64_t timeout_ns);
  static constexpr std::uint64_t kForever = UINT64_MAX;

  // True when everything started has been handed to the kernel.
  [[nodiscard]] bool all_submitted() const { return collected() == 0; }
  // What has been started and not handed to the kernel.
  [[nodiscard]] std::size_t collected() const { return io_uring_sq_ready(&ring_); }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  // How often the completion queue was found to have overflowed.
  [[nodiscard]] std::uint64_t overflows() const { return overflows_; }
  // Completions that were moved so that they would not.
  [[nodiscard]] std::uint64_t moved() const { return moved_total_; }

  // For registrations (buffer rings).
  [[nodiscard]] io_uring& handle() { return ring_; }

 private:
  static constexpr std::size_t kReapedAtOnce = 16;
  struct Completion {
    Op* op;
    std::int32_t result;
    std::uint32_t flags;
  };

  [[nodiscard]] io_uring_sqe* next_entry();
  [[nodiscard]] Completion take();
  void run(const Completion& completion);
  void make_room();

  io_uring ring_{};
  bool open_ = false;
  std::uint32_t completion_entries_ = 0;
  std::vector<Completion> moved_;  // older than those in the queue
  std::size_t moved_run_ = 0;      // of them, that have been run
  std::size_t in_flight_ = 0;
  std::uint64_t overflows_ = 0;
  std::uint64_t moved_total_ = 0;
};

}  // namespace duolog::runtime
