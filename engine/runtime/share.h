// Share: how long whoever is being run may go on, so that others get their part of the turn.
//
// What a command costs cannot be seen from its size, so it is the clock that is asked, between one
// item and the next; an item (a command, a request) is never split. Whoever is stopped keeps the
// rest and asks to be run again (RunQueue). Owned by the shard, used by its thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/base/clock.h"

namespace duolog::runtime {

class Share {
 public:
  // A task begins: its first item is always allowed, so that everybody gets on.
  void begin_task(std::uint64_t now_ns, std::uint64_t length_ns) {
    begin(now_ns + length_ns, length_ns);
    first_ = true;
  }
  // Something that has been received begins: nothing of it is allowed after `limit_ns`. The clock
  // is not read before it matters.
  void begin_receive(std::uint64_t limit_ns, std::uint64_t length_ns) {
    begin(limit_ns, length_ns);
    starts_ = true;
  }

  // Whether one more item may be taken; asks the clock.
  [[nodiscard]] bool allows() {
    unasked_ = 0;
    if (first_) {
      first_ = false;
      return true;
    }
    const std::uint64_t now_ns = monotonic_ns();
    if (starts_) {
      starts_ = false;
      until_ns_ = std::min(until_ns_, now_ns + length_ns_);
    }
    if (now_ns >= until_ns_) over_ = true;
    return !over_;
  }
  // It was asked for more than it had.
  [[nodiscard]] bool over() const { return over_; }
  // The same for items that take less time than reading the clock: asks it for every kSmallItems.
  [[nodiscard]] bool allows_small() {
    if (over_) return false;
    if (!first_ && !starts_ && length_ns_ > 0 && ++unasked_ < kSmallItems) return true;
    return allows();
  }

 private:
  static constexpr std::uint32_t kSmallItems = 8;

  void begin(std::uint64_t until_ns, std::uint64_t length_ns) {
    until_ns_ = until_ns;
    length_ns_ = length_ns;
    unasked_ = 0;
    first_ = starts_ = over_ = false;
  }

  std::uint64_t until_ns_ = 0;
  std::uint64_t length_ns_ = 0;
  std::uint32_t unasked_ = 0;  // items since the clock was read
  bool first_ = false;         // the next item is allowed whatever the time
  bool starts_ = false;        // until_ns_ is the limit, the share begins when it is asked for
  bool over_ = false;
};

}  // namespace duolog::runtime
