// RunQueue: the tasks of one shard that wait for their part of a turn.
//
// A task is one connection, or one broadcast: something that does a little whenever it is run and
// asks to be run again if that was not all. Within a class they take turns, whoever waits longest
// first; who did not get a turn is in front in the next, and a task runs at most once a turn.
// Whoever has lately had more to do than fits its share is behind, whatever it asks for. Owned by
// the shard, used by its thread. It never allocates.
#pragma once

#include <array>
#include <cstdint>

#include "engine/base/intrusive_list.h"

namespace duolog::runtime {

// Classes of tasks, in the order in which a turn looks at them. None of them starves: see
// Shard::run_tasks for the time each is sure of, and kFanOutsPerBehind.
enum class Urgency : std::uint8_t {
  kPrompt,  // somebody has asked, and has not had a share yet: requests, answers, acks
  kFanOut,  // has caught up, and is told what is new; broadcasts
  kBehind,  // has had its share and has more: readers of old records, input without end
};

// It lives inside its owner and leaves the queue when it is destroyed.
class Task {
 public:
  using Run = void (*)(Task& task, void* context);
  Task(Run function, void* context) : run_(function), context_(context) {}

  [[nodiscard]] bool queued() const { return hook_.linked(); }
  void cancel() { hook_.unlink(); }
  // The shard's: may queue it, or destroy it.
  void run() { run_(*this, context_); }

 private:
  friend class RunQueue;
  Run run_;
  void* context_;
  ListHook hook_;
  std::uint32_t ran_in_ = 0;    // the turn
  std::uint32_t spent_in_ = 0;  // the last turn in which its share was over before it had ended
  Urgency urgency_ = Urgency::kPrompt;
};

class RunQueue {
 public:
  // So many of kFanOut run before one of kBehind does, if both wait.
  static constexpr std::uint32_t kFanOutsPerBehind = 8;
  // For so many turns whoever has spent its share is behind.
  static constexpr std::uint32_t kSpentTurns = 32;

  // Runs `task` in this turn, or in the next if it has been run in this one. One that is queued
  // stays where it is, unless it is more urgent now.
  void add(Task& task, Urgency urgency) {
    if (turn_ - task.spent_in_ < kSpentTurns) urgency = Urgency::kBehind;
    if (task.queued()) {
      if (urgency >= task.urgency_) return;
      task.hook_.unlink();
    }
    task.urgency_ = urgency;
    list_of(task.ran_in_ == turn_ ? later_ : ready_, urgency).push_back(task);
  }

  void begin_turn() {
    ++turn_;
    for (std::size_t i = 0; i < kUrgencies; ++i) ready_[i].splice_back(later_[i]);
  }
  // The next to run, off the queue; null if there is none for this turn.
  [[nodiscard]] Task* next_prompt() { return take(list_of(ready_, Urgency::kPrompt)); }
  [[nodiscard]] Task* next_other() {
    List& fan_outs = list_of(ready_, Urgency::kFanOut);
    List& behind = list_of(ready_, Urgency::kBehind);
    if (!behind.empty() && (fan_outs.empty() || fan_outs_ >= kFanOutsPerBehind)) {
      fan_outs_ = 0;
      return take(behind);
    }
    ++fan_outs_;
    return take(fan_outs);
  }

  // It has been run, and has not come to its end.
  void spent(Task& task) { task.spent_in_ = turn_; }

  [[nodiscard]] bool prompt_ready() { return !list_of(ready_, Urgency::kPrompt).empty(); }
  [[nodiscard]] bool others_ready() {
    return !list_of(ready_, Urgency::kFanOut).empty() || !list_of(ready_, Urgency::kBehind).empty();
  }
  // Nothing waits, for this turn or the next.
  [[nodiscard]] bool empty() const {
    for (std::size_t i = 0; i < kUrgencies; ++i) {
      if (!ready_[i].empty() || !later_[i].empty()) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kUrgencies = 3;
  using List = IntrusiveList<Task, &Task::hook_>;
  using Lists = std::array<List, kUrgencies>;

  [[nodiscard]] static List& list_of(Lists& lists, Urgency urgency) {
    return lists[static_cast<std::size_t>(urgency)];
  }
  [[nodiscard]] Task* take(List& list) {
    Task* task = list.pop_front();
    if (task != nullptr) task->ran_in_ = turn_;
    return task;
  }

  Lists ready_;
  Lists later_;  // have been run in this turn
  std::uint32_t turn_ = kSpentTurns;
  std::uint32_t fan_outs_ = 0;  // since one of kBehind ran, or there was none
};

}  // namespace duolog::runtime
