// server_sim: runs whole servers in the simulator, one for each seed.
//
//   server_sim [--first SEED] [--seeds N] [--seconds S] [--jobs J] [--twice] [--disk PART]
//
// --seconds ends it after that time, whatever seeds are left; --twice runs each seed again, which
// must give the same run; --disk shows what the disk did to the files whose path contains PART.
// Prints a progress line, and for each seed that fails the command that repeats it and the last
// events before the failure. Exit status: 0 all was well, 1 a seed failed, 2 a bad argument.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "tests/sim/kernel/kernel.h"
#include "tests/sim/server/run.h"

namespace {

struct Arguments {
  std::uint64_t first = 1;
  std::uint64_t seeds = 200;
  std::uint64_t seconds = UINT64_MAX;
  std::uint64_t jobs = 2;
  bool twice = false;
  std::string disk;
};

// What a run came to, as a job tells it.
struct Outcome {
  std::uint64_t failed = 0;
  std::uint64_t steps = 0;
  std::uint64_t acks = 0;
  std::uint64_t reads = 0;
  std::uint64_t restarts = 0;
  std::uint64_t bad_starts = 0;
  std::uint64_t starts_given_up = 0;
  std::uint64_t failures = 0;
  std::uint64_t full = 0;
  std::uint64_t commits = 0;
  std::uint64_t topics = 0;
  std::uint64_t rewrites = 0;

  void add(const Outcome& other);
};

void Outcome::add(const Outcome& other) {
  failed += other.failed;
  steps += other.steps;
  acks += other.acks;
  reads += other.reads;
  restarts += other.restarts;
  bad_starts += other.bad_starts;
  starts_given_up += other.starts_given_up;
  failures += other.failures;
  full += other.full;
  commits += other.commits;
  topics += other.topics;
  rewrites += other.rewrites;
}

// Seeds of one process: what killed servers leave behind goes with it.
constexpr std::uint64_t kSeedsAProcess = 20;

std::uint64_t seed_now = 0;

void print_failure(std::uint64_t seed, std::string_view failure,
                   const std::vector<std::string>& events) {
  fmt::print("seed {}: {}\n", seed, failure);
  for (const std::string& event : events) fmt::print("    {}\n", event);
  fmt::print("  again: build/release/tests/server_sim --first {} --seeds 1\n", seed);
  std::fflush(stdout);
}

// A CHECK that failed, or an address that is none: what had happened is worth as much as the line
// that it printed.
void on_abort(int /*signal*/) {
  print_failure(seed_now, "the server's process ended itself",
                duolog::sim::Kernel::current().last_events());
  std::_Exit(1);
}

Outcome run_one(std::uint64_t seed, const Arguments& arguments) {
  seed_now = seed;
  const auto result = duolog::sim::run_seed(seed, arguments.disk);
  Outcome outcome{0,
                  result.steps,
                  result.acks,
                  result.reads,
                  result.restarts,
                  result.bad_starts,
                  result.starts_given_up,
                  result.failures,
                  result.full,
                  result.commits,
                  result.topics,
                  result.rewrites};
  if (result.failure) {
    print_failure(seed, *result.failure, result.events);
    outcome.failed = 1;
  } else if (arguments.twice && duolog::sim::run_seed(seed).fingerprint != result.fingerprint) {
    print_failure(seed, "another run of it went otherwise", {});
    outcome.failed = 1;
  }
  return outcome;
}

// Some seeds, in a process of their own.
class Job {
 public:
  Job(std::uint64_t first, std::uint64_t end, const Arguments& arguments)
      : next_(first), end_(end) {
    int ends[2];
    CHECK(pipe(ends) == 0);
    std::fflush(stdout);
    process_ = fork();
    CHECK(process_ >= 0);
    if (process_ == 0) {
      std::signal(SIGABRT, on_abort);
      std::signal(SIGSEGV, on_abort);
      for (std::uint64_t seed = first; seed < end; ++seed) {
        const Outcome outcome = run_one(seed, arguments);
        if (write(ends[1], &outcome, sizeof outcome) != sizeof outcome) std::_Exit(1);
      }
      std::_Exit(0);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
  }

  // Waits for it. The first seed that it has not run, but for one that ended the process.
  std::uint64_t collect(Outcome& totals) {
    Outcome its;
    while (read(pipe_, &its, sizeof its) == sizeof its) {
      totals.add(its);
      ++next_;
    }
    ::close(pipe_);
    waitpid(process_, nullptr, 0);
    if (next_ == end_) return end_;
    ++totals.failed;
    return next_ + 1;
  }
  [[nodiscard]] std::uint64_t end() const { return end_; }

 private:
  std::uint64_t next_;
  std::uint64_t end_;
  pid_t process_ = 0;
  int pipe_ = -1;
};

bool parse(const std::vector<std::string>& words, Arguments& out) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--twice") {
      out.twice = true;
      continue;
    }
    if (i + 1 == words.size()) return false;
    const std::string& value = words[++i];
    if (words[i - 1] == "--disk") {
      out.disk = value;
      continue;
    }
    std::uint64_t* number = words[i - 1] == "--first"     ? &out.first
                            : words[i - 1] == "--seeds"   ? &out.seeds
                            : words[i - 1] == "--seconds" ? &out.seconds
                            : words[i - 1] == "--jobs"    ? &out.jobs
                                                          : nullptr;
    if (number == nullptr) return false;
    *number = std::strtoull(value.c_str(), nullptr, 10);
  }
  return out.jobs > 0;
}

}  // namespace

