// Machine: a whole server on a simulated kernel and disk: started, killed, started again.
//
// The server is the product's own, from its doors down to its logs; only what `server.cc` does
// around it is done here. What a killed server had is not taken apart, as no kill does; it stays in
// memory until the process ends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/result.h"
#include "engine/server/config.h"
#include "tests/sim/kernel/kernel.h"
#include "tests/sim/sim_files.h"

namespace duolog::sim {

inline constexpr std::uint16_t kKafkaPort = 9092;
inline constexpr std::uint16_t kHttpPort = 8080;

// What a server that gives up throws, in the place of _exit(2).
struct ServerEnded {};

// A configuration in which everything happens often: small journals, segments, queues and buffers.
[[nodiscard]] server::Config small_config(std::size_t shards);

class Machine {
 public:
  Machine(std::uint64_t seed, const KernelSettings& settings);
  // The server has been stopped or killed.
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  [[nodiscard]] Kernel& kernel() { return kernel_; }
  [[nodiscard]] SimFiles& files() { return *files_; }

  // Starts the server on what is on the disk. Fails as the product does; MachineStopped where the
  // files are to stop during recovery. After either, `kill`.
  [[nodiscard]] Result<void> start(const server::Config& config);
  [[nodiscard]] bool up() const { return server_ != nullptr; }
  // One step of the machine. False: the server is down now, because the machine stopped or because
  // the server gave up (`failure` says why); `kill` is next. Where nothing can happen any more,
  // nothing does.
  [[nodiscard]] bool step();
  // There is room on the disk again, as who looks for it tells the server.
  void tell_of_room();
  // Ends the server where it stands; the disk is found as `policy` says.
  void kill(CrashPolicy policy);
  // As SIGTERM: answers what is under way, and ends. False: it went down meanwhile, as in `step`.
  [[nodiscard]] bool stop();
  // How many partitions the server that is up could not recover.
  [[nodiscard]] std::size_t offline() const;
  // Why the server ended by itself, if it did.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }
  // Whether the last step did anything.
  [[nodiscard]] bool idle() const { return idle_; }

 private:
  struct Server;

  Kernel kernel_;
  std::unique_ptr<SimFiles> files_;
  std::unique_ptr<Server> server_;
  std::optional<Error> failure_;
  bool idle_ = false;
};

}  // namespace duolog::sim
