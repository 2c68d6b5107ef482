#include "engine/session/kafka/check_line.h"

#include <algorithm>
#include <vector>

#include "engine/base/check.h"
#include "engine/session/kafka/connection.h"

namespace duolog::session {

void BatchCheck::look(const CheckLimits& limits) {
  verdict = check_batch(batch, rules, limits, {topic_name, partition_index});
}

CheckLine::~CheckLine() { CHECK(empty()); }

void CheckLine::add(std::unique_ptr<BatchCheck> added) {
  BatchCheck& check = *added.release();
  KafkaSessions& sessions = connection_.sessions();
  check.charged_bytes = std::max<std::uint64_t>(check.batch.size(), kLeastChargedBytes);
  sessions.check_budget().charge(check.charged_bytes);
  KafkaCounters& counters = sessions.counters();
  counters.checks.add();
  counters.checks_bytes.add(check.charged_bytes);
  lines_[check.partition].push_back(check);
  connection_.begin_flight();
  if (check.checked) return;
  counters.batches_checked_by_worker.add();
  look_into(check);
}

void CheckLine::look_into(BatchCheck& check) {
  connection_.shard().run_on_worker([&check] { check.look(kAtWorker); },
                                    [this, &check] {
                                      const bool wanted = check.partition != nullptr;
                                      if (check.verdict.too_much && wanted) {
                                        look_into_all(check);
                                      } else {
                                        done(check);
                                      }
                                    });
}

void CheckLine::look_into_all(BatchCheck& check) {
  connection_.sessions().counters().batches_checked_long.add();
  connection_.shard().run_on_long_worker([&check] { check.look(kWhole); },
                                         [this, &check] { done(check); });
}

void CheckLine::done(BatchCheck& check) {
  check.checked = true;
  KafkaConnection& connection = connection_;
  connection.begin_flight();
  if (check.partition == nullptr) {
    check.hook.unlink();
    hand_back(check);
  } else {
    broker::Partition* const partition = check.partition;
    // Looked up again each time: whoever is handed a check may change the lines.
    for (auto line = lines_.find(partition); line != lines_.end(); line = lines_.find(partition)) {
      if (!line->second.front()->checked) break;
      BatchCheck* first = line->second.pop_front();
      if (line->second.empty()) lines_.erase(line);
      hand_back(*first);
    }
  }
  connection.end_flight();  // the connection may be gone
}

// Of a check that is in no line any more. Whoever calls holds the connection.
void CheckLine::hand_back(BatchCheck& check) {
  const std::unique_ptr<BatchCheck> owned(&check);
  KafkaSessions& sessions = connection_.sessions();
  sessions.check_budget().give_back(check.charged_bytes);
  KafkaCounters& counters = sessions.counters();
  counters.checks.set(counters.checks.get() - 1);
  counters.checks_bytes.set(counters.checks_bytes.get() - check.charged_bytes);
  check.ready(check);
  if (empty()) connection_.checks_are_back();
  connection_.end_flight();
}

void CheckLine::topic_gone(const broker::Topic& topic) {
  if (lines_.empty()) return;
  std::vector<BatchCheck*> checked;
  for (auto line = lines_.begin(); line != lines_.end();) {
    if (&line->first->topic != &topic) {
      ++line;
      continue;
    }
    while (BatchCheck* check = line->second.pop_front()) {
      check->partition = nullptr;
      if (check->checked) {
        checked.push_back(check);
      } else {
        gone_.push_back(*check);
      }
    }
    line = lines_.erase(line);
  }
  KafkaConnection& connection = connection_;
  connection.begin_flight();
  for (BatchCheck* check : checked) hand_back(*check);
  connection.end_flight();
}

}  // namespace duolog::session
