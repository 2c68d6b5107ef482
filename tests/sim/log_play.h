// Play: a script of appends, rolls, deletions, moves of a log's start and restarts, on a simulated
// disk, with a model of what was appended and acked.
//
// Every log has two idempotent producers. What they may send again is sent again after each append
// and each recovery, and must not be appended again. Single-threaded; for tests/sim.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/log_reader.h"
#include "storage/record_batch_builder.h"
#include "tests/sim/sim_server.h"

namespace duolog::sim {

using storage::Durability;
using storage::Log;
using storage::LogStore;
using storage::ReadStatus;

inline constexpr std::uint64_t kKiB = storage::kKiB;

using Batch = std::vector<std::uint8_t>;

// Each log has two idempotent producers, whose batches come in turn.
inline constexpr std::size_t kProducers = 2;
inline constexpr std::int64_t kFirstProducerId = 4000;

// Says whose batch it is that is the log's n-th, and which of theirs; these producers' first one
// was the log's `first`-th.
inline void stamp(MutableBytes batch, std::uint64_t n, std::uint64_t first) {
  std::uint8_t* at = batch.data();
  store_be<std::int64_t>(
      at + storage::batch_at::kProducerId,
      kFirstProducerId + static_cast<std::int64_t>(first * kProducers + n % kProducers));
  store_be<std::int16_t>(at + storage::batch_at::kProducerEpoch, 0);
  store_be<std::int32_t>(at + storage::batch_at::kBaseSequence,
                         static_cast<std::int32_t>((n - first) / kProducers));
  storage::store_crc(batch);
}

// One batch of one record; `size_bytes` of value.
inline Batch make_batch(std::size_t size_bytes, std::uint64_t seed, std::uint64_t first = 0) {
  std::mt19937_64 random(seed);
  std::vector<std::uint8_t> value(size_bytes);
  for (std::size_t at = 0; at < size_bytes; at += 8) {
    const std::uint64_t word = random();
    std::memcpy(value.data() + at, &word, std::min<std::size_t>(8, size_bytes - at));
  }
  storage::RecordBatchBuilder builder(8U << 20);
  EXPECT_TRUE(builder.add({Timestamp(1'700'000'000'000 + static_cast<std::int64_t>(seed)),
                           std::nullopt,
                           Bytes(value),
                           {}}));
  const MutableBytes batch = builder.finish();
  stamp(batch, seed, first);
  return {batch.begin(), batch.end()};
}

// What the test knows of a topic.
struct Model {
  std::vector<Batch> appended;  // one record each, so that the index is the offset
  std::size_t acked = 0;
  std::size_t kept = 0;  // found by a recovery, so that it stays from then on
  // Where its producers began. What they have sent may be lost from an empty log: others go on.
  std::size_t first = 0;
};

struct Ack : storage::AckWaiter {
  Model* model = nullptr;
  std::size_t count = 0;
};

enum class What { kAppend, kTurn, kSettle, kRemove, kRestart, kTick, kMoveStart, kRetention };
struct Step {
  What what;
  std::string topic;
  std::uint64_t amount = 1;  // value bytes, turns, ms, or per cent of what can go
};
using Script = std::vector<Step>;

class Play {
 public:
  Play(Script script, SimServer::Setup setup, std::uint64_t seed)
      : script_(std::move(script)), setup_(setup), seed_(seed) {}
  Play(Play&&) = default;
  ~Play() {
    if (server_) files_->stop();
    acks_.clear();
  }

  void add_topic(const std::string& name, std::uint64_t segment_bytes,
                 Durability durability = Durability::kFsync, std::int64_t retention_bytes = -1) {
    storage::LogConfig config;
    config.segment_bytes = segment_bytes;
    config.durability = durability;
    config.retention_bytes = retention_bytes;
    add_topic(name, config);
  }
  void add_topic(const std::string& name, const storage::LogConfig& config) {
    Uuid id;
    id.bytes[0] = static_cast<std::uint8_t>(catalog_.topics.size() + 1);
    catalog_.topics[name] = {id, config, false, {}};
  }

  [[nodiscard]] bool has(const std::string& topic) const { return catalog_.topics.contains(topic); }
  [[nodiscard]] SimFiles& files() { return *files_; }
  [[nodiscard]] SimServer& server() { return *server_; }
  [[nodiscard]] Model& model(const std::string& topic) { return models_[topic]; }
  [[nodiscard]] bool failed() const { return ::testing::Test::HasFailure(); }

  // As somebody else has told the catalog.
  void move_start_of(const std::string& topic, Offset start) {
    catalog_.topics.at(topic).start = start;
  }

  void start() {
    auto started = SimServer::start(*files_, catalog_, seed_, setup_);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }

  // Runs the script. False when the machine stopped.
  bool run() {
    try {
      if (!server_) start();
      for (; next_ < script_.size() && !failed(); ++next_) perform(script_[next_]);
      return true;
    } catch (const MachineStopped&) {
      return false;
    }
  }

