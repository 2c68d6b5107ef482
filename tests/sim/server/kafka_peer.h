// KafkaPeer: a client's connection to the Kafka port of a simulated server: requests out, responses
// in, by the project's own wire code.
//
// It checks what any client may rely on: responses come in the order of requests, once each, whole
// and decodable, and nothing else comes.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "net/kafka/arena.h"
#include "net/kafka/header.h"
#include "net/kafka/message.h"
#include "tests/sim/kernel/kernel.h"
#include "tests/sim/server/machine.h"
#include "tests/sim/server/oracle.h"

namespace duolog::sim {

class KafkaPeer {
 public:
  KafkaPeer(Kernel& kernel, Oracle& oracle, std::string name)
      : kernel_(kernel), oracle_(oracle), name_(std::move(name)) {}
  ~KafkaPeer() { drop(); }
  KafkaPeer(const KafkaPeer&) = delete;
  KafkaPeer& operator=(const KafkaPeer&) = delete;

  // False: nobody listens.
  bool connect() {
    drop();
    connection_ = kernel_.connect(kKafkaPort);
    return connection_ != nullptr;
  }
  // Throws the connection away; what was asked is not answered.
  void drop() {
    if (connection_ != nullptr) connection_->reset = true;
    connection_.reset();
    waiting_.clear();
    in_.clear();
  }
  [[nodiscard]] bool connected() const { return connection_ != nullptr; }
  // Whether `take` or `ended` has news.
  [[nodiscard]] bool has_news() const {
    return connection_ != nullptr &&
           (connection_->reset || connection_->server_ended || !connection_->to_client.empty());
  }
  // The server has ended the connection, and there is nothing more to take. Drops it.
  [[nodiscard]] bool ended() {
    if (connection_ == nullptr) return true;
    const bool over =
        connection_->reset || (connection_->server_ended && connection_->to_client.empty());
    if (over) drop();
    return over;
  }
  [[nodiscard]] std::size_t unanswered() const { return waiting_.size(); }
  // How long the oldest request has been waiting.
  [[nodiscard]] std::uint64_t waits_since_ns() const {
    return waiting_.empty() ? kernel_.now_ns() : waiting_.front().sent_ns;
  }

  // `tag` comes back with the response.
  template <class Request>
  void send(std::int16_t version, const Request& request, std::uint64_t tag, bool answered = true) {
    CHECK(connection_ != nullptr);
    const std::int32_t id = next_id_++;
    kafka::Writer writer;
    const auto frame =
        kafka::begin_request(writer, {.api_key = static_cast<std::int16_t>(Request::kApi),
                                      .api_version = version,
                                      .correlation_id = id,
                                      .client_id = name_});
    kafka::encode(writer, version, request);
    writer.end_frame(frame);
    connection_->to_server.append(reinterpret_cast<const char*>(writer.bytes().data()),
                                  writer.bytes().size());
    if (answered) waiting_.push_back({id, Request::kApi, version, tag, kernel_.now_ns()});
  }

  struct Response {
    kafka::ApiKey api{};
    std::int16_t version = 0;
    std::uint64_t tag = 0;
    std::uint64_t waited_ns = 0;
    std::string frame;
    kafka::Arena arena;

    // Decodes it. A response that is none is the server's fault.
    template <class Message>
    [[nodiscard]] bool read(Oracle& oracle, Message& message) {
      kafka::Reader reader(as_bytes(frame), arena);
      const auto header = kafka::parse_response_header(reader, api, version);
      if (!header) {
        oracle.wrong("a response's header: " + header.error().message);
        return false;
      }
      const auto decoded = kafka::decode(reader, version, message);
      if (!decoded) oracle.wrong("a response: " + decoded.error().message);
      return decoded.has_value();
    }
  };

  // The next whole response, if it is there.
  [[nodiscard]] std::unique_ptr<Response> take() {
    if (connection_ == nullptr) return nullptr;
    in_.append(connection_->to_client);
    connection_->to_client.clear();
    if (in_.size() < 4) return nullptr;
    const auto size = load_be<std::uint32_t>(reinterpret_cast<const std::uint8_t*>(in_.data()));
    if (in_.size() < 4 + std::size_t{size}) return nullptr;
    auto response = std::make_unique<Response>();
    response->frame = in_.substr(4, size);
    in_.erase(0, 4 + std::size_t{size});
    if (waiting_.empty()) {
      oracle_.wrong(name_ + ": a response that nobody asked for");
      drop();
      return nullptr;
    }
    const Waiting asked = waiting_.front();
    waiting_.pop_front();
    const auto id =
        load_be<std::int32_t>(reinterpret_cast<const std::uint8_t*>(response->frame.data()));
    if (size < 4 || id != asked.id) {
      oracle_.wrong(
          fmt::format("{}: the response to {} came in the place of {}", name_, id, asked.id));
    }
    response->api = asked.api;
    response->version = asked.version;
    response->tag = asked.tag;
    response->waited_ns = kernel_.now_ns() - asked.sent_ns;
    return response;
  }

 private:
  struct Waiting {
    std::int32_t id;
    kafka::ApiKey api;
    std::int16_t version;
    std::uint64_t tag;
    std::uint64_t sent_ns;
  };

  Kernel& kernel_;
  Oracle& oracle_;
  std::string name_;
  std::shared_ptr<Connection> connection_;
  std::string in_;  // taken, and not yet a whole response
  std::deque<Waiting> waiting_;
  std::int32_t next_id_ = 1;
};

}  // namespace duolog::sim
