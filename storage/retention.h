// Retention: where a log should begin, by the age and the size of what is in it.
//
// As Kafka does it: whole segments, oldest first, by their largest timestamp (a timestamp in the
// future keeps a segment, and all behind it), or for as long as the log without them is still
// larger than it may be. Nothing goes that is not durable and visible. When even the active segment
// has expired it is rolled, so that it can go too.
//
// The owner shard's thread only; owned by LogStore.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "engine/base/ids.h"
#include "storage/disk.h"

namespace duolog::storage {

class Segment;
struct Tail;

struct Expiry {
  Offset start;                // where the log should begin: not before it does now
  Segment* unknown = nullptr;  // its timestamps are not in memory: load its index, and ask again
  bool everything = false;     // the active segment has expired, too
};
[[nodiscard]] Expiry expiry_of(const Tail& tail, Timestamp now);

// A look at every log of a store, one at a time where an index must be read for it.
class RetentionCheck {
 public:
  struct Events {
    std::function<void(Tail&, Offset start)> expired;
    std::function<void(Tail&)> roll;  // everything in the active segment has expired
  };
  RetentionCheck(Disk& disk, const std::vector<Tail*>& tails, Events events)
      : disk_(disk), tails_(tails), events_(std::move(events)) {}

  // Nothing while the last one still runs.
  void start(Timestamp now);
  void stop() { stopping_ = true; }

 private:
  void go_on();
  void load(Tail& tail, Segment& segment);

  Disk& disk_;
  const std::vector<Tail*>& tails_;  // may change while an index is read
  Events events_;
  Timestamp now_;
  std::size_t next_ = 0;
  bool running_ = false;
  bool stopping_ = false;
};

}  // namespace duolog::storage
