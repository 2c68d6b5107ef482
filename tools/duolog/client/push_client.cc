#include "tools/duolog/client/push_client.h"

#include <algorithm>
#include <array>

#include "engine/base/clock.h"
#include "net/push/command.h"

namespace duolog::tools {
namespace {

constexpr std::string_view kSubprotocol = "duolog.v1.json";

// Close codes after which another connection is worth it; of Duolog's own, also 45xx.
bool may_come_back(std::uint16_t code) {
  constexpr std::array<std::uint16_t, 10> kAgain{1001, 1006, 1011, 1012, 1013,
                                                 4408, 4429, 4440, 4441, 4442};
  return std::ranges::find(kAgain, code) != kAgain.end() || (code >= 4500 && code < 4600);
}

}  // namespace

Error push_error(PushClient::Object error) {
  using push::ErrorCode;
  const auto code = static_cast<ErrorCode>(get_or<std::int64_t>(error["code"], 0));
  Errc kind = get_or(error["temporary"], false) ? Errc::kBusy : Errc::kUnsupported;
  if (code == ErrorCode::kUnknownTopic) kind = Errc::kNotFound;
  if (code == ErrorCode::kOffsetOutOfRange) kind = Errc::kOutOfRange;
  return {kind, std::string(get_or<std::string_view>(error["message"], "an error"))};
}

Result<std::unique_ptr<PushClient>> PushClient::connect(const PushOptions& options) {
  std::unique_ptr<PushClient> client(new PushClient(options));
  auto socket =
      WebSocket::open(options.address, "/v1/ws", std::string(kSubprotocol), options.timeout_ms);
  if (!socket) {
    Error& error = socket.error();
    if (error.code == Errc::kInvalid) return std::unexpected(error);
    error.message = "no push connection to " + options.address + " (" + error.message + ")";
    if (error.code == Errc::kIo) {
      error.message +=
          "; is a server running there? Start one with `duolog serve`, or name "
          "another with --http HOST:PORT";
    }
    return std::unexpected(error);
  }
  client->socket_ = std::move(*socket);
  if (auto greeted = client->hello(); !greeted) return std::unexpected(greeted.error());
  return client;
}

Result<void> PushClient::hello() {
  heard_ns_ = monotonic_ns();
  const Result<Object> reply = call("hello", R"({"client":"duolog"})");
  if (!reply) return std::unexpected(reply.error());
  silence_ms_ = 3 * get_or<std::uint64_t>((*reply)["hello"]["heartbeat_ms"], 0);
  max_message_bytes_ =
      get_or<std::uint64_t>((*reply)["hello"]["max_message_bytes"], max_message_bytes_);
  return {};
}

Result<std::uint64_t> PushClient::send(std::string_view name, std::string_view arguments) {
  std::string text = R"({"id":)" + std::to_string(++last_id_) + ",\"";
  text.append(name).append("\":").append(arguments).append("}");
  if (auto sent = socket_->send(text, options_.timeout_ms); !sent) {
    ending_.error = sent.error();
    return std::unexpected(Error{Errc::kClosed, sent.error().message});
  }
  return last_id_;
}

Result<std::optional<PushClient::Object>> PushClient::next(int timeout_ms) {
  while (taken_ == message_.size()) {
    auto received = socket_->receive(timeout_ms);
    if (!received) {
      ending_.error = received.error();
      return std::unexpected(received.error());
    }
    if (!*received) {
      if (silence_ms_ == 0 || monotonic_ns() - heard_ns_ < silence_ms_ * 1'000'000) {
        return std::nullopt;
      }
      ending_.error = {Errc::kClosed, "the server is silent"};
      return std::unexpected(ending_.error);
    }
    heard_ns_ = monotonic_ns();
    message_.assign(**received);
    taken_ = 0;
  }
  const std::string_view line = take_line();
  Object object;
  if (parser_.parse(line.data(), line.size()).get(object) != simdjson::SUCCESS ||
      !object.is_object()) {
    return fail(Errc::kInvalid, "the server sent what is no JSON object");
  }
  note_bye(object);
  return object;
}

std::string_view PushClient::take_line() {
  const std::size_t end = std::min(message_.find('\n', taken_), message_.size());
  const std::string_view line = std::string_view(message_).substr(taken_, end - taken_);
  taken_ = std::min(message_.find_first_not_of('\n', end), message_.size());
  return line;
}

void PushClient::note_bye(Object object) {
  Object bye;
  if (object["bye"].get(bye) != simdjson::SUCCESS) return;
  bye_ = true;
  ending_.again = get_or(bye["reconnect"], false);
  ending_.after_ms = get_or<std::uint64_t>(bye["after_ms"], 0);
}

Ending PushClient::ending() const {
  Ending ending = ending_;
  if (!bye_) ending.again = may_come_back(socket_->close_code());
  return ending;
}

Result<PushClient::Object> PushClient::call(std::string_view name, std::string_view arguments) {
  const Result<std::uint64_t> id = send(name, arguments);
  if (!id) return std::unexpected(id.error());
  const std::uint64_t give_up_ns =
      monotonic_ns() + static_cast<std::uint64_t>(options_.timeout_ms) * 1'000'000;
  while (monotonic_ns() < give_up_ns) {
    auto object = next(options_.timeout_ms);
    if (!object) return std::unexpected(object.error());
    if (!*object) break;  // too late, or a signal
    if (get_or((**object)["id"], *id + 1) != *id) continue;
    Object error;
    if ((**object)["error"].get(error) == simdjson::SUCCESS) {
      return std::unexpected(push_error(error));
    }
    return **object;
  }
  return fail(Errc::kIo, "no answer from " + options_.address + " to " + std::string(name));
}

Result<void> PushClient::close() {
  const Result<std::uint16_t> code = socket_->close(options_.timeout_ms);
  if (!code) return std::unexpected(code.error());
  if (*code == ws::close_code::kNormal || *code == ws::close_code::kNoStatus) return {};
  return fail(Errc::kIo, "the server closed the connection with " + std::to_string(*code));
}

}  // namespace duolog::tools
