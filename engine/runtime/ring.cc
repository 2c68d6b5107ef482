#include "engine/runtime/ring.h"

#include <cerrno>

#include "engine/base/clock.h"
#include "engine/runtime/capabilities.h"

namespace duolog::runtime {

namespace {

// What io_uring_enter(2) may answer without anything being wrong: nothing came in time, a signal,
// or the kernel is short of memory or of room for completions. What was not taken stays collected.
bool passes(int outcome) {
  return outcome >= 0 || outcome == -ETIME || outcome == -EINTR || outcome == -EAGAIN ||
         outcome == -EBUSY;
}

}  // namespace

Ring::~Ring() {
  if (open_) io_uring_queue_exit(&ring_);
}

Result<void> Ring::open(const RingSettings& settings) {
  io_uring_params params{};
  params.flags = kRingFlags;
  params.cq_entries = settings.completion_entries;
  const int outcome = io_uring_queue_init_params(settings.submission_entries, &ring_, &params);
  if (outcome < 0) return std::unexpected(setup_error(-outcome));
  open_ = true;
  completion_entries_ = params.cq_entries;
  // A ring's descriptor is close-on-exec by itself; io_uring_setup(2).
  return {};
}

void Ring::cancel(Op& op) {
  if (!op.in_flight) return;
  io_uring_sqe* entry = next_entry();
  io_uring_prep_cancel(entry, &op, 0);
  io_uring_sqe_set_data(entry, nullptr);
}

io_uring_sqe* Ring::next_entry() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  // Running deferred work frees what the kernel is short of, hence more than one attempt.
  for (int attempt = 0; entry == nullptr && attempt < 1000; ++attempt) {
    make_room();
    CHECK(passes(io_uring_submit_and_get_events(&ring_)));
    entry = io_uring_get_sqe(&ring_);
  }
  CHECK(entry != nullptr);
  return entry;
}

Ring::Completion Ring::take() {
  io_uring_cqe* entry = nullptr;
  CHECK(io_uring_peek_cqe(&ring_, &entry) == 0);
  const Completion completion{static_cast<Op*>(io_uring_cqe_get_data(entry)), entry->res,
                              entry->flags};
  io_uring_cqe_seen(&ring_, entry);  // before it is run: that may start operations
  return completion;
}

void Ring::run(const Completion& completion) {
  Op* const op = completion.op;
  if (op == nullptr) return;  // a cancellation
  if ((completion.flags & IORING_CQE_F_MORE) == 0) {
    op->in_flight = false;
    --in_flight_;
  }
  op->completed(*op, completion.result, completion.flags);
}

// For as many completions as there are submissions, each of which may have more than one: a receive
// that goes on, and its end.
void Ring::make_room() {
  const std::size_t room = completion_entries_ - io_uring_cq_ready(&ring_);
  if (room >= 2 * collected()) return;
  for (unsigned left = io_uring_cq_ready(&ring_); left > 0; --left) {
    moved_.push_back(take());
    ++moved_total_;
  }
}

std::size_t Ring::reap(std::uint64_t until_ns) {
  if (io_uring_cq_has_overflow(&ring_)) ++overflows_;
  // Running them may move more, which then are for the next time.
  const std::size_t moved = moved_.size() - moved_run_;
  const std::size_t all = moved + io_uring_cq_ready(&ring_);
  std::size_t done = 0;
  while (done < all) {
    if (moved_run_ < moved_.size()) {
      run(Completion(moved_[moved_run_++]));
    } else {
      run(take());
    }
    if (collected() >= kSubmittedAtOnce) submit();
    if (++done % kReapedAtOnce == 0 && until_ns != kForever && monotonic_ns() >= until_ns) break;
  }
  if (moved_run_ == moved_.size()) {
    moved_.clear();
    moved_run_ = 0;
  }
  return done;
}

bool Ring::ready() const { return !moved_.empty() || io_uring_cq_ready(&ring_) != 0; }

void Ring::submit() {
  const unsigned flags = io_uring_smp_load_acquire(ring_.sq.kflags);
  if (all_submitted() && (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) == 0) return;
  make_room();
  CHECK(passes(io_uring_submit_and_get_events(&ring_)));
}

void Ring::submit_and_wait(std::uint64_t timeout_ns) {
  if (!moved_.empty()) return submit();
  io_uring_cqe* ignored = nullptr;
  __kernel_timespec timeout{};
  timeout.tv_sec = static_cast<long long>(timeout_ns / 1'000'000'000);
  timeout.tv_nsec = static_cast<long long>(timeout_ns % 1'000'000'000);
  CHECK(passes(io_uring_submit_and_wait_timeout(
      &ring_, &ignored, 1, timeout_ns == kForever ? nullptr : &timeout, nullptr)));
}

}  // namespace duolog::runtime
