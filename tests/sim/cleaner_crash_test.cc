// Compacted logs on a simulated disk: the machine stops while they are cleaned, and whatever it
// leaves has the latest record of each key.
#include "tests/sim/compacted_play.h"

namespace duolog::sim {
namespace {

// The machine stops at each step of a cleaning, and once more while it recovers.
class CleanerCrashTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(CleanerCrashTest, EveryStepOfACleaningIsSurvived) {
  constexpr std::uint64_t kSlices = 8;
  const auto make = [] {
    auto play = std::make_unique<CompactedPlay>(7);
    play->start();
    play->fill(90);
    return play;
  };
  const auto act = [](CompactedPlay& play) {
    for (int i = 0; i < 3; ++i) play.clean();
  };
  auto whole = make();
  const auto before = whole->files().steps();
  act(*whole);
  const std::uint64_t steps = whole->files().steps() - before;
  ASSERT_GE(whole->server().store().cleaner().cleanings(), 1U);
  for (std::uint64_t step = 1 + GetParam(); step <= steps; step += kSlices) {
    for (const CrashPolicy policy : kCrashPolicies) {
      SCOPED_TRACE("step " + std::to_string(step) + ", policy " +
                   std::to_string(static_cast<int>(policy)));
      auto play = make();
      const Offset acked = play->log().high_watermark().offset;
      play->files().crash_after(step);
      try {
        act(*play);
      } catch (const MachineStopped&) {
      }
      ASSERT_TRUE(play->files().stopped());
      play->reboot(policy, step);
      play->files().crash_after(1 + step % 9);  // in the recovery, mostly
      try {
        play->start();
        if (HasFailure()) return;
        play->check(acked);
        if (HasFailure()) return;
        play->files().stop();
      } catch (const MachineStopped&) {
      }
      play->reboot(policy, step + 1);
      play->start();
      if (HasFailure()) return;
      play->check(acked);
      if (HasFailure()) return;
      act(*play);
      play->check(acked);
      if (HasFailure()) return;
      play->fill(30);
      act(*play);
      play->check(acked);
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Slices, CleanerCrashTest, ::testing::Range<std::uint64_t>(0, 8));

class CleanerSeedTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(CleanerSeedTest, ARandomRunKeepsTheLatestOfEachKey) {
  std::mt19937_64 random(GetParam());
  CompactedPlay play(GetParam());
  play.config().segment_bytes = (4 + random() % 16) * storage::kKiB;
  play.config().min_dirty_ratio = static_cast<double>(random() % 3) / 4;
  play.start();
  Offset acked;
  for (int i = 0; i < 25; ++i) {
    try {
      if (random() % 3 == 0) play.files().crash_after(1 + random() % 150);
      play.fill(random() % 40, 1 + random() % 60);
      acked = play.log().high_watermark().offset;
      for (std::uint64_t n = random() % 3; n > 0; --n) play.clean();
      if (random() % 5 == 0) play.server().advance_clock(kDeleteRetentionMs / 2);
      if (random() % 6 == 0) {
        play.move_start(Offset(static_cast<std::int64_t>(
            random() % static_cast<std::uint64_t>(play.log().high_watermark().offset.value + 1))));
      }
      if (random() % 6 == 0) play.restart();
    } catch (const MachineStopped&) {
      play.reboot(kCrashPolicies[random() % 4], random());
      play.start();
    }
    if (HasFailure()) return;
    play.check(acked);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CleanerSeedTest, ::testing::Range<std::uint64_t>(1, 41));

}  // namespace
}  // namespace duolog::sim
