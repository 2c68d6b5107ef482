#include "engine/runtime/mailbox.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <future>
#include <random>
#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <time.h>

#include "engine/runtime/runtime.h"
#include "tests/unit/patience.h"

namespace duolog::runtime {
namespace {

// How many messages the stress tests send; DUOLOG_MAILBOX_MESSAGES sets another number.
std::uint64_t message_count() {
  const char* text = std::getenv("DUOLOG_MAILBOX_MESSAGES");
  return text == nullptr ? 1'000'000 : std::strtoull(text, nullptr, 10);
}

Settings mailbox_settings(std::size_t shards, std::uint32_t credits,
                          BusyPoll busy_poll = BusyPoll::kNever) {
  Settings settings;
  settings.shards = shards;
  settings.pin = false;
  settings.busy_poll = busy_poll;
  settings.mailbox_credits = credits;
  return settings;
}

// Sends numbered requests to its peer whenever it has credit; counts what it is sent and answered.
// Now and then it pauses for less than a millisecond, so that its peer falls asleep.
struct Talker {
  static void on_request(Shard& here, ShardId from, const Message& message) {
    auto& self = *static_cast<Talker*>(message.object);  // the receiver's
    ASSERT_EQ(message.a, self.received) << "in order, nothing lost";
    ++self.received;
    self.maybe_pause();
    here.mailbox().reply(from, Message{.fn = on_reply, .object = self.peer, .a = message.a});
  }
  static void on_reply(Shard& /*here*/, ShardId /*from*/, const Message& message) {
    auto& self = *static_cast<Talker*>(message.object);
    if (++self.answered == self.total) self.done.set_value();
  }
  static void on_credit(CreditWaiter& /*waiter*/, void* context) {
    static_cast<Talker*>(context)->send();
  }

  void send() {
    while (sent < total) {
      if (!shard->mailbox().try_request(to, Message{.fn = on_request, .object = peer, .a = sent})) {
        shard->mailbox().wait_for_credit(to, waiter);
        return;
      }
      ++sent;
    }
  }
  void maybe_pause() {
    if (random() % 4096 == 0)
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
  }

