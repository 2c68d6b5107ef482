// CompactedPlay: a compacted log on a simulated disk, and the model of what may be found in it.
//
// The latest record of each key is there, unless it is a tombstone whose time is over; what is
// there is what was appended, at its offset. Single-threaded; for tests/sim.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/codec.h"
#include "storage/damage.h"
#include "storage/log_reader.h"
#include "storage/record.h"
#include "storage/record_batch_builder.h"
#include "storage/segment_files.h"
#include "storage/tail.h"
#include "storage/time_search.h"
#include "tests/sim/sim_server.h"

namespace duolog::sim {

using storage::Log;
using storage::LogStore;
using storage::ReadStatus;

inline constexpr std::int64_t kDeleteRetentionMs = 50'000;
inline constexpr const char* kTopic = "t";
inline constexpr const char* kDirectory = "/logs/t-0/";

struct Kept {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::int64_t timestamp = 0;
  bool operator==(const Kept&) const = default;
};

class CompactedPlay {
 public:
  explicit CompactedPlay(std::uint64_t seed, SimServer::Setup setup = cleaner_setup())
      : random_(seed), seed_(seed), setup_(setup) {
    storage::LogConfig config;
    config.segment_bytes = 8 * storage::kKiB;
    config.cleanup_delete = false;
    config.cleanup_compact = true;
    config.min_dirty_ratio = 0;
    config.delete_retention_ms = kDeleteRetentionMs;
    catalog_.topics[kTopic] = {Uuid{{1}}, config, false, {}};
  }
  ~CompactedPlay() {
    if (server_) files_->stop();
  }

  static SimServer::Setup cleaner_setup() {
    SimServer::Setup setup;
    setup.options.cleaner.step_bytes = 4 * storage::kKiB;
    setup.options.cleaner.map_bytes = 40 * storage::KeyOffsets::kSlotBytes;
    setup.options.cleaner.backoff_ms = 0;
    return setup;
  }

  [[nodiscard]] storage::LogConfig& config() { return catalog_.topics.at(kTopic).config; }
  [[nodiscard]] SimFiles& files() { return *files_; }
  [[nodiscard]] SimServer& server() { return *server_; }
  [[nodiscard]] Log& log() { return server_->log(kTopic); }
  [[nodiscard]] const std::map<std::int64_t, Kept>& appended() const { return appended_; }

  void start() {
    setup_.now_ms = now_ms_;
    auto started = SimServer::start(*files_, catalog_, seed_, setup_);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    (void)log();
  }
  void reboot(CrashPolicy policy, std::uint64_t seed) {
    if (server_) now_ms_ = server_->now_ms();
    server_.reset();
    files_ = files_->reboot(policy, seed);
  }
  void restart() {
    server_->stop();
    now_ms_ = server_->now_ms();
    server_.reset();
    EXPECT_EQ(files_->open_files(), 0U);
    EXPECT_EQ(files_->mappings(), 0U);
    start();
  }

