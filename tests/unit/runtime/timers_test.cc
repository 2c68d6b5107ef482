#include "engine/runtime/timers.h"

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace duolog::runtime {
namespace {

struct Recorded {
  Recorded(std::vector<int>& the_order, int its_id) : order(the_order), id(its_id) {}
  static void expired(Timer& /*timer*/, void* context) {
    auto& self = *static_cast<Recorded*>(context);
    self.order.push_back(self.id);
  }
  std::vector<int>& order;
  int id;
  Timer timer{expired, this};
};

TEST(TimersTest, ExpireInOrderOfDeadlineAndThenOfArming) {
  Timers timers;
  std::vector<int> order;
  Recorded late(order, 1);
  Recorded early(order, 2);
  Recorded early_too(order, 3);
  timers.arm(late.timer, 300);
  timers.arm(early.timer, 100);
  timers.arm(early_too.timer, 100);
  EXPECT_EQ(timers.next_deadline_ns(), 100U);
  EXPECT_EQ(timers.expire(99), 0U);
  EXPECT_EQ(timers.expire(300), 3U);
  EXPECT_EQ(order, (std::vector<int>{2, 3, 1}));
  EXPECT_EQ(timers.next_deadline_ns(), Timers::kNever);
}

TEST(TimersTest, CancelledAndDestroyedTimersDoNotExpire) {
  Timers timers;
  std::vector<int> order;
  Recorded kept(order, 1);
  Recorded cancelled(order, 2);
  auto destroyed = std::make_unique<Recorded>(order, 3);
  timers.arm(kept.timer, 10);
  timers.arm(cancelled.timer, 5);
  timers.arm(destroyed->timer, 6);
  timers.cancel(cancelled.timer);
  destroyed.reset();
  EXPECT_EQ(timers.expire(100), 1U);
  EXPECT_EQ(order, (std::vector<int>{1}));
}

TEST(TimersTest, RandomArmingMovingAndCancellingAgreesWithASortedList) {
  Timers timers;
  std::vector<int> order;
  std::mt19937 random(7);
  std::vector<std::unique_ptr<Recorded>> all;
  for (int i = 0; i < 500; ++i) all.push_back(std::make_unique<Recorded>(order, i));
  for (int step = 0; step < 20'000; ++step) {
    Recorded& one = *all[random() % all.size()];
    if (random() % 3 == 0) {
      timers.cancel(one.timer);
    } else {
      timers.arm(one.timer, random() % 1000);
    }
    if (step % 100 != 0) continue;
    std::vector<std::uint64_t> armed;
    for (const auto& timer : all) {
      if (timer->timer.armed()) armed.push_back(timer->timer.deadline_ns());
    }
    ASSERT_EQ(timers.next_deadline_ns(),
              armed.empty() ? Timers::kNever : *std::ranges::min_element(armed));
  }
  std::vector<std::pair<std::uint64_t, int>> expected;
  for (const auto& timer : all) {
    if (timer->timer.armed()) expected.emplace_back(timer->timer.deadline_ns(), timer->id);
  }
  order.clear();
  EXPECT_EQ(timers.expire(1000), expected.size());
  std::vector<std::uint64_t> deadlines;
  for (const int id : order) {
    deadlines.push_back(
        std::ranges::find(expected, id, &std::pair<std::uint64_t, int>::second)->first);
  }
  EXPECT_EQ(order.size(), expected.size());
  EXPECT_TRUE(std::ranges::is_sorted(deadlines));
}

TEST(TimersTest, ATimerThatArmsItselfForThePastWaitsForTheNextTurn) {
  struct Again {
    static void expired(Timer& timer, void* context) {
      auto& self = *static_cast<Again*>(context);
      ++self.count;
      self.timers->arm(timer, 0);
    }
    Timers* timers;
    int count = 0;
  };
  Timers timers;
  Again again{&timers};
  Timer timer(Again::expired, &again);
  timers.arm(timer, 5);
  EXPECT_EQ(timers.expire(10), 1U);
  EXPECT_EQ(again.count, 1);
  EXPECT_EQ(timers.expire(11), 1U);
}

}  // namespace
}  // namespace duolog::runtime
