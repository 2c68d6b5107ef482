// A log that cannot be recovered is offline: the others are served, nothing of it is touched, and
// what only the journal has of it is kept until a start can recover it.
#include <algorithm>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "storage/kept_journals.h"
#include "tests/sim/log_play.h"

namespace duolog::sim {
namespace {

constexpr const char* kHurt = "/logs/hurt-0";
constexpr const char* kHurtSegment = "/logs/hurt-0/00000000000000000000.log";
constexpr const char* kHurtMetadata = "/logs/hurt-0/partition.metadata";
constexpr const char* kKeptJournals = "/kept-journals";
constexpr std::uint64_t kOfMetadata = 12;  // a byte of its key "topic_id"
constexpr int kFlipped = 3;
constexpr int kEach = 4;  // records, before and after the floor

void lose_power(Play& play) {
  play.files().stop();
  play.reboot(CrashPolicy::kDropAll, 1);
}

void append_some(Play& play, int count) {
  for (int i = 0; i < count; ++i) {
    play.append("hurt", 1000);
    play.append("other", 1000);
    play.server().settle();
  }
}

void append_some_to_other(Play& play) {
  for (int i = 0; i < 3; ++i) play.append("other", 1000);
  play.server().settle();
}

// "hurt" has a floor, and acked records above it that only the journal has.
Play before_the_damage() {
  SimServer::Setup setup;
  setup.serves_without = true;
  Play play({}, setup, 1);
  play.add_topic("hurt", 1024 * kKiB);
  play.add_topic("other", 1024 * kKiB);
  play.start();
  append_some(play, kEach);
  lose_power(play);
  play.start();
  append_some(play, kEach);
  lose_power(play);
  return play;
}

struct OfflineDamage {
  const char* name;
  void (*toggle)(SimFiles& files);  // twice: as it was
};

class OfflineTest : public ::testing::TestWithParam<OfflineDamage> {
 protected:
  static void toggle(Play& play) { GetParam().toggle(play.files()); }
};

std::map<std::string, std::vector<std::uint8_t>> files_of_hurt(Play& play) {
  std::map<std::string, std::vector<std::uint8_t>> found;
  const auto entries = play.files().list(kHurt);
  EXPECT_TRUE(entries);
  for (const auto& entry : *entries) {
    found[entry.name] = play.files().content(std::string(kHurt) + "/" + entry.name);
  }
  return found;
}

std::vector<storage::KeptJournal> kept(Play& play) {
  auto journals = storage::kept_journals(play.files(), kKeptJournals);
  EXPECT_TRUE(journals);
  return *journals;
}

void restart(Play& play) { play.perform({What::kRestart, "", 0}); }

TEST_P(OfflineTest, TheOthersAreServedAndNothingOfItIsLost) {
  Play play = before_the_damage();
  toggle(play);
  play.start();
  ASSERT_TRUE(play.server().log("hurt").offline);
  EXPECT_EQ(play.server().store().offline_count(), 1U);
  play.check();
  EXPECT_EQ(play.try_append("hurt", 100), LogStore::Append::kFailed);
  EXPECT_EQ(play.server().store().last_error().code, Errc::kIo);
  const auto before = files_of_hurt(play);
  // Its journal is not in the way of the others, and is kept once.
  for (int i = 0; i < 3; ++i) {
    for (int n = 0; n < 60; ++n) play.append("other", 30'000);
    play.server().settle();
    play.server().store().tick(Timestamp(play.server().now_ms()));
    restart(play);
    ASSERT_TRUE(play.server().log("hurt").offline);
    ASSERT_EQ(kept(play).size(), 1U);
  }
  EXPECT_EQ(files_of_hurt(play), before);
  EXPECT_GT(kept(play)[0].size_bytes, 0U);
  play.server().stop();
  lose_power(play);
  toggle(play);
  play.start();
  ASSERT_FALSE(play.server().log("hurt").offline);
  play.check();
  EXPECT_EQ(play.model("hurt").kept, 2U * kEach);
  EXPECT_TRUE(kept(play).empty());
  append_some(play, 2);
  restart(play);
}

TEST_P(OfflineTest, AStartThatIsCutShortLosesNothingOfIt) {
  Play whole = before_the_damage();
  toggle(whole);
  const auto first = whole.files().steps();
  whole.start();
  const std::uint64_t steps = whole.files().steps() - first;
  for (std::uint64_t step = 1; step <= steps; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    Play play = before_the_damage();
    toggle(play);
    play.files().crash_after(step);
    EXPECT_THROW(play.start(), MachineStopped);
    play.reboot(kCrashPolicies[step % 4], step);
    if (step / 4 % 2 == 0) {
      play.start();
      ASSERT_TRUE(play.server().log("hurt").offline);
      play.check();
      append_some_to_other(play);
      lose_power(play);
    }
    toggle(play);
    play.start();
    play.check();
    ASSERT_EQ(play.model("hurt").kept, 2U * kEach);
    if (HasFailure()) return;
  }
}

TEST_P(OfflineTest, AComeBackThatIsCutShortLosesNothingOfIt) {
  const auto gone_offline = [] {
    Play play = before_the_damage();
    toggle(play);
    play.start();
    append_some_to_other(play);
    lose_power(play);
    toggle(play);
    return play;
  };
  Play whole = gone_offline();
  const auto first = whole.files().steps();
  whole.start();
  const std::uint64_t recovery = whole.files().steps() - first;
  for (std::uint64_t step = 1; step <= recovery + 10; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    Play play = gone_offline();
    play.files().crash_after(step);
    const auto come_back = [&] {
      play.start();
      append_some(play, 4);
    };
    EXPECT_THROW(come_back(), MachineStopped);
    play.reboot(kCrashPolicies[step % 4], step);
    play.start();
    play.check();
    ASSERT_GE(play.model("hurt").kept, 2U * kEach);
    if (HasFailure()) return;
  }
}

TEST_P(OfflineTest, ItsJournalGoesWithItsTopic) {
  Play play = before_the_damage();
  toggle(play);
  play.start();
  ASSERT_EQ(kept(play).size(), 1U);
  play.perform({What::kRemove, "hurt", 0});
  play.server().settle();
  EXPECT_EQ(play.server().store().offline_count(), 0U);
  restart(play);
  EXPECT_TRUE(kept(play).empty());
  EXPECT_TRUE(play.server().report().offline.empty());
}

INSTANTIATE_TEST_SUITE_P(Damages, OfflineTest,
                         ::testing::Values(OfflineDamage{"Metadata",
                                                         [](SimFiles& files) {
                                                           files.flip_bit(kHurtMetadata,
                                                                          kOfMetadata, kFlipped);
                                                         }},
                                           OfflineDamage{"BelowTheFloor",
                                                         [](SimFiles& files) {
                                                           files.flip_bit(kHurtSegment, 1500,
                                                                          kFlipped);
                                                         }}),
                         [](const auto& tested) { return std::string(tested.param.name); });

// Only its floor says that it does not end before the damage.
TEST(OfflineFaultTest, WhatNoJournalHasIsNotCutEither) {
  Play play = before_the_damage();
  play.start();
  lose_power(play);
  play.files().flip_bit(kHurtSegment, 1500, kFlipped);
  const auto before = files_of_hurt(play);
  play.start();
  ASSERT_TRUE(play.server().log("hurt").offline);
  EXPECT_TRUE(kept(play).empty());
  restart(play);
  ASSERT_TRUE(play.server().log("hurt").offline);
  EXPECT_EQ(files_of_hurt(play), before);
  lose_power(play);
  play.files().flip_bit(kHurtSegment, 1500, kFlipped);
  play.start();
  play.check();
  EXPECT_EQ(play.model("hurt").kept, 2U * kEach);
}

TEST(OfflineFaultTest, WhatTheDiskDoesNotGiveOnceIsTriedAgainByTheNextStart) {
  Play play = before_the_damage();
  play.files().fail_next(SimFiles::Fault::kRead, kHurtSegment);
  play.start();
  ASSERT_TRUE(play.server().log("hurt").offline);
  play.check();
  restart(play);
  ASSERT_FALSE(play.server().log("hurt").offline);
  EXPECT_EQ(play.model("hurt").kept, 2U * kEach);
}

TEST(OfflineFaultTest, AKeptJournalThatIsDamagedIsTheLossOfNobodyElse) {
  Play play = before_the_damage();
  play.files().flip_bit(kHurtMetadata, kOfMetadata, kFlipped);
  play.start();
  const auto journals = kept(play);
  ASSERT_EQ(journals.size(), 1U);
  lose_power(play);
  play.files().flip_bit(kHurtMetadata, kOfMetadata, kFlipped);
  const auto entries = play.files().list(journals[0].directory);
  ASSERT_TRUE(entries);
  for (const auto& entry : *entries) {
    if (!entry.name.ends_with(".journal")) continue;
    // In a group that a later one says was flushed.
    play.files().flip_bit(journals[0].directory + "/" + entry.name, 4096 + 200, 1);
    break;
  }
  play.start();
  ASSERT_TRUE(play.server().log("hurt").offline);
  play.check();
  EXPECT_EQ(kept(play).size(), 1U);
}

}  // namespace
}  // namespace duolog::sim
