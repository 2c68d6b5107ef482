// A log on a simulated disk that is damaged and repaired: what `storage::repair` does with it, and
// what a server gives back afterwards. For tests/sim.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/batch_walker.h"
#include "storage/catalog.h"
#include "storage/repair.h"
#include "tests/sim/log_play.h"

namespace duolog::sim {

inline constexpr const char* kHurtDirectory = "/logs/hurt-0";
inline constexpr std::uint64_t kHurtValueBytes = 10 * storage::kKiB;
inline constexpr std::uint64_t kHurtSegmentBytes = 64 * storage::kKiB;
inline constexpr int kHurtBatches = 27;  // of a record each: 5 segments, the last one not full

// The catalog of a server that has started often enough.
inline void make_repair_catalog(SimFiles& files, const std::string& name = "hurt") {
  constexpr int kStarts = 20;
  ASSERT_TRUE(files.make_directory("/meta"));
  ASSERT_TRUE(files.sync_directory("/"));
  auto catalog = storage::Catalog::open(files, "/meta");
  ASSERT_TRUE(catalog);
  storage::TopicRecord topic;
  topic.name = name;
  topic.id = Uuid{{1}};
  ASSERT_TRUE(catalog->create_topic(topic));
  for (int i = 0; i < kStarts; ++i) ASSERT_TRUE(catalog->begin_incarnation());
}

inline Result<storage::RepairReport> run_repair(SimFiles& files) {
  auto catalog = storage::Catalog::open(files, "/meta");
  if (!catalog) return std::unexpected(catalog.error());
  storage::RepairInput input =
      storage::repair_input(*catalog, "/logs", "/journal", "/kept-journals");
  input.aside = "/aside";
  return storage::repair(files, *catalog, input);
}

inline Offset repaired_start(SimFiles& files) {
  auto catalog = storage::Catalog::open(files, "/meta");
  EXPECT_TRUE(catalog);
  return catalog->log_start(Uuid{{1}}, PartitionId(0));
}

struct StoredBatch {
  std::string path;  // of its segment
  std::uint64_t position = 0;
  std::uint64_t size_bytes = 0;
};

// Of a log that is whole: where the batch of each offset is.
inline std::vector<StoredBatch> stored_batches(SimFiles& files) {
  std::vector<StoredBatch> stored;
  const auto entries = files.list(kHurtDirectory);
  for (const auto& entry : *entries) {
    if (!entry.name.ends_with(".log")) continue;
    const std::string path = std::string(kHurtDirectory) + "/" + entry.name;
    auto file = files.open(path, storage::OpenMode::kRead);
    EXPECT_TRUE(file);
    storage::BatchWalker walker(files, *file, 0, *files.size(*file));
    for (auto step = walker.next(); step && *step == storage::BatchWalker::Step::kBatch;
         step = walker.next()) {
      stored.push_back({path, walker.position(), walker.header().size_bytes()});
    }
    files.close(*file);
  }
  return stored;
}

// A log of several segments; its server was killed after `restarts`: two leave nothing of it in the
// journal.
inline Play hurt_play(int restarts, SimServer::Setup setup = {}) {
  Script script;
  for (int i = 0; i < kHurtBatches; ++i) {
    script.push_back({What::kAppend, "hurt", kHurtValueBytes});
    script.push_back({What::kSettle, ""});
  }
  for (int i = 0; i < restarts; ++i) script.push_back({What::kRestart, ""});
  Play play(script, setup, 1);
  play.add_topic("hurt", kHurtSegmentBytes);
  EXPECT_TRUE(play.run());
  play.server().settle();
  play.files().stop();
  play.reboot(CrashPolicy::kKill, 1);
  make_repair_catalog(play.files());
  return play;
}

// Damages the journal's group of that sequence number.
inline void damage_group(SimFiles& files, std::uint64_t sequence) {
  const auto entries = files.list("/journal/0000");
  for (const auto& entry : *entries) {
    const std::string path = "/journal/0000/" + entry.name;
    const auto content = files.content(path);
    for (std::uint64_t at = 0; at < content.size(); at += storage::kBlockBytes) {
      const auto header = storage::read_group(Bytes(content).subspan(at));
      if (!header || header->sequence != sequence) continue;
      files.flip_bit(path, at + 200);
      return;
    }
  }
  FAIL() << "the journal has no group " << sequence;
}

// Damages a byte of a stored batch, and every group of the journal that has it.
inline void damage_everywhere(SimFiles& files, const StoredBatch& batch, std::uint64_t byte) {
  const std::uint64_t at = batch.position + byte;
  files.flip_bit(batch.path, at, 2);
  const Offset segment(std::stoll(batch.path.substr(batch.path.rfind('/') + 1)));
  const auto files_there = files.list("/journal/0000");
  for (const auto& file : *files_there) {
    const std::string path = "/journal/0000/" + file.name;
    const auto content = files.content(path);
    for (std::uint64_t block = 0; block < content.size(); block += storage::kBlockBytes) {
      const Bytes group = Bytes(content).subspan(block);
      const auto header = storage::read_group(group);
      if (!header) continue;
      storage::EntryReader entries(*header, group);
      storage::JournalEntry entry;
      for (auto more = entries.next(entry); more && *more; more = entries.next(entry)) {
        if (entry.segment != segment || entry.position > at ||
            entry.position + entry.size_bytes <= at) {
          continue;
        }
        files.flip_bit(path, block + 100);
        break;
      }
    }
  }
}

// A server starts, and gives back every record but the lost ones, which it passes over.
inline void expect_all_but(Play& play, const std::set<std::int64_t>& lost) {
  play.move_start_of("hurt", repaired_start(play.files()));
  play.start();
  if (::testing::Test::HasFatalFailure()) return;
  Log& log = play.server().log("hurt");
  const Model& model = play.model("hurt");
  std::set<std::int64_t> missing;
  for (std::int64_t n = 0; n < static_cast<std::int64_t>(model.appended.size()); ++n) {
    missing.insert(n);
  }
  Position position = play.seek(log, log.start_offset());
  Offset next = log.start_offset();
  Buffer scratch;
  while (position < log.high_watermark().position) {
    const auto batch = play.read(log, position, scratch);
    ASSERT_EQ(batch.status, ReadStatus::kOk) << "at offset " << next.value;
    ASSERT_EQ(batch.header.base_offset, next);
    ASSERT_TRUE(storage::crc_matches(batch.bytes));
    if (!batch.header.is_control()) {
      const Batch& wanted = model.appended.at(static_cast<std::size_t>(next.value));
      ASSERT_EQ(batch.bytes.size(), wanted.size());
      ASSERT_TRUE(std::equal(wanted.begin() + 16, wanted.end(), batch.bytes.begin() + 16));
      missing.erase(next.value);
    }
    next = batch.header.next_offset();
    position = batch.next;
  }
  EXPECT_EQ(next.value, static_cast<std::int64_t>(model.appended.size()));
  EXPECT_EQ(missing, lost);
  Offset base;
  const Batch more = make_batch(8, model.appended.size() + 1000, 1000);
  while (play.retry(log, more, base) == LogStore::Append::kWait) play.server().turn();
  EXPECT_EQ(base, next);
  play.server().settle();
}

}  // namespace duolog::sim
