// PushClient: one connection that speaks duolog.v1.json, as `consume --push` and `produce --push`
// use it.
//
// Commands go out with an id of their own; what comes in are JSON objects, one a call, replies and
// pushes as they come. Owned by the consumer or producer on it; used on one thread. A connection
// that the server has said nothing on for three of its heartbeats counts as ended.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "engine/base/result.h"
#include "tools/duolog/client/web_socket.h"

namespace CLI {
class App;
}

namespace duolog::tools {

// The options that commands have for the push protocol.
struct PushOptions {
  bool push = false;
  std::string address = "127.0.0.1:8080";
  int timeout_ms = 10'000;

  // Adds --push and --http (client_options.cc); options that only Kafka knows, which `app` has
  // already, exclude them.
  void add_to(CLI::App& app, std::initializer_list<const char*> only_kafka);
};

// Why a connection ended, as far as it matters for another.
struct Ending {
  Error error;
  bool again = false;          // another may be opened
  std::uint64_t after_ms = 0;  // when: the server's wish
};

class PushClient {
 public:
  using Object = simdjson::dom::element;

  // Connects and says hello. kIo and kBusy may be tried again.
  [[nodiscard]] static Result<std::unique_ptr<PushClient>> connect(const PushOptions& options);

  // Sends {"id":ID,`name`:`arguments`} and returns the id. The arguments are JSON.
  [[nodiscard]] Result<std::uint64_t> send(std::string_view name, std::string_view arguments);

  // The next object, or nothing when none came within `timeout_ms`; valid until the next call.
  // kClosed: ending() says why and whether to come back.
  [[nodiscard]] Result<std::optional<Object>> next(int timeout_ms);

  // Sends a command and waits for its reply, dropping what else comes. A reply that is an error is
  // one here too (push_error).
  [[nodiscard]] Result<Object> call(std::string_view name, std::string_view arguments);

  // See WebSocket::close.
  [[nodiscard]] Result<void> close();

  [[nodiscard]] Ending ending() const;
  [[nodiscard]] std::size_t max_message_bytes() const { return max_message_bytes_; }
  [[nodiscard]] int descriptor() const { return socket_->descriptor(); }

 private:
  explicit PushClient(const PushOptions& options) : options_(options) {}
  [[nodiscard]] Result<void> hello();
  [[nodiscard]] std::string_view take_line();
  void note_bye(Object object);

  PushOptions options_;
  std::unique_ptr<WebSocket> socket_;
  simdjson::dom::parser parser_;
  std::string message_;    // the one that is being taken apart: a line is an object
  std::size_t taken_ = 0;  // of it
  std::uint64_t last_id_ = 0;
  std::uint64_t heard_ns_ = 0;
  std::uint64_t silence_ms_ = 0;  // 0: any
  std::size_t max_message_bytes_ = 1U << 20;
  Ending ending_;
  bool bye_ = false;
};

// A field's value, or what stands for one that is missing or of another type.
template <class T>
[[nodiscard]] T get_or(simdjson::simdjson_result<PushClient::Object> field, T otherwise) {
  T value;
  return field.get(value) == simdjson::SUCCESS ? value : otherwise;
}

// Of {"code":...,"message":...}: kNotFound for an unknown topic, kOutOfRange for an offset that the
// log does not have, kBusy for what is temporary, else kUnsupported.
[[nodiscard]] Error push_error(PushClient::Object error);

}  // namespace duolog::tools
