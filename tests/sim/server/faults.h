// Faults: what goes wrong with the machine while a server runs: one thing a round, chosen by the
// seed, from some step on and up to another.
//
//   the disk     an operation fails; it is full
//   the kernel   has no descriptors
//   the clock    is set, by an hour
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <string>

#include "tests/sim/server/machine.h"

namespace duolog::sim {

class Faults {
 public:
  Faults(Machine& machine, std::mt19937_64& random) : machine_(machine), random_(random) {}

  // A round of this many steps begins.
  void begin(std::uint64_t steps);
  // Before each step of it.
  void step(std::uint64_t number);
  // The server is about to start, on a disk on which some operation fails, or that is full.
  void begin_start();
  // It is over, or the server is down: all is well again, but for what the fault has done.
  void end();
  // What the server has not done that it must.
  [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }

 private:
  enum class Kind : std::uint8_t { kNone, kError, kFull, kDescriptors, kClock };
  static const std::array<Kind, 10> kKinds;  // as often as they stand there
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  void happen();
  void make_good();

  Machine& machine_;
  std::mt19937_64& random_;
  Kind kind_ = Kind::kNone;
  std::uint64_t from_ = 0;
  std::uint64_t to_ = 0;
  bool under_way_ = false;
  bool must_give_up_ = false;
  std::uint64_t steps_since_ = 0;
  std::optional<std::string> failure_;
};

}  // namespace duolog::sim
