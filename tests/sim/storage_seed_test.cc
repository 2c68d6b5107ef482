// Storage alone, from seeds: small random options, logs, steps and crashes, and the question
// whether what was acked is there.
//
//   SIM_FIRST=1 SIM_SEEDS=5000 build/release/tests/sim_test --gtest_filter='StorageSeedTest.*'
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/sim/log_play.h"

namespace duolog::sim {
namespace {

constexpr std::uint64_t kDefaultSeeds = 50;

std::uint64_t seed_now = 0;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::strtoull(value, nullptr, 10) : otherwise;
}

void print_how_to_repeat() {
  std::printf(
      "seed %llu of storage; again: SIM_FIRST=%llu SIM_SEEDS=1 build/release/tests/sim_test "
      "--gtest_filter='StorageSeedTest.*'\n",
      static_cast<unsigned long long>(seed_now), static_cast<unsigned long long>(seed_now));
  std::fflush(stdout);
}

// A CHECK that failed.
void on_abort(int /*signal*/) {
  print_how_to_repeat();
  std::_Exit(1);
}

// One seed: some rounds of steps that end with a crash or a stop, and what comes of them.
class StorageSeed {
 public:
  explicit StorageSeed(std::uint64_t seed) : random_(seed), play_({}, setup(), seed) {
    const std::uint64_t count = 1 + below(kTopics.size());
    for (std::uint64_t i = 0; i < count; ++i) play_.add_topic(kTopics[i], config());
  }

  void run() {
    const std::uint64_t rounds = 2 + below(2);
    for (std::uint64_t round = 0; round < rounds && !play_.failed(); ++round) {
      live();
      if (play_.failed()) return;
      if (!play_.files().stopped()) play_.files().stop();
      come_back();
    }
    if (play_.failed()) return;
    play_.server().settle();
    play_.perform({What::kRestart, "", 0});
  }

 private:
  static constexpr std::array<const char*, 3> kTopics{"first", "second", "third"};

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  bool one_in(std::uint64_t times) { return below(times) == 0; }
  std::uint64_t one_of(std::initializer_list<std::uint64_t> values) {
    return values.begin()[below(values.size())];
  }

  SimServer::Setup setup() {
    SimServer::Setup setup;
    storage::StoreOptions& options = setup.options;
    setup.journal_file_bytes = one_of({64 * kKiB, 96 * kKiB, 128 * kKiB});
    setup.journal_files = 2 + below(2);
    options.journal_min_bytes = 2 * setup.journal_file_bytes;
    options.journal_max_bytes =
        setup.journal_files * setup.journal_file_bytes + one_of({0, 64 * kKiB, 512 * kKiB});
    options.group_max_bytes = one_of({16 * kKiB, 32 * kKiB, 128 * kKiB});
    options.bulk_bytes = one_of({8 * kKiB, 32 * kKiB, 256 * kKiB});
    options.bulk_write_bytes = one_of({4 * kKiB, 16 * kKiB, 256 * kKiB});
    options.write_behind_bytes = one_of({4 * kKiB, 16 * kKiB, 128 * kKiB});
    options.checkpoint_bytes = one_of({16 * kKiB, 128 * kKiB});
    options.allocate_min_bytes = one_of({8 * kKiB, 64 * kKiB});
    options.allocate_max_bytes = 4 * options.allocate_min_bytes;
    return setup;
  }

  storage::LogConfig config() {
    storage::LogConfig config;
    config.segment_bytes = one_of({8 * kKiB, 24 * kKiB, 64 * kKiB, 1024 * kKiB});
    config.segment_ms = one_in(3) ? 5'000 : config.segment_ms;
    config.durability = one_in(3) ? Durability::kOs : Durability::kFsync;
    if (one_in(3)) config.retention_bytes = static_cast<std::int64_t>(48 * kKiB);
    return config;
  }

  // Mostly small; some end with a block, some are several.
  std::uint64_t value_bytes() {
    const std::uint64_t dice = below(16);
    if (dice < 9) return below(1500);
    if (dice < 11) return 4096 - 75 + below(9);
    return dice < 15 ? below(12 * kKiB) : below(48 * kKiB);
  }

  Step step() {
    const std::string topic = kTopics[below(kTopics.size())];
    const std::uint64_t dice = below(100);
    if (dice < 50) return {What::kAppend, topic, value_bytes()};
    if (dice < 80) return {What::kTurn, "", 1 + below(8)};
    if (dice < 86) return {What::kTick, "", below(8'000)};
    if (dice < 91) return {What::kSettle, "", 0};
    if (dice < 94) return {What::kMoveStart, topic, below(101)};
    if (dice < 97) return {What::kRetention, "", 0};
    if (dice < 99) return {What::kRestart, "", 0};
    return {What::kRemove, topic, 0};
  }

  // False when the machine stops meanwhile.
  template <class Act>
  static bool survives(Act act) {
    try {
      act();
      return true;
    } catch (const MachineStopped&) {
      return false;
    }
  }

  void start() {
    play_.start();
    started_ = true;
  }

  // Until it ends or the machine stops.
  void live() {
    if (!one_in(4)) play_.files().crash_after(1 + below(one_of({12, 60, 250})));
    (void)survives([this] {
      if (!started_) start();
      const std::uint64_t steps = 15 + below(45);
      for (std::uint64_t i = 0; i < steps && !play_.failed(); ++i) {
        const Step next = step();
        if (next.topic.empty() || play_.has(next.topic)) play_.perform(next);
      }
    });
  }

  // Recovers, perhaps not at the first attempt.
  void come_back() {
    while (!play_.failed()) {
      play_.reboot(kCrashPolicies[below(4)], random_());
      if (one_in(3)) play_.files().crash_after(1 + below(25));
      if (!survives([this] { start(); })) continue;
      if (play_.failed()) return;
      play_.files().crash_after(UINT64_MAX / 2);
      return play_.check();
    }
  }

  std::mt19937_64 random_;
  Play play_;
  bool started_ = false;
};

TEST(StorageSeedTest, WhatWasAckedIsThereAfterAnything) {
  const std::uint64_t first = from_environment("SIM_FIRST", 1);
  const std::uint64_t seeds = from_environment("SIM_SEEDS", kDefaultSeeds);
  const auto before = std::signal(SIGABRT, on_abort);
  for (seed_now = first; seed_now < first + seeds; ++seed_now) {
    StorageSeed(seed_now).run();
    if (HasFailure()) {
      print_how_to_repeat();
      break;
    }
  }
  std::signal(SIGABRT, before);
}

}  // namespace
}  // namespace duolog::sim