  void perform(const Step& step) {
    if (!step.topic.empty() && catalog_.topics.at(step.topic).deleted) return;
    switch (step.what) {
      case What::kAppend:
        return append(step.topic, step.amount);
      case What::kTurn:
        for (std::uint64_t i = 0; i < step.amount; ++i) server_->turn();
        return;
      case What::kSettle:
        return server_->settle();
      case What::kRemove:
        server_->remove(step.topic);
        models_.erase(step.topic);
        return;
      case What::kTick:
        server_->advance_clock(static_cast<std::int64_t>(step.amount));
        return server_->store().tick(Timestamp(server_->now_ms()));
      case What::kMoveStart: {
        const Log& log = server_->log(step.topic);
        const std::int64_t can_go = log.high_watermark().offset - log.start_offset();
        return server_->move_start(
            step.topic, log.start_offset() + can_go * static_cast<std::int64_t>(step.amount) / 100);
      }
      case What::kRetention:
        return server_->check_retention();
      case What::kRestart:
        server_->stop();
        for (const auto& [topic, model] : models_) {
          EXPECT_EQ(model.acked, model.appended.size()) << topic << ": stopped, and not acked";
        }
        acks_.clear();
        server_.reset();
        EXPECT_EQ(files_->open_files(), 0U);
        EXPECT_EQ(files_->mappings(), 0U);
        start();
        return check();
    }
  }

  [[nodiscard]] LogStore::Append try_append(const std::string& topic, std::uint64_t value_bytes) {
    Model& model = models_[topic];
    Log& log = server_->log(topic);
    Batch batch = make_batch(value_bytes, model.appended.size(), model.first);
    Offset base;
    const auto timestamp = Timestamp(1'700'000'000'000 + static_cast<int>(model.appended.size()));
    const auto outcome =
        server_->store().append(log, batch, 1, timestamp, Timestamp(server_->now_ms()), base);
    if (outcome != LogStore::Append::kDone) return outcome;
    EXPECT_EQ(base.value, static_cast<std::int64_t>(model.appended.size()));
    model.appended.push_back(std::move(batch));
    acks_.push_back(std::make_unique<Ack>());
    Ack& ack = *acks_.back();
    ack.model = &model;
    ack.count = model.appended.size();
    ack.done = [](storage::AckWaiter& waiter, Result<void> result) {
      auto& self = static_cast<Ack&>(waiter);
      if (result) self.model->acked = std::max(self.model->acked, self.count);
    };
    LogStore::when_durable(log, log.appended().position, ack);
    retry_window(topic);
    return outcome;
  }

  [[nodiscard]] LogStore::Append retry(Log& log, const Batch& batch, Offset& base) {
    return server_->store().append(log, batch, 1, Timestamp(1), Timestamp(server_->now_ms()), base);
  }

  // What the producers may still send again is in the log once, and nothing else is let through
  // but what comes next.
  void retry_window(const std::string& topic) {
    Log& log = server_->log(topic);
    const auto& appended = models_[topic].appended;
    // What is below the start of the log is known as well, but for what a power loss may take.
    const bool lossy = catalog_.topics.at(topic).config.durability == Durability::kOs;
    const auto start =
        lossy ? static_cast<std::size_t>(log.start_offset().value) : models_[topic].first;
    const Position end = log.appended().position;
    for (std::size_t back = 1; back <= kProducers * storage::kProducerWindow; ++back) {
      if (back + start > appended.size()) break;
      const std::size_t n = appended.size() - back;
      Offset base;
      ASSERT_EQ(retry(log, appended[n], base), LogStore::Append::kDuplicate) << "batch " << n;
      ASSERT_EQ(base.value, static_cast<std::int64_t>(n));
    }
    if (appended.size() >= start + kProducers) {
      Offset base;
      const Batch gap = make_batch(8, appended.size() + kProducers, models_[topic].first);
      ASSERT_EQ(retry(log, gap, base), LogStore::Append::kOutOfOrder);
    }
    ASSERT_EQ(log.appended().position, end) << "a duplicate was appended";
  }

  void append(const std::string& topic, std::uint64_t value_bytes) {
    for (int turns = 0; turns < 20'000; ++turns) {
      const auto outcome = try_append(topic, value_bytes);
      if (outcome == LogStore::Append::kDone) return;
      ASSERT_EQ(outcome, LogStore::Append::kWait) << server_->store().last_error().message;
      server_->turn();
    }
    FAIL() << "an append to " << topic << " waits for ever";
  }

  // Another machine takes its place, which has the same log.
  void use(std::unique_ptr<SimFiles> files) {
    if (server_) files_->stop();
    acks_.clear();
    server_.reset();
    files_ = std::move(files);
  }

