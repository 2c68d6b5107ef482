#include "storage/catalog.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/crc32c.h"
#include "tests/sim/sim_files.h"

namespace duolog::storage {
namespace {

using sim::CrashPolicy;
using sim::MachineStopped;
using sim::SimFiles;

constexpr const char* kFirstFile = "/meta/catalog-1.log";

Uuid id_of(std::uint8_t n) {
  Uuid id;
  id.bytes.fill(n);
  return id;
}

TopicRecord topic_of(std::uint8_t n, std::int32_t partitions = 1) {
  return {"topic-" + std::to_string(n), id_of(n), partitions, {{"cleanup.policy", "delete"}}, {}};
}

std::unique_ptr<SimFiles> machine() {
  auto files = std::make_unique<SimFiles>(1 << 20);
  EXPECT_TRUE(files->make_directory("/meta"));
  EXPECT_TRUE(files->sync_directory("/"));
  return files;
}

Catalog open_catalog(SimFiles& files, CatalogOptions options = {}) {
  auto catalog = Catalog::open(files, "/meta", options);
  if (!catalog) throw std::runtime_error(catalog.error().message);
  return std::move(*catalog);
}

// Everything that a catalog knows but its cluster id, which is random.
struct Known {
  LeaderEpoch incarnation;
  CatalogState::Topics topics;
  CatalogState::DeletedTopics deleted;
  CatalogState::ResourceConfigs resource_configs;
  bool operator==(const Known&) const = default;
};

Known known_by(const Catalog& catalog) {
  return {catalog.incarnation(), catalog.topics(), catalog.deleted(), catalog.resource_configs()};
}

TEST(CatalogTest, NewCatalogHasClusterIdAndNothingElse) {
  auto files = machine();
  const Catalog catalog = open_catalog(*files);
  EXPECT_FALSE(catalog.cluster_id().is_zero());
  EXPECT_EQ(catalog.incarnation(), kNoIncarnation);
  EXPECT_TRUE(catalog.topics().empty());
  EXPECT_EQ(open_catalog(*files->reboot(CrashPolicy::kDropAll)).cluster_id(), catalog.cluster_id());
}

TEST(CatalogTest, EveryChangeIsThereAfterPowerLoss) {
  auto files = machine();
  Catalog catalog = open_catalog(*files);
  EXPECT_EQ(catalog.begin_incarnation(), LeaderEpoch{0});
  ASSERT_TRUE(catalog.create_topic(topic_of(1, 3)));
  ASSERT_TRUE(catalog.create_topic(topic_of(2)));
  ASSERT_TRUE(catalog.create_topic(topic_of(3)));
  ASSERT_TRUE(catalog.set_configs(id_of(1), {{"a", "1"}, {"b", ""}}));
  ASSERT_TRUE(catalog.set_log_start(id_of(1), PartitionId{2}, Offset{77}));
  ASSERT_TRUE(catalog.add_partitions(id_of(1), 5));
  ASSERT_TRUE(catalog.delete_topic(id_of(2)));
  ASSERT_TRUE(catalog.delete_topic(id_of(3)));
  ASSERT_TRUE(catalog.forget_deleted(id_of(3)));
  EXPECT_EQ(catalog.take_producer_id_block(), 0);
  ASSERT_TRUE(catalog.set_resource_configs(4, "", {{"a", "1"}}));
  ASSERT_TRUE(catalog.set_resource_configs(4, "1", {{"a", "2"}}));
  ASSERT_TRUE(catalog.set_resource_configs(4, "1", {}));

  auto after = files->reboot(CrashPolicy::kDropAll);
  Catalog reopened = open_catalog(*after);
  EXPECT_EQ(known_by(reopened), known_by(catalog));
  EXPECT_EQ(reopened.begin_incarnation(), LeaderEpoch{1});
  EXPECT_EQ(reopened.take_producer_id_block(), kProducerIdBlock);
  const TopicRecord* topic = reopened.find("topic-1");
  ASSERT_NE(topic, nullptr);
  EXPECT_EQ(reopened.find(id_of(1)), topic);
  EXPECT_EQ(topic->partition_count, 5);
  EXPECT_EQ(topic->configs, (TopicConfigs{{"a", "1"}, {"b", ""}}));
  EXPECT_EQ(reopened.resource_configs(), (CatalogState::ResourceConfigs{{{4, ""}, {{"a", "1"}}}}));
  EXPECT_EQ(reopened.log_start(id_of(1), PartitionId{2}), Offset{77});
  EXPECT_EQ(reopened.log_start(id_of(1), PartitionId{0}), Offset{0});
  EXPECT_EQ(reopened.deleted().at(id_of(2)), (DeletedTopic{"topic-2", id_of(2), 1}));
  EXPECT_FALSE(reopened.deleted().contains(id_of(3)));
}

TEST(CatalogTest, ATopicsConfigurationLeavesRoomForTheStartsOfItsLogs) {
  auto files = std::make_unique<SimFiles>(8 << 20);
  ASSERT_TRUE(files->make_directory("/meta"));
  Catalog catalog = open_catalog(*files);
  ASSERT_TRUE(catalog.create_topic(topic_of(1, 1000)));
  const std::size_t left = kMaxCatalogPayloadBytes - 1000 * 12;
  const auto refused = catalog.set_configs(id_of(1), {{"k", std::string(left, 'v')}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::kTooLarge);
  const auto taken = catalog.set_configs(id_of(1), {{"k", std::string(left - 200, 'v')}});
  EXPECT_TRUE(taken.has_value()) << taken.error().message;
  TopicRecord large = topic_of(2, 1000);
  large.configs["k"] = std::string(left, 'v');
  EXPECT_FALSE(catalog.create_topic(large).has_value());
}

TEST(CatalogTest, ChangeThatMakesNoSenseIsRefusedAndNotWritten) {
  auto files = machine();
  Catalog catalog = open_catalog(*files);
  ASSERT_TRUE(catalog.create_topic(topic_of(1, 2)));
  ASSERT_TRUE(catalog.create_topic(topic_of(2)));
  ASSERT_TRUE(catalog.delete_topic(id_of(2)));
  ASSERT_TRUE(catalog.set_log_start(id_of(1), PartitionId{0}, Offset{5}));
  const std::uint64_t steps = files->steps();
  const auto code = [](const Result<void>& result) { return result.error().code; };

  TopicRecord same_name = topic_of(3);
  same_name.name = "topic-1";
  TopicRecord same_id = topic_of(3);
  same_id.id = id_of(2);  // used by a topic that was deleted
  EXPECT_EQ(code(catalog.create_topic(same_name)), Errc::kExists);
  EXPECT_EQ(code(catalog.create_topic(same_id)), Errc::kExists);
  EXPECT_EQ(code(catalog.create_topic(topic_of(4, 0))), Errc::kInvalid);
  EXPECT_EQ(code(catalog.delete_topic(id_of(2))), Errc::kNotFound);
  EXPECT_EQ(code(catalog.forget_deleted(id_of(1))), Errc::kNotFound);
  EXPECT_EQ(code(catalog.set_configs(id_of(9), {})), Errc::kNotFound);
  EXPECT_EQ(code(catalog.set_log_start(id_of(1), PartitionId{2}, Offset{1})), Errc::kOutOfRange);
  EXPECT_EQ(code(catalog.set_log_start(id_of(1), PartitionId{0}, Offset{4})), Errc::kOutOfRange);
  EXPECT_TRUE(catalog.set_log_start(id_of(1), PartitionId{0}, Offset{5}));
  EXPECT_EQ(code(catalog.add_partitions(id_of(1), 2)), Errc::kInvalid);
  TopicRecord large = topic_of(5);
  large.configs["k"] = std::string(kMaxCatalogPayloadBytes, 'v');
  EXPECT_EQ(code(catalog.create_topic(large)), Errc::kTooLarge);
  EXPECT_EQ(files->steps(), steps);
}

TEST(CatalogTest, NameOfDeletedTopicMayBeUsedAgain) {
  auto files = machine();
  Catalog catalog = open_catalog(*files);
  ASSERT_TRUE(catalog.create_topic(topic_of(1)));
  ASSERT_TRUE(catalog.delete_topic(id_of(1)));
  TopicRecord again = topic_of(2);
  again.name = "topic-1";
  ASSERT_TRUE(catalog.create_topic(again));
  auto after = files->reboot(CrashPolicy::kDropAll);
  const Catalog reopened = open_catalog(*after);
  EXPECT_EQ(reopened.find("topic-1")->id, id_of(2));
  EXPECT_TRUE(reopened.deleted().contains(id_of(1)));
}

TEST(CatalogTest, LongLogIsRewrittenAsSnapshotOfItsState) {
  auto files = machine();
  Catalog catalog = open_catalog(*files, {.rewrite_bytes = 4096});
  ASSERT_TRUE(catalog.create_topic(topic_of(1)));
  ASSERT_TRUE(catalog.create_topic(topic_of(2)));
  ASSERT_TRUE(catalog.delete_topic(id_of(2)));
  ASSERT_TRUE(catalog.set_resource_configs(4, "1", {{"a", "1"}}));
  for (std::int64_t offset = 1; offset <= 500; ++offset) {
    ASSERT_TRUE(catalog.set_log_start(id_of(1), PartitionId{0}, Offset{offset}));
    ASSERT_LE(catalog.size_bytes(), 4200U);
  }
  EXPECT_GT(catalog.file_path(), kFirstFile);
  auto after = files->reboot(CrashPolicy::kDropAll);
  EXPECT_EQ(after->list("/meta")->size(), 1U);
  EXPECT_EQ(known_by(open_catalog(*after)), known_by(catalog));
}

TEST(CatalogTest, FailedRewriteHarmsNoChange) {
  auto files = machine();
  Catalog catalog = open_catalog(*files, {.rewrite_bytes = 4096});
  ASSERT_TRUE(catalog.create_topic(topic_of(1)));
  files->fail_next(SimFiles::Fault::kWrite, ".tmp");
  for (std::int64_t offset = 1; offset <= 100; ++offset) {
    ASSERT_TRUE(catalog.set_log_start(id_of(1), PartitionId{0}, Offset{offset}));
  }
  EXPECT_EQ(catalog.file_path(), kFirstFile);
  EXPECT_GT(catalog.size_bytes(), 4096U);
  auto after = files->reboot(CrashPolicy::kDropAll);
  EXPECT_EQ(known_by(open_catalog(*after)), known_by(catalog));
}

TEST(CatalogTest, FailedSyncEndsAllChanges) {
  auto files = machine();
  Catalog catalog = open_catalog(*files);
  files->fail_next(SimFiles::Fault::kSync);
  EXPECT_EQ(catalog.create_topic(topic_of(1)).error().code, Errc::kIo);
  EXPECT_EQ(catalog.create_topic(topic_of(2)).error().code, Errc::kIo);
  EXPECT_TRUE(catalog.topics().empty());
  ASSERT_TRUE(catalog.failure());
  EXPECT_NE(catalog.failure()->message.find(kFirstFile), std::string::npos);
}

TEST(CatalogTest, FailedSyncOfARewriteEndsAllChanges) {
  for (const char* path : {".tmp", "/meta"}) {
    SCOPED_TRACE(path);
    auto files = machine();
    Catalog catalog = open_catalog(*files, {.rewrite_bytes = 4096});
    ASSERT_TRUE(catalog.create_topic(topic_of(1)));
    std::int64_t offset = 0;
    while (catalog.size_bytes() < 4000) {
      ASSERT_TRUE(catalog.set_log_start(id_of(1), PartitionId{0}, Offset{++offset}));
    }
    const Errc none{};
    files->fail_next(SimFiles::Fault::kSync, path);
    Errc refused = none;
    for (int changes = 0; changes < 10 && refused == none; ++changes) {
      const auto moved = catalog.set_log_start(id_of(1), PartitionId{0}, Offset{++offset});
      if (!moved) refused = moved.error().code;
    }
    EXPECT_EQ(refused, Errc::kIo);
    EXPECT_TRUE(catalog.failure());
  }
}

// Neither is a failed sync: what was there is on the disk, and the change after it is made.
TEST(CatalogTest, ARewriteThatFindsTooManyOpenFilesOrCannotBeNamedEndsNoChanges) {
  using Fault = SimFiles::Fault;
  struct {
    Fault fault;
    const char* path;
    int times;
  } const cases[] = {{Fault::kRename, ".tmp", 1},
                     {Fault::kOpenDirectory, "/meta", 1},
                     {Fault::kOpenDirectory, "/meta", 2},
                     {Fault::kOpenDirectory, "/meta", 5}};
  for (const auto& [fault, path, times] : cases) {
    SCOPED_TRACE(times);
    auto files = machine();
    Catalog catalog = open_catalog(*files, {.rewrite_bytes = 4096});
    ASSERT_TRUE(catalog.create_topic(topic_of(1)));
    for (int i = 0; i < times; ++i) files->fail_next(fault, path);
    std::int64_t offset = 0;
    int refused = 0;
    std::int64_t acked = 0;
    while (catalog.file_path() == kFirstFile || refused + 1 < times) {
      ASSERT_LT(offset, 1000);
      const auto moved = catalog.set_log_start(id_of(1), PartitionId{0}, Offset{++offset});
      if (moved) {
        acked = offset;
      } else {
        ASSERT_EQ(moved.error().code, Errc::kTooLarge) << moved.error().message;
        ++refused;
      }
    }
    for (int more = 0; more < 3; ++more) {
      ASSERT_TRUE(catalog.set_log_start(id_of(1), PartitionId{0}, Offset{++offset}));
      acked = offset;
    }
    EXPECT_FALSE(catalog.failure());
    EXPECT_EQ(refused, fault == Fault::kRename ? 0 : times - 1);
    for (const CrashPolicy policy : {CrashPolicy::kDropAll, CrashPolicy::kKill}) {
      auto after = files->reboot(policy);
      Catalog reopened = open_catalog(*after);
      EXPECT_EQ(known_by(reopened), known_by(catalog));
      EXPECT_EQ(reopened.log_start(id_of(1), PartitionId{0}), Offset{acked});
      EXPECT_EQ(after->list("/meta")->size(), 1U);
    }
  }
}

// The kernel takes pages that it could not flush for clean: a later flush says nothing of them.
TEST(CatalogTest, WhatIsChangedAfterARestartThatFollowedAFailedSyncIsDurable) {
  auto files = machine();
  {
    Catalog catalog = open_catalog(*files);
    ASSERT_TRUE(catalog.create_topic(topic_of(1)));
    files->fail_next(SimFiles::Fault::kSync);
    ASSERT_FALSE(catalog.create_topic(topic_of(2)));
  }
  auto restarted = files->reboot(CrashPolicy::kKill);
  Known known;
  {
    Catalog catalog = open_catalog(*restarted);
    ASSERT_TRUE(catalog.create_topic(topic_of(3)));
    known = known_by(catalog);
  }
  auto after = restarted->reboot(CrashPolicy::kDropAll);
  EXPECT_EQ(known_by(open_catalog(*after)), known);
}

TEST(CatalogTest, DeletionIsLoggedOnFullDiskAndCreationSaysThatItIsFull) {
  auto files = machine();
  Catalog catalog = open_catalog(*files);
  ASSERT_TRUE(catalog.create_topic(topic_of(1)));
  files->set_capacity(files->used_bytes());
  EXPECT_TRUE(catalog.delete_topic(id_of(1)));
  TopicRecord large = topic_of(2);
  large.configs["k"] = std::string(100'000, 'v');
  EXPECT_EQ(catalog.create_topic(large).error().code, Errc::kNoSpace);
  EXPECT_TRUE(catalog.create_topic(topic_of(3)));
  auto after = files->reboot(CrashPolicy::kDropAll);
  const Catalog reopened = open_catalog(*after);
  EXPECT_EQ(known_by(reopened), known_by(catalog));
}

// Opening is refused with `code` and the file's name, and changes nothing.
void expect_refused(SimFiles& files, Errc code, const std::string& position) {
  const std::uint64_t steps = files.steps();
  auto catalog = Catalog::open(files, "/meta");
  ASSERT_FALSE(catalog);
  EXPECT_EQ(catalog.error().code, code);
  EXPECT_NE(catalog.error().message.find(kFirstFile), std::string::npos) << catalog.error().message;
  EXPECT_NE(catalog.error().message.find(position), std::string::npos) << catalog.error().message;
  EXPECT_EQ(files.steps(), steps);
}

TEST(CatalogTest, DamagedEntryBeforeWholeOneIsCorruptionAtItsPosition) {
  auto files = machine();
  std::vector<std::uint64_t> ends;
  {
    Catalog catalog = open_catalog(*files);
    ends.push_back(catalog.size_bytes());
    for (std::uint8_t n = 1; n <= 3; ++n) {
      ASSERT_TRUE(catalog.create_topic(topic_of(n)));
      ends.push_back(catalog.size_bytes());
    }
  }
  for (std::uint64_t at = ends[0]; at < ends[2]; ++at) {
    files->flip_bit(kFirstFile, at, 3);
    const std::uint64_t entry = at < ends[1] ? ends[0] : ends[1];
    expect_refused(*files, Errc::kCorrupt, "position " + std::to_string(entry) + ":");
    files->flip_bit(kFirstFile, at, 3);
  }
  EXPECT_EQ(open_catalog(*files).topics().size(), 3U);
}

TEST(CatalogTest, DamagedHeaderOrSnapshotIsCorruptionThoughNothingFollows) {
  auto files = machine();
  const std::uint64_t end = open_catalog(*files).size_bytes();
  for (std::uint64_t at = 0; at < end; ++at) {
    files->flip_bit(kFirstFile, at, 7);
    expect_refused(*files, Errc::kCorrupt,
                   at < kCatalogHeaderBytes ? "position 0:" : "position 48:");
    files->flip_bit(kFirstFile, at, 7);
  }
  EXPECT_TRUE(Catalog::open(*files, "/meta"));
}

TEST(CatalogTest, TornLastEntryIsDroppedAndOverwritten) {
  auto files = machine();
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  {
    Catalog catalog = open_catalog(*files);
    ASSERT_TRUE(catalog.create_topic(topic_of(1)));
    before = catalog.size_bytes();
    ASSERT_TRUE(catalog.create_topic(topic_of(2)));
    after = catalog.size_bytes();
  }
  files->flip_bit(kFirstFile, after - 1);
  {
    Catalog catalog = open_catalog(*files);
    EXPECT_EQ(catalog.topics().size(), 1U);
    EXPECT_EQ(catalog.size_bytes(), before);
    const auto content = files->content(kFirstFile);
    EXPECT_TRUE(std::all_of(content.begin() + static_cast<std::ptrdiff_t>(before), content.end(),
                            [](std::uint8_t byte) { return byte == 0; }));
    ASSERT_TRUE(catalog.create_topic(topic_of(3)));
  }
  EXPECT_NE(open_catalog(*files).find("topic-3"), nullptr);
}

TEST(CatalogTest, EntryOfNewerVersionStopsTheStart) {
  auto files = machine();
  std::uint64_t end = 0;
  {
    Catalog catalog = open_catalog(*files);
    end = catalog.size_bytes();
    ASSERT_TRUE(catalog.begin_incarnation());
  }
  // The same frame with type 99 and a checksum that fits, as catalog.md lays it out.
  const auto content = files->content(kFirstFile);
  std::vector<std::uint8_t> frame(content.begin() + static_cast<std::ptrdiff_t>(end),
                                  content.begin() + static_cast<std::ptrdiff_t>(end) + 24);
  store_le<std::uint32_t>(frame.data() + 16, 99);
  store_le<std::uint32_t>(frame.data(), crc32c(Bytes(frame).subspan(4)));
  auto file = files->open(kFirstFile, OpenMode::kReadWrite);
  ASSERT_TRUE(files->write(*file, end, frame));
  files->close(*file);
  expect_refused(*files, Errc::kUnsupported, "entry type 99");
}

// A scripted run: every function, and a rewrite every few changes. Calls `answered` after each
// change that was answered.
void run_script(SimFiles& files, const std::function<void(const Catalog&)>& answered) {
  Catalog catalog = open_catalog(files, {.rewrite_bytes = 700, .reserve_bytes = 8192});
  answered(catalog);
  const auto step = [&](const auto& result) {
    ASSERT_TRUE(result) << result.error().message;
    answered(catalog);
  };
  step(catalog.begin_incarnation());
  for (std::uint8_t n = 1; n <= 6; ++n) {
    step(catalog.create_topic(topic_of(n, n)));
    step(catalog.set_configs(id_of(n), {{"retention.ms", std::string(n * 40U, '7')}}));
    if (n % 2 == 0) {
      step(catalog.add_partitions(id_of(n), n + 1));
      step(catalog.set_log_start(id_of(n), PartitionId{n}, Offset{1000 + n}));
    }
    if (n % 3 == 0) {
      step(catalog.delete_topic(id_of(n)));
      step(catalog.delete_topic(id_of(static_cast<std::uint8_t>(n - 1))));
      step(catalog.forget_deleted(id_of(n)));
    }
  }
}

TEST(CatalogTest, CrashAtAnyStepKeepsWhatWasAnsweredAndNothingHalf) {
  std::vector<Known> history;
  auto whole = machine();
  const std::uint64_t first_step = whole->steps();
  run_script(*whole, [&](const Catalog& catalog) { history.push_back(known_by(catalog)); });
  const std::uint64_t steps = whole->steps() - first_step;
  ASSERT_GT(steps, 60U);
  ASSERT_GT(std::count_if(whole->trace().begin(), whole->trace().end(),
                          [](const std::string& line) { return line.contains(" rename "); }),
            2);
  for (std::uint64_t step = 1; step <= steps; ++step) {
    std::size_t answered = 0;
    auto files = machine();
    files->crash_after(step);
    EXPECT_THROW(run_script(*files, [&](const Catalog&) { ++answered; }), MachineStopped);
    for (const CrashPolicy policy : sim::kCrashPolicies) {
      const std::uint64_t seeds = policy == CrashPolicy::kRandom ? 10 : 2;
      for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        SCOPED_TRACE("step " + std::to_string(step) + ", policy " +
                     std::to_string(static_cast<int>(policy)) + ", seed " + std::to_string(seed));
        auto after = files->reboot(policy, seed);
        auto catalog = Catalog::open(*after, "/meta");
        ASSERT_TRUE(catalog) << catalog.error().message;
        const Known known = known_by(*catalog);
        // Either the change in flight is there, whole, or it is not.
        const bool last = answered > 0 && known == history[answered - 1];
        const bool next = answered < history.size() && known == history[answered];
        EXPECT_TRUE(last || next);
        EXPECT_EQ(after->list("/meta")->size(), 1U);
        // What was found stays found, and the log goes on.
        auto lost = after->reboot(CrashPolicy::kDropAll);
        Catalog again = open_catalog(*lost);
        EXPECT_EQ(known_by(again), known);
        EXPECT_EQ(again.cluster_id(), catalog->cluster_id());
        EXPECT_EQ(again.begin_incarnation(), known.incarnation + 1);
        EXPECT_EQ(open_catalog(*lost->reboot(CrashPolicy::kDropAll)).incarnation(),
                  known.incarnation + 1);
      }
    }
  }
}

}  // namespace
}  // namespace duolog::storage
