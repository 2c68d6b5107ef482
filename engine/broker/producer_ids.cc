#include "engine/broker/producer_ids.h"

#include <utility>

#include "storage/catalog.h"

namespace duolog::broker {

bool ProducerIds::take(Done done) {
  if (next_ < end_) {
    done(next_++);
    return false;
  }
  waiting_.push_back(std::move(done));
  return !std::exchange(asked_, true);
}

bool ProducerIds::add(Result<std::int64_t> first) {
  asked_ = false;
  if (!first) {
    for (Done& done : std::exchange(waiting_, {})) done(std::unexpected(first.error()));
    return false;
  }
  next_ = *first;
  end_ = next_ + storage::kProducerIdBlock;
  while (next_ < end_ && !waiting_.empty()) {
    Done done = std::move(waiting_.front());
    waiting_.pop_front();
    done(next_++);
  }
  if (waiting_.empty()) return false;
  return !std::exchange(asked_, true);
}

}  // namespace duolog::broker
