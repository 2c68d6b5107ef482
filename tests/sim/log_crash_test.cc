// The log on a simulated disk: whatever the machine does, what was acked is there, byte for byte,
// and what a producer sends again is not appended again.
//
// The machine stops at every step of a Play, reboots under every policy, stops again while it
// recovers, and goes on.
#include <algorithm>
#include <random>
#include <string>
#include <tuple>
#include <utility>

#include <gtest/gtest.h>

#include "tests/sim/log_play.h"

namespace duolog::sim {
namespace {

// Appends of every kind, rolls, a deletion and a restart, in few steps.
Script short_script() {
  Script script;
  const auto add = [&](What what, std::string topic, std::uint64_t amount) {
    script.push_back({what, std::move(topic), amount});
  };
  add(What::kAppend, "small", 100);
  add(What::kTurn, "", 5);
  add(What::kAppend, "os", 300);
  add(What::kAppend, "small", 4096 - 61 - 10 - 170);  // about to the end of the block
  add(What::kTurn, "", 3);
  add(What::kAppend, "gone", 70 * kKiB);  // straddles chunks
  add(What::kAppend, "small", 8192);
  add(What::kTurn, "", 4);
  add(What::kAppend, "bulk", 300 * kKiB);
  add(What::kAppend, "os", 90 * kKiB);
  add(What::kTurn, "", 6);
  add(What::kAppend, "small", 60 * kKiB);
  add(What::kAppend, "small", 70 * kKiB);  // rolls
  add(What::kSettle, "", 0);
  add(What::kRemove, "gone", 0);
  add(What::kAppend, "bulk", 200 * kKiB);
  add(What::kAppend, "bulk", 200 * kKiB);
  add(What::kTurn, "", 9);
  add(What::kAppend, "os", 40 * kKiB);
  add(What::kAppend, "small", 10);
  add(What::kMoveStart, "small", 80);  // its first segment leaves
  add(What::kMoveStart, "os", 100);    // and may be lost beyond that
  add(What::kTick, "", 1);
  add(What::kTurn, "", 6);
  add(What::kSettle, "", 0);
  add(What::kRestart, "", 0);
  add(What::kAppend, "small", 77);
  add(What::kAppend, "bulk", 150 * kKiB);
  add(What::kTurn, "", 5);
  add(What::kRetention, "", 0);  // "bulk" gives segments back
  add(What::kAppend, "os", 5);
  add(What::kTurn, "", 2);
  add(What::kTick, "", 1);
  add(What::kSettle, "", 0);
  add(What::kAppend, "small", 200 * kKiB);
  add(What::kMoveStart, "small", 100);
  add(What::kSettle, "", 0);
  add(What::kTick, "", 1);
  add(What::kSettle, "", 0);
  return script;
}

Play short_run(std::uint64_t seed) {
  Play run(short_script(), {}, seed);
  run.add_topic("small", 96 * kKiB);
  run.add_topic("os", 128 * kKiB, Durability::kOs);
  run.add_topic("bulk", 512 * kKiB, Durability::kFsync, 300 * kKiB);
  run.add_topic("gone", 64 * kKiB);
  return run;
}

// A seeded run of thousands of appends through little journal and little memory.
Play long_run(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Script script;
  const std::string topics[] = {"small", "os", "bulk", "idle", "gone", "tiny"};
  for (int i = 0; i < 500; ++i) {
    const std::uint64_t dice = random() % 100;
    const std::string& topic = topics[random() % 6];
    if (dice < 55) {
      script.push_back({What::kAppend, topic, random() % 3000});
    } else if (dice < 65) {
      script.push_back({What::kAppend, topic, random() % (150 * kKiB)});
    } else if (dice < 68) {
      script.push_back({What::kAppend, "bulk", (200 + random() % 300) * kKiB});
    } else if (dice < 95) {
      script.push_back({What::kTurn, "", 1 + random() % 12});
    } else if (dice < 97) {
      script.push_back({What::kTick, "", random() % 10'000});
      if (random() % 2 == 0) script.push_back({What::kRetention, "", 0});
      if (random() % 2 == 0) script.push_back({What::kMoveStart, topic, random() % 101});
    } else if (dice < 98) {
      script.push_back({What::kSettle, "", 0});
    } else if (dice < 99) {
      script.push_back({What::kRestart, "", 0});
    }
    if (i == 300) script.push_back({What::kRemove, "gone", 0});
  }
  script.push_back({What::kSettle, "", 0});
  Play run(script, {}, seed);
  run.add_topic("small", 256 * kKiB);
  run.add_topic("os", 512 * kKiB, Durability::kOs);
  run.add_topic("bulk", 1024 * kKiB, Durability::kFsync, 3 * storage::kMiB);
  run.add_topic("idle", 64 * kKiB, Durability::kFsync, 128 * kKiB);
  run.add_topic("gone", 128 * kKiB);
  run.add_topic("tiny", 8 * kKiB);
  return run;
}

// After the crash: perhaps stops while recovering, recovers, checks, goes on with the script for a
// while, stops again and checks once more.
void recover_and_go_on(Play& run, std::mt19937_64& random) {
  for (int times = 0; times < 2; ++times) {
    run.next_ = 0;
    if (random() % 2 == 0) run.files().crash_after(1 + random() % 40);
    if (random() % 3 == 0) ++run.next_;
    while (!run.run()) {
      if (run.failed()) return;
      run.reboot(kCrashPolicies[random() % 4], random());
      try {
        run.start();
        if (run.failed()) return;
        run.check();
      } catch (const MachineStopped&) {
      }
      if (run.failed()) return;
    }
    if (run.failed()) return;
    run.files().stop();
    run.reboot(kCrashPolicies[random() % 4], random());
    run.start();
    if (run.failed()) return;
    run.check();
    if (run.failed()) return;
  }
}

// One crash of a run at a step, under a policy, and all that follows.
void crash_once(Play run, std::uint64_t step, CrashPolicy policy, std::uint64_t seed) {
  SCOPED_TRACE("crash at step " + std::to_string(step) + ", policy " +
               std::to_string(static_cast<int>(policy)) + ", seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  run.files().crash_after(step);
  if (run.run()) return;
  run.reboot(policy, seed);
  // A crash in the middle of the recovery, and perhaps another in the middle of that of this.
  for (std::uint64_t times = random() % 2; times < 2; ++times) {
    run.files().crash_after(1 + random() % 12);
    try {
      run.start();
      if (run.failed()) return;
      run.check();
      if (run.failed()) return;
      run.files().stop();
    } catch (const MachineStopped&) {
    }
    run.reboot(kCrashPolicies[random() % 4], random());
  }
  run.start();
  if (run.failed()) return;
  run.check();
  if (run.failed()) return;
  if (random() % 8 == 0) recover_and_go_on(run, random);
}

class LogLongRunTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(LogLongRunTest, WithoutACrashEverythingIsAckedAndRead) {
  Play run = long_run(GetParam());
  ASSERT_TRUE(run.run());
  run.perform({What::kRestart, "", 0});
}

INSTANTIATE_TEST_SUITE_P(Seeds, LogLongRunTest, ::testing::Range<std::uint64_t>(1, 6));

class LogLongRunCrashTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(LogLongRunCrashTest, ARandomStepIsSurvived) {
  std::mt19937_64 random(GetParam());
  crash_once(long_run(GetParam()), 1 + random() % 2000, kCrashPolicies[random() % 4], GetParam());
}

INSTANTIATE_TEST_SUITE_P(Seeds, LogLongRunCrashTest, ::testing::Range<std::uint64_t>(1, 26));

// A case takes every kSlices-th step, from its slice's first on: each is short, and together they
// are all steps.
constexpr std::uint64_t kSlices = 16;

std::string name_of(CrashPolicy policy) {
  switch (policy) {
    case CrashPolicy::kKeepAll:
      return "KeepAll";
    case CrashPolicy::kDropAll:
      return "DropAll";
    case CrashPolicy::kRandom:
      return "Random";
    case CrashPolicy::kKill:
      return "Kill";
  }
  return "?";
}

class LogCrashPolicyTest : public ::testing::TestWithParam<std::tuple<CrashPolicy, std::uint64_t>> {
};

TEST_P(LogCrashPolicyTest, EveryStepOfAShortRunIsSurvived) {
  const auto [policy, slice] = GetParam();
  Play whole = short_run(1);
  ASSERT_TRUE(whole.run());
  const std::uint64_t steps = whole.files().steps();
  ASSERT_GT(steps, kSlices);
  for (std::uint64_t step = 1 + slice; step <= steps; step += kSlices) {
    crash_once(short_run(1), step, policy, step * 4 + static_cast<std::uint64_t>(policy));
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, LogCrashPolicyTest,
                         ::testing::Combine(::testing::ValuesIn(kCrashPolicies),
                                            ::testing::Range(std::uint64_t{0}, kSlices)),
                         [](const auto& run) {
                           return name_of(std::get<0>(run.param)) + "_" +
                                  std::to_string(std::get<1>(run.param));
                         });

// The machine stops at each step of a recovery, and comes up once more.
class LogRecoveryCrashTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(LogRecoveryCrashTest, EveryStepOfARecoveryIsSurvived) {
  const auto make = [] {
    Play play({{What::kAppend, "a", 10},
               {What::kAppend, "b", 10},
               {What::kSettle, "", 0},
               {What::kAppend, "a", 50 * kKiB},
               {What::kAppend, "b", 50 * kKiB},
               {What::kAppend, "a", 45 * kKiB},
               {What::kAppend, "b", 45 * kKiB},
               {What::kSettle, "", 0}},
              {}, 1);
    play.add_topic("a", 1024 * kKiB);
    play.add_topic("b", 1024 * kKiB);
    return play;
  };
  Play whole = make();
  ASSERT_TRUE(whole.run());
  std::size_t cut = 0;
  for (std::uint64_t step = 21 + GetParam(); step <= whole.files().steps(); step += kSlices) {
    for (std::uint64_t again = 1; again < 60; ++again) {
      SCOPED_TRACE("step " + std::to_string(step) + ", then " + std::to_string(again));
      Play play = make();
      play.files().crash_after(step);
      if (play.run()) break;
      play.reboot(CrashPolicy::kKeepAll, 1);
      play.files().crash_after(again);
      bool whole_recovery = true;
      try {
        play.start();
      } catch (const MachineStopped&) {
        whole_recovery = false;
      }
      play.files().stop();
      play.reboot(CrashPolicy::kKeepAll, 1);
      play.start();
      if (play.failed()) return;
      cut += static_cast<std::size_t>(std::ranges::count_if(
          play.files().trace(),
          [](const std::string& line) { return line.find("truncate") != std::string::npos; }));
      play.check();
      if (play.failed()) return;
      if (whole_recovery) break;
    }
  }
  EXPECT_GT(cut, 0U);
}

INSTANTIATE_TEST_SUITE_P(Slices, LogRecoveryCrashTest, ::testing::Range(std::uint64_t{0}, kSlices));

// Appends small batches until one is refused; returns how.
LogStore::Append append_until_refused(Play& play, std::uint64_t value_bytes) {
  for (int turns = 0; turns < 20'000; ++turns) {
    const auto outcome = play.try_append("small", value_bytes);
    if (outcome == LogStore::Append::kFailed) return outcome;
    play.server().turn();
  }
  return LogStore::Append::kWait;
}

TEST(LogCrashTest, FullDiskRefusesAppendsLosesNothingAndGoesOnWithSpace) {
  Play play({}, {}, 1);
  play.add_topic("small", 256 * kKiB);
  play.start();
  play.append("small", 1000);
  play.server().settle();
  play.files().set_capacity(play.files().used_bytes() + 400 * kKiB);
  ASSERT_EQ(append_until_refused(play, 3000), LogStore::Append::kFailed);
  EXPECT_EQ(play.server().store().last_error().code, Errc::kNoSpace);
  play.server().settle();
  EXPECT_FALSE(play.server().failure());
  EXPECT_EQ(play.model("small").acked, play.model("small").appended.size());
  EXPECT_GT(play.model("small").acked, 50U);

  // Neither a start nor a stop needs space.
  play.files().stop();
  play.reboot(CrashPolicy::kDropAll, 1);
  play.start();
  ASSERT_FALSE(play.failed());
  play.check();
  play.perform({What::kRestart, "", 0});
  ASSERT_FALSE(play.failed());
  append_until_refused(play, 3000);

  play.files().set_capacity(UINT64_MAX);
  play.server().advance_clock(10'000);
  play.append("small", 3000);
  play.server().settle();
  EXPECT_EQ(play.model("small").acked, play.model("small").appended.size());
}

class LogFaultTest : public ::testing::TestWithParam<std::pair<SimFiles::Fault, const char*>> {};

TEST_P(LogFaultTest, FailedWriteOrSyncFencesTheStore) {
  Play play({}, {}, 1);
  play.add_topic("small", 256 * kKiB);
  play.start();
  play.append("small", 1000);
  play.server().settle();
  const std::size_t acked = play.model("small").acked;
  play.files().fail_next(GetParam().first, GetParam().second);
  for (int i = 0; i < 20'000 && !play.server().failure(); ++i) {
    (void)play.try_append("small", 3000);
    play.server().turn();
  }
  ASSERT_TRUE(play.server().failure());  // SimServer CHECKs that it comes once
  const Errc code = play.server().failure()->code;
  EXPECT_TRUE(code == Errc::kIo || code == Errc::kUnflushed);
  play.server().settle();  // what was under way ends
  const auto steps = play.files().steps();
  EXPECT_EQ(play.try_append("small", 10), LogStore::Append::kFailed);
  play.server().settle();
  EXPECT_EQ(play.files().steps(), steps) << "something was written after the failure";
  EXPECT_GE(play.model("small").acked, acked);
  play.files().stop();
  play.reboot(CrashPolicy::kDropAll, 1);
  play.start();
  ASSERT_FALSE(play.failed());
  play.check();
}

INSTANTIATE_TEST_SUITE_P(Faults, LogFaultTest,
                         ::testing::Values(std::pair{SimFiles::Fault::kWrite, ".journal"},
                                           std::pair{SimFiles::Fault::kWrite, ".log"},
                                           std::pair{SimFiles::Fault::kSync, ".log"}),
                         [](const auto& run) {
                           const bool write = run.param.first == SimFiles::Fault::kWrite;
                           return std::string(write ? "Write" : "Sync") +
                                  (run.param.second == std::string(".log") ? "Log" : "Journal");
                         });

// By the file or directory that was to be flushed. Which of its flushes fails depends on the seed.
class LogFlushTest : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(LogFlushTest, AnyThatFailsFencesTheStore) {
  const std::string of = GetParam().second;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Play play({}, {}, seed);
    play.add_topic("small", 256 * kKiB);
    play.add_topic("new", 256 * kKiB);
    play.start();
    play.append("small", 1000);
    play.server().settle();
    play.files().fail_next(SimFiles::Fault::kSync, of);
    for (int i = 0; i < 4000 && !play.server().failure(); ++i) {
      (void)play.try_append("small", 3000);
      (void)play.try_append("new", 3000);
      play.server().turn();
    }
    ASSERT_TRUE(play.server().failure());
    EXPECT_NE(play.server().failure()->message.find(of), std::string::npos)
        << play.server().failure()->message;
    play.server().settle();
    EXPECT_EQ(play.try_append("small", 10), LogStore::Append::kFailed);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Flushes, LogFlushTest,
    ::testing::Values(std::pair{"Segment", "0.log"}, std::pair{"NewSegment", ".log.tmp"},
                      std::pair{"Metadata", "partition.metadata"},
                      std::pair{"Directory", "/logs/new-0"}, std::pair{"Index", ".index"},
                      std::pair{"Checkpoint", "checkpoint"}, std::pair{"NewJournal", ".journal"}),
    [](const auto& flush) { return flush.param.first; });

}  // namespace
}  // namespace duolog::sim
