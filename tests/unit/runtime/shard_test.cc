#include "engine/runtime/shard.h"

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include <gtest/gtest.h>
#include <pthread.h>
#include <time.h>

#include "engine/runtime/runtime.h"
#include "tests/unit/patience.h"

namespace duolog::runtime {
namespace {

using namespace std::chrono_literals;

Settings settings_of(std::size_t shards) {
  Settings settings;
  settings.shards = shards;
  settings.pin = false;
  return settings;
}

TEST(ShardTest, StartAndStopFunctionsRunOnceOnEachShard) {
  std::atomic<int> starts{0};
  std::atomic<int> stops{0};
  auto runtime = Runtime::start(settings_of(3), {.start = [&](Shard& shard) -> Result<void> {
                                                   EXPECT_EQ(Shard::current(), &shard);
                                                   ++starts;
                                                   return {};
                                                 },
                                                 .stop =
                                                     [&](Shard& shard) {
                                                       EXPECT_EQ(Shard::current(), &shard);
                                                       ++stops;
                                                     }});
  ASSERT_TRUE(runtime);
  EXPECT_EQ(Shard::current(), nullptr);
  (*runtime)->stop();
  (*runtime)->stop();
  EXPECT_EQ(starts, 3);
  EXPECT_EQ(stops, 3);
}

TEST(ShardTest, AFailedStartIsReportedAndTheOthersAreStopped) {
  std::atomic<int> stops{0};
  auto runtime = Runtime::start(settings_of(3), {.start = [](Shard& shard) -> Result<void> {
                                                   if (shard.id() == ShardId(1))
                                                     return fail(Errc::kBusy, "port in use");
                                                   return {};
                                                 },
                                                 .stop = [&](Shard&) { ++stops; }});
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, Errc::kBusy);
  EXPECT_EQ(stops, 2);
}

TEST(ShardTest, AHeldShardGoesOnTurningUntilItIsReleased) {
  std::atomic<bool> expired{false};
  struct Last {
    static void run(Timer& /*timer*/, void* context) {
      *static_cast<std::atomic<bool>*>(context) = true;
      Shard::current()->release();
    }
  };
  Timer timer(Last::run, &expired);
  auto runtime =
      Runtime::start(settings_of(2), {.start = nullptr, .stop = [&](Shard& shard) {
                                        if (shard.id() != ShardId(0)) return;
                                        shard.hold();
                                        shard.timers().arm(timer, shard.now_ns() + 20'000'000);
                                      }});
  ASSERT_TRUE(runtime);
  (*runtime)->stop();
  EXPECT_TRUE(expired);
}

TEST(ShardTest, TurnEndHooksRunOnceATurnAndWhatTheyMarkRunsInTheSameTurn) {
  auto runtime = Runtime::start(settings_of(1), {});
  ASSERT_TRUE(runtime);
  std::string order;
  TurnHook second([](TurnHook&, void* context) { static_cast<std::string*>(context)->append("2"); },
                  &order);
  struct Context {
    std::string& order;
    TurnHook& second;
  } context{order, second};
  TurnHook first(
      [](TurnHook&, void* its_context) {
        auto& the = *static_cast<Context*>(its_context);
        the.order.append("1");
        Shard::current()->at_turn_end(the.second);
      },
      &context);
  (*runtime)->run_on_and_wait(ShardId(0), [&](Shard& shard) {
    shard.at_turn_end(first);
    shard.at_turn_end(first);
  });
  (*runtime)->run_on_and_wait(ShardId(0), [&](Shard&) { EXPECT_EQ(order, "12"); });
  (*runtime)->stop();
}

TEST(ShardTest, ATimerExpiresNotBeforeItsDeadlineAndSoonAfter) {
  auto runtime = Runtime::start(settings_of(1), {});
  ASSERT_TRUE(runtime);
  std::promise<std::uint64_t> expired;
  Timer timer(
      [](Timer&, void* context) {
        static_cast<std::promise<std::uint64_t>*>(context)->set_value(monotonic_ns());
      },
      &expired);
  std::uint64_t deadline_ns = 0;
  (*runtime)->run_on_and_wait(ShardId(0), [&](Shard& shard) {
    deadline_ns = shard.now_ns() + 5'000'000;
    shard.timers().arm(timer, deadline_ns);
  });
  auto future = expired.get_future();
  ASSERT_EQ(future.wait_for(kPatience), std::future_status::ready);
  EXPECT_GE(future.get(), deadline_ns);
  (*runtime)->stop();
}

TEST(ShardTest, JanitorJobsComeBackToTheShardThatSubmittedThem) {
  auto runtime = Runtime::start(settings_of(2), {});
  ASSERT_TRUE(runtime);
  constexpr int kJobs = 100;
  for (std::uint16_t i = 0; i < 2; ++i) {
    std::promise<void> all_done;
    int done = 0;
    (*runtime)->run_on(ShardId(i), [&](Shard& shard) {
      for (int job = 0; job < kJobs; ++job) {
        shard.run_on_janitor([] { EXPECT_EQ(Shard::current(), nullptr); },
                             [&] {
                               EXPECT_EQ(Shard::current(), &shard);
                               if (++done == kJobs) all_done.set_value();
                             });
      }
      EXPECT_EQ(done, 0) << "never from within the call";
    });
    ASSERT_EQ(all_done.get_future().wait_for(kPatience), std::future_status::ready);
  }
  (*runtime)->stop();
}

TEST(ShardTest, StoppingWaitsForJanitorJobs) {
  auto runtime = Runtime::start(settings_of(2), {});
  ASSERT_TRUE(runtime);
  std::promise<void> may_end;
  bool done = false;
  (*runtime)->run_on_and_wait(ShardId(0), [&](Shard& shard) {
    shard.run_on_janitor([&] { may_end.get_future().wait(); }, [&] { done = true; });
  });
  std::jthread stopper([&] { (*runtime)->stop(); });
  may_end.set_value();
  stopper.join();
  EXPECT_TRUE(done);
}

TEST(ShardTest, RetiredMemoryIsReleasedWhileEveryShardSleeps) {
  auto runtime = Runtime::start(settings_of(2), {});
  ASSERT_TRUE(runtime);
  std::promise<void> released;
  (*runtime)->run_on(ShardId(0),
                     [&](Shard& shard) { shard.retired().retire([&] { released.set_value(); }); });
  EXPECT_EQ(released.get_future().wait_for(kPatience), std::future_status::ready);
  (*runtime)->stop();
}

TEST(ShardTest, ASleepingShardUsesNoProcessor) {
  auto runtime = Runtime::start(settings_of(2), {});
  ASSERT_TRUE(runtime);
  const auto turns = [&] {
    return (*runtime)->shard(ShardId(0)).counters().turns.get() +
           (*runtime)->shard(ShardId(1)).counters().turns.get();
  };
  // Once asleep it takes no turn: wait for an interval without one.
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::uint64_t before = 0;
  do {
    before = turns();
    std::this_thread::sleep_for(50ms);
  } while (turns() != before && std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(turns(), before);
  EXPECT_GT((*runtime)->shard(ShardId(0)).counters().sleeps.get(), 0U);
  (*runtime)->stop();
}

TEST(ShardTest, AShardThatAlwaysSpinsStillTakesMessagesTimersAndStops) {
  Settings settings = settings_of(1);
  settings.busy_poll = BusyPoll::kAlways;
  auto runtime = Runtime::start(settings, {});
  ASSERT_TRUE(runtime);
  std::promise<void> expired;
  Timer timer([](Timer&, void* context) { static_cast<std::promise<void>*>(context)->set_value(); },
              &expired);
  (*runtime)->run_on_and_wait(
      ShardId(0), [&](Shard& shard) { shard.timers().arm(timer, shard.now_ns() + 1'000'000); });
  EXPECT_EQ(expired.get_future().wait_for(kPatience), std::future_status::ready);
  (*runtime)->stop();
  EXPECT_EQ((*runtime)->shard(ShardId(0)).counters().sleeps.get(), 0U);
}

}  // namespace
}  // namespace duolog::runtime
