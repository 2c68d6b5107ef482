// Client: a simulated client: an actor that acts when its connection has news, and otherwise when
// its time has come.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "tests/sim/kernel/actor.h"
#include "tests/sim/kernel/kernel.h"
#include "tests/sim/server/config_oracle.h"
#include "tests/sim/server/group_oracle.h"
#include "tests/sim/server/oracle.h"
#include "tests/sim/server/topic_oracle.h"

namespace duolog::sim {

// A client that has no answer for this long gives its connection up; and how long it waits before
// it tries again.
inline constexpr std::uint64_t kAnswerWithinUs = 20'000'000;
inline constexpr std::uint64_t kRetryUs = 50'000;

class Client;

// What all clients of a run share.
struct World {
  World(Kernel& its_kernel, Oracle& its_oracle)
      : kernel(its_kernel),
        oracle(its_oracle),
        groups(its_oracle),
        topics(its_oracle),
        configs(its_oracle) {}

  Kernel& kernel;
  Oracle& oracle;
  GroupOracle groups;
  TopicOracle topics;
  ConfigOracle configs;
  std::function<void(std::unique_ptr<Client>)> welcome;  // begins another one
  bool quiet = false;  // nothing new is begun; what is under way is finished
};

class Client : public Actor {
 public:
  Client(World& world, std::string name) : world_(world), name_(std::move(name)) {
    world_.kernel.add(*this);
  }
  ~Client() override { world_.kernel.remove(*this); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Nothing that it has begun is unfinished.
  [[nodiscard]] virtual bool done() const = 0;
  [[nodiscard]] const std::string& name() const { return name_; }
  // For whoever looks at a failure: what it waits for.
  [[nodiscard]] virtual std::string describe() const { return name_; }

  // Takes what has reached it.
  void take_news() {
    if (has_news()) act();
  }
  [[nodiscard]] bool ready(std::uint64_t now_ns) final { return has_news() || now_ns >= next_ns_; }
  [[nodiscard]] std::uint64_t wakes_ns() final { return next_ns_; }
  void act() final {
    next_ns_ = kNever;
    on_turn();
  }

 protected:
  [[nodiscard]] virtual bool has_news() = 0;
  // Takes the news, if there are any, and goes on. It says when it wants to act again at the
  // latest (`act_in`); if it says nothing, not before there are news.
  virtual void on_turn() = 0;
  void act_in_us(std::uint64_t us) {
    next_ns_ = std::min(next_ns_, world_.kernel.now_ns() + us * 1'000);
  }

  [[nodiscard]] Kernel& kernel() { return world_.kernel; }
  [[nodiscard]] Oracle& oracle() { return world_.oracle; }
  World& world_;

 private:
  const std::string name_;
  std::uint64_t next_ns_ = 0;
};

}  // namespace duolog::sim
