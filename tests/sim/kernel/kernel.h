// Kernel: the machine that a simulated server runs on: descriptors, sockets, rings, a clock,
// janitor jobs and a disk, on one thread and from one seed.
//
// `step` lets one thing happen that could happen now, chosen by the seed: a shard's turn, the
// completion of a request, a janitor's job, a client's act. Where nothing can, the clock goes on to
// the next deadline. The same seed gives the same run.
//
// One Kernel is current at a time; what stands in for the real kernel's functions (kernel_calls.cc,
// liburing.cc, runtime.cc) goes to it. A Kernel outlives the servers that run on it: `power_off`
// forgets what the last one had.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <liburing.h>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "tests/sim/kernel/actor.h"
#include "tests/sim/kernel/connection.h"
#include "tests/sim/kernel/ring.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_files.h"

namespace duolog::sim {

// How unkind the kernel is, each as one in so many; 0: never.
struct KernelSettings {
  std::uint32_t short_send = 8;     // a send takes only a part
  std::uint32_t short_receive = 3;  // a receive brings only a part
  std::uint32_t tiny_receive = 0;   // a receive brings one byte
  std::uint32_t receive_ends = 64;  // a multishot receive has to be renewed
  std::uint32_t slow_turn = 0;      // a turn begins up to 20 ms late
  std::uint32_t interleave = 4;     // another shard takes a turn between two readings of the clock
  std::uint32_t slow_step = 0;      // it takes up to 1 ms between two readings of the clock
  std::size_t send_room = 64 * 1024;   // of a socket's send buffer
  std::uint32_t free_descriptors = 0;  // how many connections are accepted before EMFILE; 0: any
};

class Kernel {
 public:
  Kernel(std::uint64_t seed, const KernelSettings& settings);
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  [[nodiscard]] static Kernel& current();

  // ---- Running.
  // One thing happens. False: nothing can, now or later. Throws MachineStopped (sim_files.h) where
  // the disk's files say so.
  bool step();
  // Adds one that acts until `remove`.
  void add(Actor& actor) { actors_.push_back(&actor); }
  void remove(Actor& actor) { std::erase(actors_, &actor); }
  // A thread of the server; the kernel's, until the server has stopped or is gone.
  void add_thread(std::unique_ptr<Actor> thread) { threads_.push_back(std::move(thread)); }
  [[nodiscard]] bool has_threads() const { return !threads_.empty(); }
  void end_threads() { threads_.clear(); }
  // A shard could not start; nothing that was begun is taken apart, as no exit of a process does.
  void start_failed(Error error) { start_error_ = std::move(error); }
  [[nodiscard]] std::optional<Error> take_start_error() {
    return std::exchange(start_error_, std::nullopt);
  }
  // The server's process is gone: its descriptors, rings and jobs; clients see their connections
  // reset.
  void power_off();
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

  // ---- The clock. Asking for it takes a little time, in which another shard's thread may run:
  // that is where the threads of a real machine are seen to run at once.
  [[nodiscard]] std::uint64_t read_clock_ns();
  [[nodiscard]] std::uint64_t now_ns() const { return now_ns_; }
  [[nodiscard]] Timestamp wall() const;
  void advance_ns(std::uint64_t by) { now_ns_ += by; }
  void shift_wall_ms(std::int64_t by) { wall_shift_ms_ += by; }

  // ---- Chance.
  [[nodiscard]] std::uint64_t random() { return random_(); }
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  [[nodiscard]] bool one_in(std::uint32_t chance) { return chance != 0 && below(chance) == 0; }
  [[nodiscard]] const KernelSettings& settings() const { return settings_; }
  void change(const KernelSettings& settings) { settings_ = settings; }

  // ---- Descriptors and sockets.
  [[nodiscard]] int create_event();
  void signal(int descriptor);
  [[nodiscard]] int listen(std::uint16_t port);
  void close(int descriptor);
  void shut_down(int descriptor, bool receiving_too);
  // A client's connection; null when nobody listens on the port.
  [[nodiscard]] std::shared_ptr<Connection> connect(std::uint16_t port);
  // Sockets of the server that are open.
  [[nodiscard]] std::size_t open_connections() const { return connections_.size(); }
  [[nodiscard]] std::size_t open_descriptors() const {
    return connections_.size() + listeners_.size() + events_.size();
  }

  // ---- Rings.
  [[nodiscard]] int create_ring(unsigned submissions, unsigned completions, io_uring& program);
  [[nodiscard]] SimRing& ring(int descriptor) { return *rings_.at(descriptor); }
  void destroy_ring(int descriptor) { rings_.erase(descriptor); }

  // ---- The disk.
  void set_files(SimFiles& files);
  [[nodiscard]] SimFiles& files() { return *files_; }
  [[nodiscard]] SimDisk& disk() { return *disk_; }
  // A job of a pool of threads, which starts those of its own in order.
  void add_job(const void* pool, std::move_only_function<void()> job) {
    jobs_[pool].push_back(std::move(job));
  }
  [[nodiscard]] std::size_t jobs(const void* pool) { return jobs_[pool].size(); }
  [[nodiscard]] bool has_jobs() const;

  // ---- What happened, for whoever looks at a failed seed.
  void note(std::string event);
  void log(std::string line);
  // The last events and lines of the log, oldest first.
  [[nodiscard]] std::vector<std::string> last_events() const {
    return {events_seen_.begin(), events_seen_.end()};
  }
  [[nodiscard]] std::uint64_t lines_logged(std::string_view part) const;
  // Of everything noted so far: equal for equal runs.
  [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }

  // For SimRing.
  [[nodiscard]] Connection* connection(int descriptor);
  [[nodiscard]] std::optional<int> accept(int listener);  // nothing: nobody waits, or no descriptor
  [[nodiscard]] bool anyone_waits(int listener) const;
  [[nodiscard]] bool has_descriptor() const;
  [[nodiscard]] std::uint64_t signals(int event) const;

 private:
  static constexpr int kFirstDescriptor = 1'000'000;  // above every file's
  static constexpr std::size_t kEventsKept = 120;

  struct Listener {
    std::uint16_t port = 0;
    std::deque<std::shared_ptr<Connection>> waiting;
  };

  [[nodiscard]] bool pass_time();
  void run(Actor& thread);
  void interleave();

  std::mt19937_64 random_;
  KernelSettings settings_;
  std::uint64_t now_ns_ = 1'000'000'000;
  std::int64_t wall_shift_ms_ = 0;
  std::uint64_t steps_ = 0;
  int next_descriptor_ = kFirstDescriptor;
  std::map<int, std::uint64_t> events_;  // how often each was signalled
  std::map<int, Listener> listeners_;
  std::map<int, std::shared_ptr<Connection>> connections_;
  std::map<int, std::unique_ptr<SimRing>> rings_;
  std::vector<std::unique_ptr<Actor>> threads_;  // the server's
  Actor* running_ = nullptr;                     // of the threads
  bool interleaved_ = false;                     // it runs within the turn of another
  std::optional<Error> start_error_;
  std::vector<Actor*> actors_;                                               // the others
  std::map<const void*, std::deque<std::move_only_function<void()>>> jobs_;  // by pool
  SimFiles* files_ = nullptr;
  std::unique_ptr<SimDisk> disk_;
  std::deque<std::string> events_seen_;
  std::map<std::string, std::uint64_t> logged_;
  std::uint64_t fingerprint_ = 0;
};

}  // namespace duolog::sim
