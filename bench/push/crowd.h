// Crowd: connections that load a server: each sends the same bytes again and again, if it has any,
// and what comes is thrown away. One thread with one epoll.
//
// The main thread adds connections before `start`, and reads the count; the thread ends with the
// object.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "bench/push/subscriber.h"

namespace duolog::load {

class Crowd {
 public:
  // `to_send`: whole frames, for each connection; empty: none.
  explicit Crowd(std::string to_send) : to_send_(std::move(to_send)) {}
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  void add(const PushTarget& target) { members_.push_back({Subscriber(target)}); }
  void start();
  [[nodiscard]] std::uint64_t received_bytes() const { return received_bytes_; }
  [[nodiscard]] std::size_t ended() const { return ended_; }

 private:
  struct Member {
    Subscriber subscriber;
    std::size_t sent = 0;  // of to_send_
  };
  void run();
  void serve(Member& member);

  std::string to_send_;
  std::vector<Member> members_;
  std::vector<char> buffer_ = std::vector<char>(1U << 20);
  std::atomic<std::uint64_t> received_bytes_{0};
  std::atomic<std::size_t> ended_{0};
  std::atomic<bool> stop_{false};
  int epoll_ = -1;
  std::thread thread_;
};

}  // namespace duolog::load