  // The machine, as it was stopped, comes up again under the policy.
  void reboot(CrashPolicy policy, std::uint64_t seed) {
    if (server_) promise_visible();
    acks_.clear();
    server_.reset();
    if (policy != CrashPolicy::kKill) forget_unflushed();
    files_ = files_->reboot(policy, seed);
  }

  // Everything acked is there, in order, whole, but for logs that are offline.
  void check() {
    for (auto& [topic, model] : models_) {
      SCOPED_TRACE(topic);
      Log& log = server_->log(topic);
      if (log.offline) continue;
      ASSERT_EQ(log.start_offset(), catalog_.topics.at(topic).start);
      auto found = static_cast<std::size_t>(log.start_offset().value);
      Position position = seek(log, log.start_offset());
      std::int32_t epoch = 0;
      Buffer scratch;
      while (position < log.high_watermark().position) {
        const auto batch = read(log, position, scratch);
        ASSERT_EQ(batch.status, ReadStatus::kOk) << "at offset " << found;
        ASSERT_LT(found, model.appended.size());
        const Batch& wanted = model.appended[found];
        ASSERT_EQ(batch.header.base_offset.value, static_cast<std::int64_t>(found));
        ASSERT_TRUE(storage::crc_matches(batch.bytes));
        ASSERT_EQ(batch.bytes.size(), wanted.size());
        ASSERT_TRUE(std::equal(wanted.begin() + 16, wanted.end(), batch.bytes.begin() + 16));
        ASSERT_GE(batch.header.leader_epoch.value, epoch);
        epoch = batch.header.leader_epoch.value;
        position = batch.next;
        ++found;
      }
      ASSERT_EQ(log.high_watermark().offset.value, static_cast<std::int64_t>(found));
      ASSERT_EQ(log.appended().offset, log.high_watermark().offset);
      ASSERT_GE(found, std::max(model.acked, model.kept)) << "what was acked is lost";
      model.appended.resize(found);
      model.acked = model.kept = found;
      const bool lossy = catalog_.topics.at(topic).config.durability == Durability::kOs;
      if (lossy && log.start_offset() == log.high_watermark().offset) model.first = found;
      retry_window(topic);
    }
  }

  template <class Ask>
  auto warmed(Ask ask) {
    for (;;) {
      auto answer = ask();
      if (answer.status != ReadStatus::kCold) return answer;
      bool warm = false;
      storage::warm_up(server_->disk(), answer.cold, [&](Result<void> outcome) {
        // An index that is written may be what the machine stops at.
        EXPECT_TRUE(outcome || files_->stopped()) << outcome.error().message;
        warm = true;
      });
      while (!warm) server_->disk().step();
      if (files_->stopped()) throw MachineStopped{};
    }
  }
  Position seek(Log& log, Offset offset) {
    const auto sought = warmed([&] { return storage::seek(log, offset); });
    EXPECT_EQ(sought.status, ReadStatus::kOk);
    return sought.position;
  }
  storage::BatchRead read(Log& log, Position position, Buffer& scratch) {
    return warmed([&] { return storage::read_batch(log, position, scratch); });
  }

  std::uint64_t next_ = 0;

 private:
  // What consumers may have seen stays, as what was acked does.
  void promise_visible() {
    for (auto& [topic, model] : models_) {
      const auto visible = server_->log(topic).high_watermark().offset.value;
      model.acked = std::max(model.acked, static_cast<std::size_t>(visible));
    }
  }

  // Power loss may take what was promised to survive a kill only.
  void forget_unflushed() {
    for (auto& [topic, model] : models_) {
      if (catalog_.topics.at(topic).config.durability == Durability::kOs) model.acked = 0;
    }
  }

  Script script_;
  SimServer::Setup setup_;
  std::uint64_t seed_;
  SimCatalog catalog_;
  std::unique_ptr<SimFiles> files_ = std::make_unique<SimFiles>();
  std::unique_ptr<SimServer> server_;
  std::map<std::string, Model> models_;
  std::vector<std::unique_ptr<Ack>> acks_;
};

// `act`, of a play that `make` makes, is cut short at each of its steps, and every outcome of that
// crash is recovered and checked.
template <class Make, class Act>
void expect_survived_at_every_step(Make make, Act act) {
  Play whole = make();
  const auto before = whole.files().steps();
  act(whole);
  const std::uint64_t steps = whole.files().steps() - before;
  ASSERT_GT(steps, 0U);
  for (std::uint64_t step = 1; step <= steps; ++step) {
    for (const CrashPolicy policy : kCrashPolicies) {
      SCOPED_TRACE("step " + std::to_string(step));
      Play play = make();
      play.files().crash_after(step);
      try {
        act(play);
      } catch (const MachineStopped&) {
      }
      ASSERT_TRUE(play.files().stopped());
      play.reboot(policy, step);
      play.start();
      if (::testing::Test::HasFailure()) return;
      play.check();
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace duolog::sim