  void append(std::size_t records, std::size_t keys, std::size_t value_bytes) {
    storage::RecordBatchBuilder builder;
    std::vector<Kept> added(records);
    for (Kept& one : added) {
      one.key = "key-" + std::to_string(random_() % keys);
      if (random_() % 6 != 0)
        one.value = std::string(value_bytes, static_cast<char>('a' + random_() % 26));
      one.timestamp = server_->now_ms() - static_cast<std::int64_t>(random_() % 1000);
      storage::NewRecord record{.timestamp = Timestamp(one.timestamp), .key = as_bytes(*one.key)};
      if (one.value) record.value = as_bytes(*one.value);
      ASSERT_TRUE(builder.add(record));
    }
    const Bytes batch = builder.finish();
    const BatchTime time{batch};
    Offset base;
    for (int turns = 0;; ++turns) {
      ASSERT_LT(turns, 20'000);
      const auto outcome = server_->store().append(log(), batch, static_cast<std::int32_t>(records),
                                                   time.max(), Timestamp(server_->now_ms()), base);
      if (outcome == LogStore::Append::kDone) break;
      ASSERT_EQ(outcome, LogStore::Append::kWait) << server_->store().last_error().message;
      server_->turn();
    }
    for (std::size_t i = 0; i < records; ++i) {
      appended_[base.value + static_cast<std::int64_t>(i)] = added[i];
    }
  }
  // About two segments, on disk, and a third that is begun.
  void fill(std::size_t batches = 40, std::size_t keys = 20) {
    for (std::size_t i = 0; i < batches; ++i) append(1 + random_() % 4, keys, 200);
    server_->settle();
  }
  // A second, in which what can be cleaned is; the turns that it takes.
  void clean() {
    server_->advance_clock(1000);
    tick();
    for (int i = 0; i < 2000 && server_->disk().queued() > 0; ++i) server_->turn();
    server_->settle();
    tick();
    server_->settle();
  }
  void tick() {
    server_->store().tick(Timestamp(server_->now_ms()));
    server_->store().clean(Timestamp(server_->now_ms()), Timestamp(server_->now_ms()));
  }
  [[nodiscard]] Offset first_dirty() { return log().tail->cleaned.first_dirty; }
  void move_start(Offset start) { server_->move_start(kTopic, start); }

  // What a reader finds from the log's start on.
  std::map<std::int64_t, Kept> read_all() {
    std::map<std::int64_t, Kept> found;
    Buffer scratch;
    Position position = seek(log().start_offset());
    Offset next = log().start_offset();
    while (position < log().high_watermark().position) {
      const auto batch = warmed([&] { return storage::read_batch(log(), position, scratch); });
      EXPECT_EQ(batch.status, ReadStatus::kOk) << "behind offset " << next.value;
      if (batch.status != ReadStatus::kOk) return found;
      EXPECT_TRUE(storage::crc_matches(batch.bytes));
      EXPECT_GE(batch.header.next_offset(), next);
      next = batch.header.next_offset();
      position = batch.next;
      if (batch.header.is_control()) continue;
      EXPECT_TRUE(storage::for_each_record(
          batch.header, storage::records_of(batch.bytes, batch.header),
          [&](const storage::Record& record) {
            if (record.offset < log().start_offset()) return;
            Kept one{.timestamp = record.timestamp.value};
            if (record.key) one.key = std::string(as_text(*record.key));
            if (record.value) one.value = std::string(as_text(*record.value));
            EXPECT_TRUE(found.emplace(record.offset.value, one).second) << "twice";
          }));
    }
    EXPECT_EQ(next, log().high_watermark().offset);
    return found;
  }
  // Holds what is read to the model; after a crash the log may end earlier. `at_most_lost`: what
  // has been acked by then.
  void check(Offset acked = {}) {
    ASSERT_GE(log().high_watermark().offset, acked) << "what was acked is lost";
    std::erase_if(appended_, [&](const auto& one) {
      return one.first >= log().high_watermark().offset.value;
    });
    const auto found = read_all();
    std::map<std::string, std::int64_t> latest;
    for (const auto& [offset, one] : appended_) latest[*one.key] = offset;
    for (const auto& [offset, one] : found) {
      ASSERT_TRUE(appended_.contains(offset)) << offset;
      ASSERT_EQ(one, appended_.at(offset)) << "changed: " << offset;
    }
    for (const auto& [key, offset] : latest) {
      if (found.contains(offset) || Offset(offset) < log().start_offset()) continue;
      ASSERT_FALSE(appended_.at(offset).value) << "the newest value of " << key << ", " << offset;
      ASSERT_GE(server_->now_ms(), appended_.at(offset).timestamp + kDeleteRetentionMs)
          << "a tombstone before its horizon: " << offset;
    }
    // Each offset is found, or the next one that is there.
    for (std::int64_t at = log().start_offset().value; at < log().high_watermark().offset.value;
         at += 7) {
      Buffer scratch;
      const auto batch =
          warmed([&] { return storage::read_batch(log(), seek(Offset(at)), scratch); });
      ASSERT_EQ(batch.status, ReadStatus::kOk);
      ASSERT_GE(batch.header.last_offset(), Offset(at));
    }
  }

  template <class Ask>
  std::invoke_result_t<Ask> warmed(Ask ask) {
    for (int times = 0;; ++times) {
      auto answer = ask();
      if (answer.status != ReadStatus::kCold || times == 64) return answer;
      bool warm = false;
      storage::warm_up(server_->disk(), answer.cold, [&](const Result<void>& outcome) {
        EXPECT_TRUE(outcome || files_->stopped()) << outcome.error().message;
        warm = true;
      });
      while (!warm) server_->disk().step();
      if (files_->stopped()) throw MachineStopped{};
    }
  }
  Position seek(Offset offset) {
    const auto sought = warmed([&] { return storage::seek(log(), offset); });
    EXPECT_EQ(sought.status, ReadStatus::kOk) << offset.value;
    return sought.position;
  }

 private:
  struct BatchTime {
    Bytes batch;
    [[nodiscard]] Timestamp max() const {
      return Timestamp(load_be<std::int64_t>(batch.data() + storage::batch_at::kMaxTimestamp));
    }
  };

  std::mt19937_64 random_;
  std::uint64_t seed_;
  SimServer::Setup setup_;
  std::int64_t now_ms_ = 1'700'000'000'000;
  SimCatalog catalog_;
  std::unique_ptr<SimFiles> files_ = std::make_unique<SimFiles>();
  std::unique_ptr<SimServer> server_;
  std::map<std::int64_t, Kept> appended_;
};

}  // namespace duolog::sim
