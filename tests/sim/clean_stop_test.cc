// After a clean stop nothing is redone.
#include <gtest/gtest.h>

#include "tests/sim/log_play.h"

namespace duolog::sim {
namespace {

using storage::kKiB;

Play to_stop(storage::Durability durability) {
  Script script;
  for (int i = 0; i < 20; ++i) script.push_back({What::kAppend, "small", 5 * kKiB});
  script.push_back({What::kRestart, "", 0});
  Play play(script, {}, 1);
  play.add_topic("small", 64 * kKiB, durability);
  return play;
}

TEST(CleanStopTest, TheNextStartHasNothingToRedo) {
  for (const auto durability : {storage::Durability::kFsync, storage::Durability::kOs}) {
    Play play = to_stop(durability);
    ASSERT_TRUE(play.run());
    EXPECT_EQ(play.server().report().groups, 0U);
    EXPECT_EQ(play.server().report().redone_bytes, 0U);
    EXPECT_EQ(play.server().report().settled, 1U);
    EXPECT_EQ(play.server().log("small").high_watermark().offset, Offset(20));
  }
}

TEST(CleanStopTest, AStopThatIsCutShortLosesNothing) {
  expect_survived_at_every_step([] { return to_stop(storage::Durability::kFsync); },
                                [](Play& play) { (void)play.run(); });
}

}  // namespace
}  // namespace duolog::sim