  Shard* shard = nullptr;
  Talker* peer = nullptr;
  ShardId to;
  std::uint64_t total = 0;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t answered = 0;
  std::minstd_rand random{42};
  std::promise<void> done;
  CreditWaiter waiter{on_credit, this};
};

void talk_both_ways(Settings settings, std::uint64_t total) {
  auto runtime = Runtime::start(settings, {});
  ASSERT_TRUE(runtime) << runtime.error().message;
  Talker talkers[2];
  for (std::uint16_t i = 0; i < 2; ++i) {
    talkers[i].shard = &(*runtime)->shard(ShardId(i));
    talkers[i].peer = &talkers[1 - i];
    talkers[i].to = ShardId(static_cast<std::uint16_t>(1 - i));
    talkers[i].total = total;
    talkers[i].random.seed(i + 1U);
  }
  for (std::uint16_t i = 0; i < 2; ++i) {
    (*runtime)->run_on(ShardId(i), [&, i](Shard&) { talkers[i].send(); });
  }
  for (auto& talker : talkers) {
    ASSERT_EQ(talker.done.get_future().wait_for(kPatience), std::future_status::ready);
  }
  (*runtime)->stop();
  for (auto& talker : talkers) {
    EXPECT_EQ(talker.received, total);
    EXPECT_EQ(talker.answered, total);
  }
}

TEST(MailboxTest, NoMessageAndNoWakeIsLostBetweenShardsThatFallAsleepAtRandom) {
  talk_both_ways(mailbox_settings(2, 256), message_count() / 2);
}

TEST(MailboxTest, NoMessageIsLostBetweenShardsThatSpinAdaptively) {
  talk_both_ways(mailbox_settings(2, 256, BusyPoll::kAdaptive), message_count() / 8);
}

TEST(MailboxTest, TwoShardsThatExhaustASingleCreditNeverBlockEachOther) {
  talk_both_ways(mailbox_settings(2, 1), 10'000);
}

// A token of one wake at a time: every hop finds the other shard asleep, or about to be.
TEST(MailboxTest, AWakeOfAShardThatIsFallingAsleepIsNeverLost) {
  struct Hopper {
    static void run(Shard& here, WakeNode& /*node*/, void* context) {
      auto& self = *static_cast<Hopper*>(context);
      if (self.hops->fetch_add(1) + 1 >= self.total) {
        if (self.hops->load() == self.total) self.done->set_value();
        return;
      }
      const ShardId to(static_cast<std::uint16_t>(1 - here.id().value));
      here.mailbox().wake(to, *self.next);
    }
    std::atomic<std::uint64_t>* hops;
    std::uint64_t total;
    std::promise<void>* done;
    WakeNode* next = nullptr;
    WakeNode node{run, this};
  };
  std::atomic<std::uint64_t> hops{0};
  std::promise<void> done;
  Hopper first{&hops, 20'000, &done};
  Hopper second{&hops, 20'000, &done};
  first.next = &second.node;
  second.next = &first.node;
  auto runtime = Runtime::start(mailbox_settings(2, 16), {});
  ASSERT_TRUE(runtime);
  (*runtime)->exchange().wake(ShardId(0), first.node);
  EXPECT_EQ(done.get_future().wait_for(kPatience), std::future_status::ready);
  (*runtime)->stop();
}

TEST(MailboxTest, AWakeThatCoincidesWithItsTakingStillSeesWhatWasPublished) {
  struct Watcher {
    static void run(Shard& /*here*/, WakeNode& /*node*/, void* context) {
      auto& self = *static_cast<Watcher*>(context);
      self.seen.store(self.published.load(std::memory_order_acquire), std::memory_order_release);
      self.seen.notify_all();
    }
    std::atomic<std::uint64_t> published{0};
    std::atomic<std::uint64_t> seen{0};
    WakeNode node{run, this};
  };
  Watcher watcher;
  auto runtime = Runtime::start(mailbox_settings(1, 16), {});
  ASSERT_TRUE(runtime);
  const std::uint64_t total = message_count() / 10;
  for (std::uint64_t i = 1; i <= total; ++i) {
    watcher.published.store(i, std::memory_order_release);
    (*runtime)->exchange().wake(ShardId(0), watcher.node);
  }
  for (std::uint64_t seen = watcher.seen.load(); seen != total; seen = watcher.seen.load()) {
    watcher.seen.wait(seen);
  }
  (*runtime)->stop();
}

TEST(MailboxTest, PostsToAFullMailboxAreRefusedCountedAndPossibleAgainOnceTheyRan) {
  auto runtime = Runtime::start(mailbox_settings(2, 4), {});
  ASSERT_TRUE(runtime);
  std::atomic<int> ran{0};
  std::promise<void> resumed;
  const auto count = [](Shard&, ShardId, const Message& message) {
    static_cast<std::atomic<int>*>(message.object)->fetch_add(1);
  };
  CreditWaiter waiter(
      [](CreditWaiter&, void* context) { static_cast<std::promise<void>*>(context)->set_value(); },
      &resumed);
  (*runtime)->run_on_and_wait(ShardId(0), [&](Shard& shard) {
    for (int i = 0; i < 4; ++i) {
      EXPECT_TRUE(shard.mailbox().try_post(ShardId(1), Message{.fn = count, .object = &ran}));
    }
    EXPECT_FALSE(shard.mailbox().try_post(ShardId(1), Message{.fn = count, .object = &ran}));
    shard.mailbox().wait_for_credit(ShardId(1), waiter);
  });
  ASSERT_EQ(resumed.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(ran.load(), 4);
  (*runtime)->stop();
  EXPECT_EQ((*runtime)->shard(ShardId(0)).counters().mailbox_full.get(), 1U);
}

}  // namespace
}  // namespace duolog::runtime
