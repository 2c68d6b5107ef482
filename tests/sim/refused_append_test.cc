// Why an append is refused that no log takes any more.
#include <gtest/gtest.h>

#include "tests/sim/log_play.h"

namespace duolog::sim {
namespace {

TEST(RefusedAppendTest, AStoreThatStopsIsNoDeletedTopic) {
  Play play({{What::kAppend, "small", 100}}, {}, 1);
  play.add_topic("small", 64 * storage::kKiB);
  ASSERT_TRUE(play.run());
  play.server().store().stop([] {});
  EXPECT_EQ(play.try_append("small", 100), LogStore::Append::kFailed);
  EXPECT_EQ(play.server().store().last_error().code, Errc::kBusy);
}

}  // namespace
}  // namespace duolog::sim
