// After a clean stop nothing is redone.
#include <gtest/gtest.h>

#include "tests/sim/log_play.h"

namespace duolog::sim {
namespace {

using storage::kKiB;

Play stopped(storage::Durability durability) {
  Script script;
  for (int i = 0; i < 20; ++i) script.push_back({What::kAppend, "small", 5 * kKiB});
  script.push_back({What::kRestart, "", 0});
  Play play(script, {}, 1);
  play.add_topic("small", 64 * kKiB, durability);
  return play;
}

TEST(CleanStopTest, TheNextStartHasNothingToRedo) {
  for (const auto durability : {storage::Durability::kFsync, storage::Durability::kOs}) {
    Play play = stopped(durability);
    ASSERT_TRUE(play.run());
    EXPECT_EQ(play.server().report().groups, 0U);
    EXPECT_EQ(play.server().report().redone_bytes, 0U);
    EXPECT_EQ(play.server().log("small").high_watermark().offset, Offset(20));
  }
}

TEST(CleanStopTest, AStopThatIsCutShortLosesNothing) {
  Play whole = stopped(storage::Durability::kFsync);
  ASSERT_TRUE(whole.run());
  const std::uint64_t steps = whole.files().steps();
  for (std::uint64_t step = 1; step <= steps; ++step) {
    for (const CrashPolicy policy : kCrashPolicies) {
      SCOPED_TRACE("step " + std::to_string(step));
      Play play = stopped(storage::Durability::kFsync);
      play.files().crash_after(step);
      ASSERT_FALSE(play.run());
      play.reboot(policy, step);
      play.start();
      if (HasFailure()) return;
      play.check();
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace duolog::sim
