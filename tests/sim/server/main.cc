// server_sim: runs whole servers in the simulator, a seed each.
//
//   server_sim [--first SEED] [--seeds N] [--seconds S] [--jobs J] [--twice]
//
// Prints a progress line, and for each seed that fails the command that repeats it and the last
// events before the failure. Exit status: 0 all was well, 1 a seed failed, 2 a bad argument.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/kernel/kernel.h"
#include "tests/sim/server/run.h"

namespace {

struct Arguments {
  std::uint64_t first = 1;
  std::uint64_t seeds = 200;
  std::uint64_t seconds = 0;  // 0: as long as the seeds take
  unsigned jobs = 2;
  bool twice = false;  // each seed again, which must give the same run
};

struct Totals {
  std::uint64_t seeds = 0;
  std::uint64_t failed = 0;
  std::uint64_t steps = 0;
  std::uint64_t acks = 0;
  std::uint64_t reads = 0;
  std::uint64_t restarts = 0;
  std::uint64_t commits = 0;
  std::uint64_t topics = 0;
  std::uint64_t failures = 0;
  std::uint64_t full = 0;
  std::uint64_t rewrites = 0;
};

// Seeds of one process: what killed servers leave behind goes with it.
constexpr std::uint64_t kSeedsAProcess = 20;

void print_events(std::uint64_t seed, const std::string& failure,
                  const std::vector<std::string>& events) {
  fmt::print("seed {}: {}\n", seed, failure);
  for (const std::string& event : events) fmt::print("    {}\n", event);
  fmt::print("  again: server_sim --first {} --seeds 1\n", seed);
  std::fflush(stdout);
}

std::uint64_t seed_now = 0;

// A CHECK that failed: what had happened is worth as much as the line that it printed.
void on_abort(int /*signal*/) {
  print_events(seed_now, "the server's process ended itself",
               duolog::sim::Kernel::current().last_events());
  std::_Exit(1);
}

[[nodiscard]] bool run_one(std::uint64_t seed, bool twice, Totals& totals) {
  seed_now = seed;
  const auto result = duolog::sim::run_seed(seed);
  ++totals.seeds;
  totals.steps += result.steps;
  totals.acks += result.acks;
  totals.reads += result.reads;
  totals.restarts += result.restarts;
  totals.commits += result.commits;
  totals.topics += result.topics;
  totals.failures += result.failures;
  totals.full += result.full;
  totals.rewrites += result.rewrites;
  if (result.failure) {
    print_events(seed, *result.failure, result.events);
    return false;
  }
  if (twice && duolog::sim::run_seed(seed).fingerprint != result.fingerprint) {
    fmt::print("seed {}: another run of it went otherwise\n", seed);
    return false;
  }
  return true;
}

// In a process of its own; its totals come back through a pipe.
struct Job {
  pid_t process = 0;
  int pipe = -1;
};

Job start_job(std::uint64_t first, std::uint64_t count, bool twice) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  std::fflush(stdout);
  const pid_t process = fork();
  if (process < 0) std::abort();
  if (process > 0) {
    ::close(ends[1]);
    return {process, ends[0]};
  }
  std::signal(SIGABRT, on_abort);
  Totals totals;
  bool well = true;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!run_one(first + i, twice, totals)) {
      ++totals.failed;
      well = false;
    }
  }
  if (write(ends[1], &totals, sizeof totals) != sizeof totals) std::_Exit(1);
  std::_Exit(well ? 0 : 1);
}

bool end_job(Job& job, Totals& totals) {
  Totals its;
  const bool whole = read(job.pipe, &its, sizeof its) == sizeof its;
  ::close(job.pipe);
  int status = 0;
  waitpid(job.process, &status, 0);
  if (whole) {
    totals.seeds += its.seeds;
    totals.failed += its.failed;
    totals.steps += its.steps;
    totals.acks += its.acks;
    totals.reads += its.reads;
    totals.restarts += its.restarts;
    totals.commits += its.commits;
    totals.topics += its.topics;
    totals.failures += its.failures;
    totals.full += its.full;
    totals.rewrites += its.rewrites;
  } else {
    ++totals.failed;
  }
  return whole && status == 0;
}

bool parse(int count, char** words, Arguments& out) {
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--twice") {
      out.twice = true;
      continue;
    }
    if (i + 1 == count) return false;
    const std::uint64_t value = std::strtoull(words[++i], nullptr, 10);
    if (word == "--first")
      out.first = value;
    else if (word == "--seeds")
      out.seeds = value;
    else if (word == "--seconds")
      out.seconds = value;
    else if (word == "--jobs")
      out.jobs = static_cast<unsigned>(value);
    else
      return false;
  }
  return out.jobs > 0;
}

}  // namespace

int main(int count, char** words) {
  Arguments arguments;
  if (!parse(count, words, arguments)) {
    fmt::print(stderr,
               "usage: server_sim [--first SEED] [--seeds N] [--seconds S] [--jobs J] [--twice]\n");
    return 2;
  }
  const auto began = std::chrono::steady_clock::now();
  const auto elapsed_s = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  Totals totals;
  std::uint64_t next = arguments.first;
  const std::uint64_t end = arguments.first + arguments.seeds;
  std::vector<Job> jobs;
  double told_s = 0;
  while (next < end || !jobs.empty()) {
    const bool in_time =
        arguments.seconds == 0 || elapsed_s() < static_cast<double>(arguments.seconds);
    while (jobs.size() < arguments.jobs && next < end && in_time) {
      const std::uint64_t size = std::min(kSeedsAProcess, end - next);
      jobs.push_back(start_job(next, size, arguments.twice));
      next += size;
    }
    if (jobs.empty()) break;
    (void)end_job(jobs.front(), totals);
    jobs.erase(jobs.begin());
    if (elapsed_s() - told_s >= 10) {
      told_s = elapsed_s();
      fmt::print("{:.0f} s: {} seeds, {} failed, {} acks, {} restarts\n", told_s, totals.seeds,
                 totals.failed, totals.acks, totals.restarts);
      std::fflush(stdout);
    }
  }
  fmt::print(
      "{} seeds in {:.1f} s: {} failed; {} steps, {} acks, {} reads, {} restarts, {} commits, {} "
      "topics, {} "
      "rewrites, {} failures, {} full\n",
      totals.seeds, elapsed_s(), totals.failed, totals.steps, totals.acks, totals.reads,
      totals.restarts, totals.commits, totals.topics, totals.rewrites, totals.failures,
      totals.full);
  return totals.failed == 0 ? 0 : 1;
}
