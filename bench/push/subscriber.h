// A subscriber's socket: connected, upgraded and subscribed, one after another, blocking.
//
// Owned by whoever asked for it. Closing resets the connection, so that ten thousand of them leave
// no local ports in TIME_WAIT.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/bytes.h"

namespace duolog::load {

struct PushTarget {
  std::string http = "127.0.0.1:8080";
  std::string topic;
  std::string from = "latest";
  bool plain = false;      // the plain feed; else duolog.v1.json
  int receive_buffer = 0;  // SO_RCVBUF; 0: the kernel's
};

// A connected socket of `target`. Throws std::runtime_error.
[[nodiscard]] int connected_socket(const PushTarget& target);

class Subscriber {
 public:
  // Returns once the server has confirmed the subscription. Throws std::runtime_error.
  explicit Subscriber(const PushTarget& target);
  ~Subscriber();
  Subscriber(Subscriber&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), pushed_(std::move(other.pushed_)) {}
  Subscriber& operator=(Subscriber&&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  // What came behind the confirmation: the first bytes of the first frames.
  [[nodiscard]] std::vector<std::uint8_t> take_pushed() { return std::move(pushed_); }

  // A sign of life. What fails here shows when the connection is read.
  void send_pong(Bytes payload) const;
  // Whether the server has ended the connection.
  [[nodiscard]] bool ended() const;
  // Whether the kernel holds bytes for it.
  [[nodiscard]] bool has_unread() const;

 private:
  void upgrade(const PushTarget& target);
  void subscribe(const PushTarget& target);
  void receive_more();

  int descriptor_ = -1;
  std::vector<std::uint8_t> pushed_;
};

}  // namespace duolog::load
