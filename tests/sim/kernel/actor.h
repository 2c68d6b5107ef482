// Actor: whoever takes steps of its own in a simulated machine: a shard's thread, a client.
#pragma once

#include <cstdint>

namespace duolog::sim {

class Actor {
 public:
  static constexpr std::uint64_t kNever = UINT64_MAX;

  virtual ~Actor() = default;
  // Whether it would do something at `now_ns`.
  [[nodiscard]] virtual bool ready(std::uint64_t now_ns) = 0;
  // When it would by itself, if nothing else happens; kNever: not at all.
  [[nodiscard]] virtual std::uint64_t wakes_ns() = 0;
  virtual void act() = 0;
};

}  // namespace duolog::sim
