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
  expect_survived_at_every_step(killed, [](Play& play) { play.start(); });
}

}  // namespace
}  // namespace duolog::sim