int main(int count, char** words) {
  Arguments arguments;
  if (!parse({words + 1, words + count}, arguments)) {
    fmt::print(stderr,
               "usage: server_sim [--first SEED] [--seeds N] [--seconds S] [--jobs J] [--twice] "
               "[--disk PART]\n");
    return 2;
  }
  const auto began = std::chrono::steady_clock::now();
  const auto elapsed_s = [&] {
    const auto elapsed = std::chrono::steady_clock::now() - began;
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(elapsed).count());
  };
  Outcome totals;
  std::uint64_t seeds = 0;
  std::uint64_t next = arguments.first;
  const std::uint64_t end = arguments.first + arguments.seeds;
  std::vector<Job> jobs;
  std::uint64_t told_s = 0;
  const auto begin = [&](std::uint64_t first, std::uint64_t last) {
    jobs.emplace_back(first, last, arguments);
  };
  for (;;) {
    while (jobs.size() < arguments.jobs && next < end && elapsed_s() < arguments.seconds) {
      const std::uint64_t last = std::min(next + kSeedsAProcess, end);
      begin(next, last);
      seeds += last - next;
      next = last;
    }
    if (jobs.empty()) break;
    Job job = jobs.front();
    jobs.erase(jobs.begin());
    // A seed that ended the process leaves the others to another.
    if (const std::uint64_t left = job.collect(totals); left < job.end()) begin(left, job.end());
    if (elapsed_s() >= told_s + 10) {
      told_s = elapsed_s();
      fmt::print("{} s: {} seeds, {} failed, {} acks, {} restarts\n", told_s, seeds, totals.failed,
                 totals.acks, totals.restarts);
      std::fflush(stdout);
    }
  }
  fmt::print(
      "{} seeds of the whole server in {} s: {} failed; {} steps, {} acks, {} reads, {} starts, "
      "{} group commits, {} changes of topics, {} rewrites of offsets; {} servers gave up, {} "
      "records found the disk full; {} starts on a bad disk, of which {} were given up\n",
      seeds, elapsed_s(), totals.failed, totals.steps, totals.acks, totals.reads, totals.restarts,
      totals.commits, totals.topics, totals.rewrites, totals.failures, totals.full,
      totals.bad_starts, totals.starts_given_up);
  return totals.failed == 0 ? 0 : 1;
}
