#include "engine/runtime/shard.h"

#include <algorithm>

#include <poll.h>
#include <sys/resource.h>

#include "engine/runtime/runtime.h"

namespace duolog::runtime {

namespace {

thread_local Shard* current_shard = nullptr;

// While something waits to be released, a shard that sleeps looks again after this long: it is
// others that have to become quiescent, and they do not tell.
constexpr std::uint64_t kRetiredLookNs = 10'000'000;
constexpr std::uint64_t kPageFaultsEveryNs = 100'000'000;
constexpr std::uint64_t kShortestSpinNs = 1'000;

// A job on its way to a janitor's or a worker's thread and back.
struct JanitorJob {
  JanitorJob(Shard& the_shard, std::move_only_function<void()> its_work,
             std::move_only_function<void()> its_done)
      : shard(the_shard), work(std::move(its_work)), done(std::move(its_done)) {}

  static void come_back(Shard& here, WakeNode& /*node*/, void* context) {
    const std::unique_ptr<JanitorJob> job(static_cast<JanitorJob*>(context));
    job->done();
    here.release();
  }

  Shard& shard;
  std::move_only_function<void()> work;
  std::move_only_function<void()> done;
  WakeNode node{come_back, this};
};

}  // namespace

Shard* Shard::current() { return current_shard; }
void Shard::enter() { current_shard = this; }
void Shard::leave() { current_shard = nullptr; }

Shard::Shard(Runtime& runtime, ShardId id)
    : runtime_(runtime),
      id_(id),
      mailbox_(runtime.exchange(), id),
      retired_(runtime.epochs()),
      disk_(*this, runtime.files()) {}

Shard::~Shard() { runtime_.exchange().wakes(id_).discard_all(); }

Result<void> Shard::open(const Settings& settings) {
  enter();
  busy_poll_ = settings.busy_poll;
  turn_ns_ = std::uint64_t{settings.turn_us} * 1000;
  spin_now_ns_ = spin_ns_ = std::uint64_t{settings.spin_us} * 1000;
  now_ns_ = monotonic_ns();
  wall_now_ = wall_clock();
  if (auto opened = ring_.open(settings.ring); !opened) return opened;
  if (auto opened = buffers_.open(ring_, settings.buffers); !opened) return opened;
  disk_.open(settings.disk_operations);
  listen_to_doorbell();
  return {};
}

void Shard::listen_to_doorbell() {
  ring_.start(doorbell_op_, [&](io_uring_sqe* entry) {
    io_uring_prep_poll_multishot(entry, runtime_.exchange().doorbell(id_).descriptor(), POLLIN);
  });
}

void Shard::on_doorbell(Op& op, std::int32_t /*result*/, std::uint32_t /*flags*/) {
  // Being awake is all there is to it. A multishot poll may end (its queue overflowed).
  Shard& shard = OwnedOp<Shard>::of(op);
  if (!op.in_flight && !shard.ended_) shard.listen_to_doorbell();
}

void Shard::run_on_janitor(std::move_only_function<void()> work,
                           std::move_only_function<void()> done) {
  run_on(runtime_.janitor(), std::move(work), std::move(done));
}

void Shard::run_on_worker(std::move_only_function<void()> work,
                          std::move_only_function<void()> done) {
  run_on(runtime_.workers(), std::move(work), std::move(done));
}

void Shard::run_on_long_worker(std::move_only_function<void()> work,
                               std::move_only_function<void()> done) {
  run_on(runtime_.long_worker(), std::move(work), std::move(done));
}

void Shard::run_on(Janitor& threads, std::move_only_function<void()> work,
                   std::move_only_function<void()> done) {
  hold();
  auto* job = new JanitorJob(*this, std::move(work), std::move(done));
  threads.submit([job] {
    job->work();
    // The job is the shard's again from the moment of this call.
    job->shard.runtime().exchange().wake(job->shard.id(), job->node);
  });
}

void Shard::run_until_stopped() {
  while (!ended_) turn();
  end();
}

void Shard::abandon() {
  ended_ = true;
  end();
}

void Shard::end() {
  runtime_.epochs().offline(id_.value);
  ring_.cancel(doorbell_op_);
  while (ring_.in_flight() > 0) {
    ring_.submit_and_wait(Ring::kForever);
    ring_.reap();
  }
  leave();
}

void Shard::turn() {
  begin_turn();
  if (ended_) return;
  const std::uint64_t until_ns = now_ns_ + turn_ns_;
  const std::size_t completions = ring_.reap(until_ns);
  counters_.completions.add(completions);
  bool more = completions > 0;
  if (buffers_.retry_parked()) more = true;
  const std::size_t messages = mailbox_.run_inbound(*this, until_ns);
  counters_.messages.add(messages);
  // A shard that has been counted as idle starts nothing of its own any more (see stay_idle).
  if (!counted_idle_) timers_.expire(now_ns_, until_ns);
  if (tasks_.prompt_ready()) run_tasks(&RunQueue::next_prompt, now_ns_ + turn_ns_ / 4 * 3);
  if (run_hooks()) more = true;
  if (tasks_.others_ready()) {
    submit_sends();  // with what the hooks started
    run_tasks(&RunQueue::next_other, until_ns);
    if (run_hooks()) more = true;
  }
  end_turn(more || messages > 0 || !tasks_.empty());
}

void Shard::run_tasks(Task* (RunQueue::*next)(), std::uint64_t until_ns) {
  std::uint64_t at_ns = monotonic_ns();
  until_ns = std::max(until_ns, at_ns + turn_ns_ / 4);
  for (;;) {
    if (!ring_.has_room()) return counters_.turns_without_room.add();
    Task* const task = (tasks_.*next)();
    if (task == nullptr) return;
    share_.begin_task(at_ns, turn_ns_ / kTaskShares);
    running_ = task;
    task->run();  // may be gone then
    running_ = nullptr;
    if (ring_.collected() >= Ring::kSubmittedAtOnce || unsubmitted_bytes_ >= kSendBytesAtOnce) {
      submit_sends();
    }
    at_ns = monotonic_ns();
    if (at_ns >= until_ns) return;
  }
}

void Shard::submit_sends() {
  ring_.submit();
  unsubmitted_bytes_ = 0;
}

void Shard::begin_turn() {
  if (asleep_) runtime_.exchange().doorbell(id_).lower();
  asleep_ = false;
  if (quiescent_) runtime_.epochs().online(id_.value);
  now_ns_ = monotonic_ns();
  wall_now_ = wall_clock();
  counters_.turns.add();
  tasks_.begin_turn();
  if (!stopping_ && runtime_.stop_requested_.load(std::memory_order_acquire)) begin_stopping();
  if (stopping_) take_part_in_stopping();
}

void Shard::begin_stopping() {
  stopping_ = true;
  if (started_ && runtime_.functions_.stop) runtime_.functions_.stop(*this);
}

// How stopping ends: each shard counts itself when it is idle, and takes that back before it lets
// itself be made busy again by a message. Since a shard with an unanswered message is not idle,
// nothing is under way between shards when all are counted, and none of them starts anything.
void Shard::take_part_in_stopping() {
  auto& idle_shards = runtime_.idle_shards_;
  const std::size_t all = runtime_.shard_count();
  if (counted_idle_ && !mailbox_.inbound_empty()) {
    std::size_t count = idle_shards.load(std::memory_order_acquire);
    while (count != all && !idle_shards.compare_exchange_weak(count, count - 1)) {
    }
    counted_idle_ = count == all;
  }
  if (!counted_idle_ && idle()) {
    counted_idle_ = true;
    if (idle_shards.fetch_add(1) + 1 == all) runtime_.wake_all();
  }
  ended_ = idle_shards.load(std::memory_order_acquire) == all;
}

bool Shard::idle() const {
  return ring_.in_flight() == 1 &&  // the doorbell, whose completions mean nothing by themselves
         holds_ == 0 && disk_.in_flight() == 0 && hooks_.empty() && tasks_.empty() &&
         mailbox_.unanswered() == 0 && mailbox_.inbound_empty();
}

bool Shard::run_hooks() {
  for (int round = 0; round < kHookRounds; ++round) {
    if (hooks_.empty()) return false;
    // One round takes those that are marked now; what they mark comes in the next.
    decltype(hooks_) marked;
    marked.splice_back(hooks_);
    while (TurnHook* hook = marked.pop_front()) hook->flush(*hook, hook->context);
  }
  if (hooks_.empty()) return false;
  counters_.hook_rounds_exceeded.add();
  return true;
}

void Shard::end_turn(bool more_to_do) {
  // Those that were put aside are not waited for.
  if (ring_.ready()) more_to_do = true;
  counters_.wakes_sent.add(mailbox_.publish());
  retired_.collect();
  counters_.mailbox_full.set(mailbox_.times_full());
  counters_.completion_overflows.set(ring_.overflows());
  counters_.completions_moved.set(ring_.moved());
  if (tasks_.prompt_ready() || tasks_.others_ready()) counters_.turns_cut_short.add();
  count_page_faults();
  const std::uint64_t end_ns = monotonic_ns();
  counters_.longest_turn_ns.raise_to(end_ns - now_ns_);

  // What a send of this turn refers to may be given back as soon as this shard is quiescent, so the
  // kernel reads it first. Such a send has completed by now: there is more to do.
  if (arena_.in_use()) {
    ring_.submit();
    more_to_do = true;
  }
  quiescent_ = ring_.all_submitted() || !arena_.in_use();
  if (quiescent_) runtime_.epochs().offline(id_.value);

  if (more_to_do) {
    ring_.submit();
  } else {
    wait(end_ns);
  }
  if (ring_.all_submitted()) arena_.reset();
}

void Shard::wait(std::uint64_t idle_since_ns) {
  if (busy_poll_ != BusyPoll::kNever && spin(idle_since_ns)) {
    spin_now_ns_ = spin_ns_;
    return;
  }
  sleep(idle_since_ns);
  if (busy_poll_ == BusyPoll::kAdaptive) {
    // Spinning for as long as that would have caught it, if the setting allows as much. If not, it
    // was wasted, and is tried for half as long next time.
    const bool would_pay = monotonic_ns() - idle_since_ns <= spin_ns_;
    spin_now_ns_ = would_pay ? spin_ns_ : spin_now_ns_ / 2;
  }
}

bool Shard::spin(std::uint64_t idle_since_ns) {
  const bool always = busy_poll_ == BusyPoll::kAlways;
  if (!always && spin_now_ns_ < kShortestSpinNs) return false;
  for (;;) {
    ring_.submit();
    if (ring_.ready() || something_inbound()) return true;
    const std::uint64_t now_ns = monotonic_ns();
    if (now_ns >= timers_.next_deadline_ns()) return true;
    if (always && !retired_.empty() && now_ns - idle_since_ns >= kRetiredLookNs) return true;
    if (!always && now_ns - idle_since_ns >= spin_now_ns_) return false;
    __builtin_ia32_pause();
  }
}

void Shard::sleep(std::uint64_t idle_since_ns) {
  Doorbell& bell = runtime_.exchange().doorbell(id_);
  std::uint64_t timeout_ns = Ring::kForever;
  // A timer of a shard that is counted as idle does not run, and so is nothing to wake for.
  if (const auto deadline = timers_.next_deadline_ns();
      deadline != Timers::kNever && !counted_idle_) {
    timeout_ns = deadline > idle_since_ns ? deadline - idle_since_ns : 0;
  }
  if (!retired_.empty()) timeout_ns = std::min(timeout_ns, kRetiredLookNs);
  bell.raise();
  asleep_ = true;
  if (timeout_ns == 0 || something_inbound()) {
    ring_.submit();
  } else {
    counters_.sleeps.add();
    ring_.submit_and_wait(timeout_ns);
  }
}

bool Shard::something_inbound() const {
  if (!mailbox_.inbound_empty()) return true;
  if (!stopping_) return runtime_.stop_requested_.load(std::memory_order_acquire);
  if (!counted_idle_) return idle();
  return runtime_.idle_shards_.load(std::memory_order_acquire) == runtime_.shard_count();
}

void Shard::count_page_faults() {
  if (now_ns_ - faults_counted_ns_ < kPageFaultsEveryNs) return;
  faults_counted_ns_ = now_ns_;
  rusage usage{};
  if (getrusage(RUSAGE_THREAD, &usage) != 0) return;
  counters_.minor_page_faults.set(static_cast<std::uint64_t>(usage.ru_minflt));
  counters_.major_page_faults.set(static_cast<std::uint64_t>(usage.ru_majflt));
}

}  // namespace duolog::runtime
