// ProducerIds: one shard's share of the producer ids that were never given out before.
//
// The catalog on shard 0 gives them out in blocks, durably; what is left of a block when the server
// stops is lost, so that no id is ever given twice. Owned by the Broker, its thread only. Who waits
// is bounded by the requests that the connections may have in flight.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>

#include "engine/base/result.h"

namespace duolog::broker {

class ProducerIds {
 public:
  using Done = std::move_only_function<void(Result<std::int64_t>)>;

  // Calls `done` with the next id: at once, or when there is one. True: a block must be asked for
  // now, and given to `add`.
  [[nodiscard]] bool take(Done done);
  // The first of a block of storage::kProducerIdBlock, or why there is none: then those who wait
  // are told. True: another one must be asked for.
  [[nodiscard]] bool add(Result<std::int64_t> first);

 private:
  std::int64_t next_ = 0;
  std::int64_t end_ = 0;
  bool asked_ = false;
  std::deque<Done> waiting_;
};

}  // namespace duolog::broker
