// A repair that is cut short at any of its steps, and run again: nothing more is lost by that. And
// a server that is started in between serves what is whole, or says that it is damaged.
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "storage/segment_files.h"
#include "tests/sim/repair_play.h"

namespace duolog::sim {
namespace {

// In sealed segments, in the one that is written to, and in an index; or in these and a journal.
// Returns the offsets that are lost.
std::set<std::int64_t> damage(Play& play) {
  const auto stored = stored_batches(play.files());
  EXPECT_EQ(stored.size(), static_cast<std::size_t>(kHurtBatches));
  damage_everywhere(play.files(), stored[2], 5000);
  damage_everywhere(play.files(), stored[kHurtBatches - 2], 3000);
  play.files().flip_bit(stored[8].path, stored[8].position + 10, 2);  // the length
  play.files().flip_bit(
      std::string(kHurtDirectory) + "/" + storage::segment_file_name(Offset(0), ".index"), 3);
  return {2, kHurtBatches - 2};
}

void start_in_between(SimFiles& files) {
  SimCatalog catalog;
  storage::LogConfig config;
  config.segment_bytes = kHurtSegmentBytes;
  catalog.topics["hurt"] = {Uuid{{1}}, config, false, {}};
  catalog.incarnation = 10;
  auto started = SimServer::start(files, catalog, 1, {});
  if (!started) {
    EXPECT_EQ(started.error().code, Errc::kCorrupt) << started.error().message;
    return;
  }
  EXPECT_EQ((*started)->log("hurt").high_watermark().offset, Offset(kHurtBatches));
  (*started)->stop();
}

struct Cut {
  int restarts;  // 0: with a journal to be redone
  CrashPolicy policy;
  bool start_first;  // a server, before it is run again
};

class RepairCrashTest : public ::testing::TestWithParam<Cut> {};

TEST_P(RepairCrashTest, AtWhateverStepItIsCutShort) {
  const Cut cut = GetParam();
  Play play = hurt_play(cut.restarts);
  const std::set<std::int64_t> lost = damage(play);
  play.files().stop();
  const auto before = play.files().reboot(CrashPolicy::kKill);
  before->stop();
  const auto whole = before->reboot(CrashPolicy::kKill);
  const auto first_step = whole->steps();
  ASSERT_TRUE(run_repair(*whole));
  const std::uint64_t steps = whole->steps() - first_step;
  ASSERT_GT(steps, 20U);
  for (std::uint64_t step = 1; step <= steps; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    const auto files = before->reboot(CrashPolicy::kKill);
    files->crash_after(step);
    try {
      (void)run_repair(*files);
    } catch (const MachineStopped&) {
    }
    ASSERT_TRUE(files->stopped());
    play.use(files->reboot(cut.policy, step));
    if (cut.start_first) start_in_between(play.files());
    const auto again = run_repair(play.files());
    ASSERT_TRUE(again) << again.error().message;
    expect_all_but(play, lost);
    if (::testing::Test::HasFailure()) return;
  }
}

std::vector<Cut> every_cut() {
  std::vector<Cut> cuts;
  for (const int restarts : {0, 2}) {
    for (const CrashPolicy policy : kCrashPolicies) {
      for (const bool start_first : {false, true}) cuts.push_back({restarts, policy, start_first});
    }
  }
  return cuts;
}

INSTANTIATE_TEST_SUITE_P(Cuts, RepairCrashTest, ::testing::ValuesIn(every_cut()));

}  // namespace
}  // namespace duolog::sim
