#include "engine/runtime/run_queue.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/runtime/posix_files.h"
#include "engine/runtime/runtime.h"
#include "engine/runtime/shard.h"
#include "tests/unit/patience.h"

namespace duolog::runtime {
namespace {

// A task that notes that it was run, and asks for more of it.
struct Noting {
  Noting(RunQueue& the_queue, std::string& the_order, char its_name)
      : queue(the_queue), order(the_order), name(its_name) {}
  static void run(Task& task, void* context) {
    auto& self = *static_cast<Noting*>(context);
    self.order += self.name;
    if (self.left == 0) return;
    --self.left;
    self.queue.add(task, self.again);
  }
  RunQueue& queue;
  std::string& order;
  char name;
  int left = 0;
  Urgency again = Urgency::kBehind;
  Task task{run, this};
};

struct Queued {
  RunQueue queue;
  std::string order;
  std::vector<std::unique_ptr<Noting>> all;

  Noting& add(char name, Urgency urgency) {
    all.push_back(std::make_unique<Noting>(queue, order, name));
    queue.add(all.back()->task, urgency);
    return *all.back();
  }
  // One turn with time for so many tasks that are prompt, and so many others.
  std::string turn(int prompt, int others) {
    order.clear();
    queue.begin_turn();
    for (; prompt > 0; --prompt) {
      if (Task* task = queue.next_prompt()) task->run();
    }
    for (; others > 0; --others) {
      if (Task* task = queue.next_other()) task->run();
    }
    return order;
  }
};

TEST(RunQueueTest, WhoDidNotGetATurnIsFirstInTheNext) {
  Queued queued;
  for (const char name : {'a', 'b', 'c', 'd'}) {
    Noting& task = queued.add(name, Urgency::kPrompt);
    task.left = 10;
    task.again = Urgency::kPrompt;
  }
  EXPECT_EQ(queued.turn(3, 0), "abc");
  EXPECT_EQ(queued.turn(3, 0), "dab");
  EXPECT_EQ(queued.turn(3, 0), "cda");
}

TEST(RunQueueTest, ATaskRunsOnceATurnHoweverOftenItAsks) {
  Queued queued;
  Noting& task = queued.add('a', Urgency::kPrompt);
  task.left = 2;
  task.again = Urgency::kPrompt;
  EXPECT_EQ(queued.turn(5, 5), "a");
  EXPECT_FALSE(queued.queue.empty()) << "a shard with something left must not sleep";
  EXPECT_EQ(queued.turn(5, 5), "a");
  EXPECT_EQ(queued.turn(5, 5), "a");
  EXPECT_TRUE(queued.queue.empty());
}

TEST(RunQueueTest, WhoHasCaughtUpComesFirstAndWhoIsBehindDoesNotStarve) {
  Queued queued;
  for (const char name : {'x', 'y'}) queued.add(name, Urgency::kBehind).left = 10;
  for (int i = 0; i < 24; ++i) queued.add('.', Urgency::kFanOut);
  EXPECT_EQ(queued.turn(0, 20), "........x........y..");
  EXPECT_EQ(queued.turn(0, 8), "......xy") << "once a turn, and the last of the others first";
  // And if a turn has time for one only.
  for (int i = 0; i < 100; ++i) queued.add('.', Urgency::kFanOut);
  std::string order;
  for (int i = 0; i < 27; ++i) order += queued.turn(0, 1);
  EXPECT_EQ(order, "........x........y........x");
}

TEST(RunQueueTest, ATaskBecomesMoreUrgentAndNeverLess) {
  Queued queued;
  Noting& first = queued.add('a', Urgency::kBehind);
  Noting& second = queued.add('b', Urgency::kPrompt);
  queued.queue.add(first.task, Urgency::kPrompt);
  queued.queue.add(second.task, Urgency::kBehind);
  EXPECT_EQ(queued.turn(5, 0), "ba");
}

TEST(RunQueueTest, WhoHasSpentItsShareIsBehindForAWhile) {
  Queued queued;
  Noting& greedy = queued.add('a', Urgency::kPrompt);
  EXPECT_EQ(queued.turn(1, 0), "a");
  queued.queue.spent(greedy.task);
  for (std::uint32_t turn = 0; turn + 1 < RunQueue::kSpentTurns; ++turn) {
    EXPECT_EQ(queued.turn(0, 0), "");
  }
  queued.queue.add(greedy.task, Urgency::kPrompt);
  EXPECT_FALSE(queued.queue.prompt_ready());
  EXPECT_EQ(queued.turn(1, 1), "a");
  queued.queue.add(greedy.task, Urgency::kPrompt);
  EXPECT_EQ(queued.turn(1, 0), "a");
}

TEST(RunQueueTest, ATaskThatIsDestroyedLeavesTheQueue) {
  Queued queued;
  queued.add('a', Urgency::kFanOut);
  queued.all.clear();
  EXPECT_TRUE(queued.queue.empty());
  EXPECT_EQ(queued.turn(5, 5), "");
}

// ---- On a shard ---------------------------------------------------------------------------------

Settings of_turns(std::uint32_t turn_us) {
  Settings settings;
  settings.shards = 1;
  settings.pin = false;
  settings.turn_us = turn_us;
  return settings;
}

// Tasks that note in which turn they were run, so many times each.
struct Counting {
  static void run(Task& task, void* context) {
    auto& self = *static_cast<Counting*>(context);
    Shard& here = *Shard::current();
    self.turns.push_back(here.counters().turns.get());
    if (--self.left > 0) return here.run_soon(task, self.urgency);
    if (--*self.running == 0) self.all_done->set_value();
  }
  Urgency urgency{};
  int left = 0;
  int* running = nullptr;
  std::promise<void>* all_done = nullptr;
  std::vector<std::uint64_t> turns;
  Task task{run, this};
};

TEST(ShardTasksTest, WithoutTimeATurnServesOneOfEachClassAndAllGetServedWithoutASleep) {
  auto runtime = Runtime::start(of_turns(0), {});
  ASSERT_TRUE(runtime);
  constexpr int kEach = 20;
  std::array<Counting, 20> tasks;
  int running = static_cast<int>(tasks.size());
  std::promise<void> all_done;
  std::uint64_t sleeps = 0;
  (*runtime)->run_on_and_wait(ShardId(0), [&](Shard& shard) {
    sleeps = shard.counters().sleeps.get();
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      tasks[i].urgency = static_cast<Urgency>(i % 3);
      tasks[i].left = kEach;
      tasks[i].running = &running;
      tasks[i].all_done = &all_done;
      shard.run_soon(tasks[i].task, tasks[i].urgency);
    }
  });
  ASSERT_EQ(all_done.get_future().wait_for(kPatience), std::future_status::ready);
  std::vector<std::uint64_t> prompt;
  std::vector<std::uint64_t> others;
  for (const Counting& task : tasks) {
    EXPECT_EQ(task.turns.size(), std::size_t{kEach});
    auto& turns = task.urgency == Urgency::kPrompt ? prompt : others;
    turns.insert(turns.end(), task.turns.begin(), task.turns.end());
  }
  for (auto* turns : {&prompt, &others}) {
    std::ranges::sort(*turns);
    EXPECT_TRUE(std::ranges::adjacent_find(*turns) == turns->end()) << "two in one turn";
    // One after the other: there was no turn in which nobody was served.
    EXPECT_EQ(turns->back() - turns->front() + 1, turns->size());
  }
  (*runtime)->run_on_and_wait(
      ShardId(0), [&](Shard& shard) { EXPECT_GT(shard.counters().turns_cut_short.get(), 0U); });
  (*runtime)->stop();
}

TEST(ShardTasksTest, WhatHooksStartedIsWithTheKernelBeforeOthersAreToldWhatIsNew) {
  auto runtime = Runtime::start(of_turns(1000), {});
  ASSERT_TRUE(runtime);
  std::string path = "/tmp/duolog-turn-XXXXXX";
  const int made = mkstemp(path.data());
  ASSERT_GE(made, 0);
  ::close(made);
  PosixFiles files;
  const auto file = files.open(path, storage::OpenMode::kDirect);
  ASSERT_TRUE(file) << file.error().message;
  const std::unique_ptr<void, decltype(&std::free)> block(
      std::aligned_alloc(storage::kBlockBytes, storage::kBlockBytes), &std::free);
  std::memset(block.get(), 'x', storage::kBlockBytes);
  const iovec part{block.get(), storage::kBlockBytes};

  struct Turn : storage::DiskOp {
    std::promise<void> written;
    bool started = false;
    bool submitted_before = false;
  } turn;
  turn.kind = storage::DiskOp::Kind::kDurableWrite;
  turn.file = *file;
  turn.data = {&part, 1};
  turn.done = [](storage::DiskOp& op, Result<void>) { static_cast<Turn&>(op).written.set_value(); };
  TurnHook journal(
      [](TurnHook&, void* context) {
        auto& its = *static_cast<Turn*>(context);
        its.started = true;
        Shard::current()->disk().submit(its);
      },
      &turn);
  Task fan_out(
      [](Task&, void* context) {
        auto& its = *static_cast<Turn*>(context);
        its.submitted_before = its.started && Shard::current()->ring().all_submitted();
      },
      &turn);
  (*runtime)->run_on_and_wait(ShardId(0), [&](Shard& shard) {
    shard.run_soon(fan_out, Urgency::kFanOut);
    shard.at_turn_end(journal);
  });
  ASSERT_EQ(turn.written.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(turn.submitted_before);
  files.close(*file);
  ::unlink(path.c_str());
  (*runtime)->stop();
}

// ---- The completion queue -----------------------------------------------------------------------

struct Nothing {
  static void done(Op& op, std::int32_t /*result*/, std::uint32_t /*flags*/) {
    auto& self = OwnedOp<Nothing>::of(op);
    if (--*self.left == 0) self.all_done->set_value();
  }
  int* left = nullptr;
  std::promise<void>* all_done = nullptr;
  OwnedOp<Nothing> op{*this, done};
};

// One that starts many operations at once, as a topic's end does with its subscribers.
TEST(ShardTasksTest, MoreOperationsThanTheCompletionQueueHasRoomForDoNotOverflowIt) {
  Settings settings = of_turns(1000);
  settings.ring = {.submission_entries = 16, .completion_entries = 64};
  auto runtime = Runtime::start(settings, {});
  ASSERT_TRUE(runtime);
  std::vector<Nothing> all(10'000);
  int left = static_cast<int>(all.size());
  std::promise<void> all_done;
  (*runtime)->run_on_and_wait(ShardId(0), [&](Shard& shard) {
    for (Nothing& one : all) {
      one.left = &left;
      one.all_done = &all_done;
      shard.ring().start(one.op, [](io_uring_sqe* entry) { io_uring_prep_nop(entry); });
    }
  });
  ASSERT_EQ(all_done.get_future().wait_for(kPatience), std::future_status::ready);
  (*runtime)->run_on_and_wait(ShardId(0), [&](Shard& shard) {
    EXPECT_EQ(shard.counters().completion_overflows.get(), 0U);
    EXPECT_GT(shard.counters().completions_moved.get(), 0U);
  });
  (*runtime)->stop();
}

TEST(ShardTasksTest, TasksStartNoMoreThanTheCompletionQueueHasRoomFor) {
  Settings settings = of_turns(60'000'000);  // time enough for all of them
  settings.ring = {.submission_entries = 16, .completion_entries = 64};
  auto runtime = Runtime::start(settings, {});
  ASSERT_TRUE(runtime);
  struct Sender {
    Nothing nothing;
    Task task{[](Task&, void* context) {
                auto& self = *static_cast<Sender*>(context);
                Shard::current()->ring().start(
                    self.nothing.op, [](io_uring_sqe* entry) { io_uring_prep_nop(entry); });
              },
              this};
  };
  std::vector<Sender> all(1'000);
  int left = static_cast<int>(all.size());
  std::promise<void> all_done;
  (*runtime)->run_on_and_wait(ShardId(0), [&](Shard& shard) {
    for (Sender& one : all) {
      one.nothing.left = &left;
      one.nothing.all_done = &all_done;
      shard.run_soon(one.task, Urgency::kFanOut);
    }
  });
  ASSERT_EQ(all_done.get_future().wait_for(kPatience), std::future_status::ready);
  (*runtime)->run_on_and_wait(ShardId(0), [&](Shard& shard) {
    EXPECT_EQ(shard.counters().completion_overflows.get(), 0U);
    EXPECT_EQ(shard.counters().completions_moved.get(), 0U);
    EXPECT_GT(shard.counters().turns_without_room.get(), 0U);
  });
  (*runtime)->stop();
}

}  // namespace
}  // namespace duolog::runtime
