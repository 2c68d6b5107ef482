#include "tests/sim/kernel/kernel.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/base/check.h"

namespace duolog::sim {

namespace {

Kernel* the_kernel = nullptr;

constexpr std::int64_t kWallBeganMs = 1'700'000'000'000;

}  // namespace

Kernel::Kernel(std::uint64_t seed, const KernelSettings& settings)
    : random_(seed), settings_(settings) {
  CHECK(the_kernel == nullptr);
  the_kernel = this;
}

Kernel::~Kernel() {
  power_off();
  the_kernel = nullptr;
}

Kernel& Kernel::current() {
  CHECK(the_kernel != nullptr);
  return *the_kernel;
}

void Kernel::set_files(SimFiles& files) {
  CHECK(disk_ == nullptr);
  files_ = &files;
  disk_ = std::make_unique<SimDisk>(files, random());
}

void Kernel::power_off() {
  if (files_ != nullptr && !files_->stopped() && disk_ != nullptr) CHECK(disk_->queued() == 0);
  for (auto& [descriptor, connection] : connections_) connection->reset = true;
  for (auto& [descriptor, listener] : listeners_) {
    for (auto& connection : listener.waiting) connection->reset = true;
  }
  threads_.clear();
  running_ = nullptr;
  interleaved_ = false;
  disk_.reset();
  jobs_.clear();
  rings_.clear();
  connections_.clear();
  listeners_.clear();
  events_.clear();
}

bool Kernel::step() {
  ++steps_;
  struct Choices {
    std::size_t count;
    std::function<void(std::size_t)> choose;
  };
  std::vector<Choices> all;
  std::size_t total = 0;
  const auto offer = [&](std::size_t count, std::function<void(std::size_t)> choose) {
    if (count == 0) return;
    total += count;
    all.push_back({count, std::move(choose)});
  };
  for (auto& thread : threads_) {
    if (thread->ready(now_ns_)) offer(1, [this, &thread](std::size_t) { run(*thread); });
  }
  for (Actor* actor : actors_) {
    if (actor->ready(now_ns_)) offer(1, [actor](std::size_t) { actor->act(); });
  }
  for (auto& [descriptor, ring] : rings_) {
    offer(ring->choices(), [&ring = *ring](std::size_t which) { ring.choose(which); });
  }
  if (disk_ != nullptr) offer(disk_->queued(), [this](std::size_t) { disk_->step(); });
  for (auto& [pool, jobs] : jobs_) {
    if (jobs.empty()) continue;
    offer(1, [&jobs](std::size_t) {
      auto job = std::move(jobs.front());
      jobs.pop_front();
      job();
    });
  }
  if (total == 0) return pass_time();
  now_ns_ += below(20'000);
  std::size_t choice = below(total);
  for (const Choices& choices : all) {
    if (choice < choices.count) {
      choices.choose(choice);
      break;
    }
    choice -= choices.count;
  }
  return true;
}

bool Kernel::has_jobs() const {
  return std::ranges::any_of(jobs_, [](const auto& pool) { return !pool.second.empty(); });
}

bool Kernel::pass_time() {
  std::uint64_t earliest = Actor::kNever;
  for (auto& thread : threads_) earliest = std::min(earliest, thread->wakes_ns());
  for (Actor* actor : actors_) earliest = std::min(earliest, actor->wakes_ns());
  if (earliest == Actor::kNever) return false;
  now_ns_ = std::max(now_ns_ + 1, earliest);
  return true;
}

void Kernel::run(Actor& thread) {
  Actor* const before = std::exchange(running_, &thread);
  thread.act();
  running_ = before;
}

void Kernel::interleave() {
  if (running_ == nullptr || interleaved_ || !one_in(settings_.interleave)) return;
  std::vector<Actor*> others;
  for (auto& thread : threads_) {
    if (thread.get() != running_ && thread->ready(now_ns_)) others.push_back(thread.get());
  }
  if (others.empty()) return;
  interleaved_ = true;
  run(*others[below(others.size())]);
  interleaved_ = false;
}

std::uint64_t Kernel::read_clock_ns() {
  interleave();
  now_ns_ += 30;
  if (one_in(settings_.slow_step)) now_ns_ += below(1'000'000);
  return now_ns_;
}

Timestamp Kernel::wall() const {
  return Timestamp(kWallBeganMs + wall_shift_ms_ + static_cast<std::int64_t>(now_ns_ / 1'000'000));
}

int Kernel::create_event() {
  events_[next_descriptor_] = 0;
  return next_descriptor_++;
}

void Kernel::signal(int descriptor) { ++events_.at(descriptor); }

std::uint64_t Kernel::signals(int event) const {
  const auto found = events_.find(event);
  return found == events_.end() ? 0 : found->second;
}

int Kernel::listen(std::uint16_t port) {
  listeners_[next_descriptor_].port = port;
  return next_descriptor_++;
}

void Kernel::close(int descriptor) {
  if (const auto found = connections_.find(descriptor); found != connections_.end()) {
    Connection& connection = *found->second;
    // Bytes that nobody has read reset the connection; tcp(7).
    if (!connection.to_server.empty()) connection.reset = true;
    connection.server_ended = true;
    connection.server_closed = true;
    connections_.erase(found);
    return;
  }
  if (const auto found = listeners_.find(descriptor); found != listeners_.end()) {
    for (auto& connection : found->second.waiting) connection->reset = true;
    listeners_.erase(found);
    return;
  }
  CHECK(events_.erase(descriptor) == 1);
}

void Kernel::shut_down(int descriptor, bool /*receiving_too*/) {
  if (Connection* connection = this->connection(descriptor)) connection->server_ended = true;
}

std::shared_ptr<Connection> Kernel::connect(std::uint16_t port) {
  for (auto& [descriptor, listener] : listeners_) {
    if (listener.port != port) continue;
    auto connection = std::make_shared<Connection>();
    connection->send_room = settings_.send_room;
    listener.waiting.push_back(connection);
    return connection;
  }
  return nullptr;
}

Connection* Kernel::connection(int descriptor) {
  const auto found = connections_.find(descriptor);
  return found == connections_.end() ? nullptr : found->second.get();
}

bool Kernel::anyone_waits(int listener) const {
  const auto found = listeners_.find(listener);
  return found != listeners_.end() && !found->second.waiting.empty();
}

bool Kernel::has_descriptor() const {
  return settings_.free_descriptors == 0 || connections_.size() < settings_.free_descriptors;
}

std::optional<int> Kernel::accept(int listener) {
  auto& waiting = listeners_.at(listener).waiting;
  if (waiting.empty() || !has_descriptor()) return std::nullopt;
  waiting.front()->accepted = true;
  connections_[next_descriptor_] = std::move(waiting.front());
  waiting.pop_front();
  return next_descriptor_++;
}

int Kernel::create_ring(unsigned submissions, unsigned completions, io_uring& program) {
  rings_[next_descriptor_] = std::make_unique<SimRing>(*this, submissions, completions, program);
  return next_descriptor_++;
}

void Kernel::note(std::string event) {
  for (const char c : event) {
    fingerprint_ = (fingerprint_ ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  }
  events_seen_.push_back(fmt::format("{:10.3f} ms  {}", static_cast<double>(now_ns_) / 1e6, event));
  if (events_seen_.size() > kEventsKept) events_seen_.pop_front();
}

void Kernel::log(std::string line) {
  ++logged_[line];
  note("log: " + line);
}

std::uint64_t Kernel::lines_logged(std::string_view part) const {
  std::uint64_t count = 0;
  for (const auto& [line, times] : logged_) {
    if (line.find(part) != std::string::npos) count += times;
  }
  return count;
}

}  // namespace duolog::sim
