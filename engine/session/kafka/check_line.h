// CheckLine: the batches of one connection that are looked into on a worker, each in its place.
//
//   ProduceJob -- add --> lines, one a partition:  [checked] [at a worker] [checked]
//                                                      |  the first, once it is checked
//   ProduceJob <-- ready ------------------------------'
//
// A batch that is small enough is checked at once, but waits here behind an earlier one of the same
// connection and partition. Lines of other partitions and connections do not wait for it. A batch
// that turns out to be more than kAtWorker begins again at the worker for long jobs, so that
// those which inflate to a thousand times their size keep none but their like waiting.
//
// Who holds what: a check points into its request, whose frame is in its slot; the connection is
// held (begin_flight) until each check has been handed back by `ready`, and so are slot and frame,
// and the shard by the worker's job. That is so when the client is silent or gone, when it is
// closed, and when the server stops: checks go on to their end and are appended. When the topic
// goes, those of it have no partition any more, and are handed back without one: at once, or when
// their worker is done. Limit: KafkaSettings::max_checked_bytes, all connections of a shard; who
// has a check while that is reached is not read.
//
// A connection's; the shard's thread, but for the worker's look at one check.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "engine/base/bytes.h"
#include "engine/base/intrusive_list.h"
#include "engine/broker/topic.h"
#include "engine/session/kafka/requests/batch_records.h"

namespace duolog::session {

class KafkaConnection;

struct BatchCheck {
  // In.
  broker::Partition* partition = nullptr;  // null: its topic has gone
  std::string topic_name;
  PartitionId partition_index{};
  MutableBytes batch;
  BatchRules rules;
  bool checked = false;
  // Called once, on the shard; it does not touch its CheckLine but by `add`.
  void (*ready)(BatchCheck& check) = nullptr;
  void* context = nullptr;

  void look(const CheckLimits& limits);

  // Out, and in if it is checked already.
  BatchVerdict verdict;

  // The line's.
  ListHook hook;
  std::uint64_t charged_bytes = 0;
};

class CheckLine {
 public:
  // What a check counts for at the least, so that their number is limited too.
  static constexpr std::uint64_t kLeastChargedBytes = 64U << 10;

  explicit CheckLine(KafkaConnection& connection) : connection_(connection) {}
  ~CheckLine();
  CheckLine(const CheckLine&) = delete;
  CheckLine& operator=(const CheckLine&) = delete;

  [[nodiscard]] bool empty() const { return lines_.empty() && gone_.empty(); }
  // A batch for `partition` would overtake one.
  [[nodiscard]] bool holds(broker::Partition& partition) const {
    return !lines_.empty() && lines_.contains(&partition);
  }
  // Unless it is checked already, begins that. `ready` is not called from within.
  void add(std::unique_ptr<BatchCheck> check);
  // May call `ready`. The connection may be gone when it returns.
  void topic_gone(const broker::Topic& topic);

 private:
  using Line = IntrusiveList<BatchCheck, &BatchCheck::hook>;

  void look_into(BatchCheck& check);
  void look_into_all(BatchCheck& check);
  void done(BatchCheck& check);
  void hand_back(BatchCheck& check);

  KafkaConnection& connection_;
  std::unordered_map<broker::Partition*, Line> lines_;  // none is empty
  Line gone_;  // of topics that have gone; each at a worker
};

}  // namespace duolog::session
