// Differ: the same request to two servers, and what differs between their answers.
//
// One thread, blocking; made by the driver, used by scenarios (scenarios.h). A difference is
// printed with the scenario, the request and the field, and counted, unless a rule of the scenario
// or one of kEverywhere allows it. A rule is a piece of a field's path: "error_message" allows
// every path that contains it.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "net/kafka/header.h"
#include "net/kafka/message.h"
#include "tests/differential/dump.h"

namespace duolog::differential {

// A server, over one connection, which is made anew when the server has closed it.
class Endpoint {
 public:
  explicit Endpoint(const std::string& host_port) : address_(host_port) {}
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // The response's bytes behind its length; empty when the connection was closed instead.
  [[nodiscard]] std::vector<std::uint8_t> exchange(Bytes frame);

 private:
  void connect();
  void disconnect();
  std::string address_;
  int descriptor_ = -1;
};

template <class Response>
struct Reply {
  bool closed = false;  // the connection, instead of an answer
  std::vector<std::uint8_t> frame;
  kafka::Arena arena;
  Response message;
};

template <class Response>
struct Both {
  Reply<Response> ours;
  Reply<Response> theirs;
};

// Fields that say who answers, or how busy it is, and texts for people.
inline constexpr std::string_view kEverywhere[] = {
    "throttle_time_ms", "error_message", ".host", ".port", "cluster_id", "leader_epoch"};

class Differ {
 public:
  Differ(const std::string& ours, const std::string& theirs) : ours_(ours), theirs_(theirs) {}

  void begin(std::string_view scenario) {
    scenario_ = scenario;
    label_.clear();
  }
  // What the next requests are about, until the next scenario or label.
  void label(std::string_view label) { label_ = label; }
  [[nodiscard]] int differences() const { return differences_; }
  [[nodiscard]] int asked() const { return asked_; }

  using Allowed = std::initializer_list<std::string_view>;

  template <class Response, class Request>
  std::unique_ptr<Both<Response>> ask(std::int16_t version, const Request& request,
                                      Allowed allowed = {}) {
    return ask_each<Response>(version, request, request, allowed);
  }
  // For requests that name what each server has named itself, such as ids.
  template <class Response, class Request>
  std::unique_ptr<Both<Response>> ask_each(std::int16_t version, const Request& ours,
                                           const Request& theirs, Allowed allowed = {}) {
    auto both = std::make_unique<Both<Response>>();
    call(ours_, version, ours, both->ours);
    call(theirs_, version, theirs, both->theirs);
    const std::string what =
        std::string(kafka::find_api(Request::kApi)->name) + " v" + std::to_string(version);
    compare(what, lines_of(version, both->ours), lines_of(version, both->theirs), allowed);
    return both;
  }
  // Any frame, with its length: whether both answer, and the same bytes.
  void ask_raw(std::string_view what, Bytes frame);

 private:
  template <class Response, class Request>
  void call(Endpoint& endpoint, std::int16_t version, const Request& request,
            Reply<Response>& reply) {
    kafka::Writer writer;
    const auto frame =
        kafka::begin_request(writer, {.api_key = static_cast<std::int16_t>(Request::kApi),
                                      .api_version = version,
                                      .correlation_id = 1,
                                      .client_id = "differ"});
    kafka::encode(writer, version, request);
    writer.end_frame(frame);
    reply.frame = endpoint.exchange(writer.bytes());
    reply.closed = reply.frame.empty();
    if (reply.closed) return;
    kafka::Reader reader(reply.frame, reply.arena);
    const auto header = kafka::parse_response_header(reader, Response::kApi, version);
    const auto decoded = header ? kafka::decode(reader, version, reply.message)
                                : Result<void>(std::unexpected(header.error()));
    if (!decoded) broken(decoded.error().message);
  }
  template <class Response>
  static Lines lines_of(std::int16_t version, const Reply<Response>& reply) {
    if (reply.closed) return {"closed the connection"};
    Lines lines;
    dump(version, "", reply.message, lines);
    return lines;
  }
  void compare(const std::string& what, const Lines& ours, const Lines& theirs, Allowed allowed);
  void broken(const std::string& why);

  Endpoint ours_;
  Endpoint theirs_;
  std::string scenario_;
  std::string label_;
  int differences_ = 0;
  int asked_ = 0;
};

}  // namespace duolog::differential
