// A recovery that is cut short, by a log that has several segments with space allocated ahead: the
// next one finds where each of them ends.
#include <gtest/gtest.h>

#include "tests/sim/log_play.h"

namespace duolog::sim {
namespace {

using storage::kKiB;

// Killed while several segments are full and none of them is sealed: no job of the disk ran since.
Play killed() {
  Script script;
  for (int i = 0; i < 6; ++i) script.push_back({What::kAppend, "small", 40 * kKiB});
  Play play(script, {}, 1);
  play.add_topic("small", 64 * kKiB);
  EXPECT_TRUE(play.run());
  play.files().stop();
  play.reboot(CrashPolicy::kKill, 1);
  return play;
}

TEST(RecoveryCutTest, AtWhateverStepItIsCutShort) {
  Play whole = killed();
  const auto before = whole.files().steps();
  whole.start();
  const std::uint64_t steps = whole.files().steps() - before;
  whole.check();
  for (std::uint64_t step = 1; step <= steps; ++step) {
    for (const CrashPolicy policy : kCrashPolicies) {
      SCOPED_TRACE("step " + std::to_string(step));
      Play play = killed();
      play.files().crash_after(step);
      EXPECT_THROW(play.start(), MachineStopped);
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
