// HttpConnection: one connection of the HTTP port, from its accept to its close.
//
//   kRequests --- upgrade ---> (kWaiting, for what the upgrade needs first) ---> kUpgraded
//       |                              |                                             |
//       +---- error, Connection: close +-------> kLingering -------> closed <--------+
//
// Answers with documents (routes.h), refuses what it does not know, and becomes what Upgrades makes
// of it. Requests are answered in their order, one after the other; a whole request has to arrive
// within request_timeout_ms of the accept, or of the answer before it. After an error the answer is
// sent, the sending side is shut, and what still arrives is thrown away until the peer closes, so
// that no reset takes the answer back.
//
// It owns itself: it is freed when its socket is closed and nothing that it started is in flight.
// On its shard's thread. Limits: HttpSettings; answers that wait to be sent pause the reading at
// kMaxUnsentBytes, and what has been read by then is refused with 429.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <sys/uio.h>

#include "engine/base/bytes.h"
#include "engine/base/intrusive_list.h"
#include "engine/runtime/shard.h"
#include "engine/runtime/socket.h"
#include "engine/session/http/upgraded.h"
#include "net/http/request_parser.h"
#include "net/http/response.h"

namespace duolog::session {

class HttpDoor;

class HttpConnection final : runtime::SocketHandler {
 public:
  static constexpr std::size_t kMaxUnsentBytes = 64U << 10;

  // Takes over a connected socket.
  static void accept(HttpDoor& door, int descriptor);

  ListHook link;  // in the door's list

  // The door's: the server stops.
  void drain();

  // ---- Upgrades', within a call of `upgrade` or after begin_wait().
  [[nodiscard]] HttpDoor& door() { return door_; }
  void refuse(int status, std::string_view message);
  void send_and_close(const http::Response& response);
  // Answers with `switching`, a 101, and hands everything after it to `what`.
  void become(std::unique_ptr<UpgradedConnection> what, const http::Response& switching);
  // The upgrade needs something first, whose end is told with wait_ended(); nothing is read until
  // then. `late`: a static text, for the 503 when it takes too long.
  void begin_wait(std::string_view late);
  // False: nobody waits for an upgrade any more; only release_if_done() may follow.
  [[nodiscard]] bool wait_ended();
  // After wait_ended(), once the upgrade is decided: what came behind the request is taken.
  void go_on();

  // ---- The UpgradedConnection's.
  [[nodiscard]] runtime::Socket& socket() { return socket_; }
  void send(std::span<const iovec> slices, std::size_t bytes);
  // Calls flush() when the shard gets to it. From within flush() it is for what flush() has left,
  // and so not urgent; once the socket is closing there is nothing left.
  void flush_soon(runtime::Urgency urgency = runtime::Urgency::kPrompt) {
    if (flushing_ && socket_.closing()) return;
    shard().run_soon(flush_task_, flushing_ ? runtime::Urgency::kBehind : urgency);
  }
  void arm_timer(std::uint64_t in_ms);
  void arm_timer_at(std::uint64_t at_ns);
  void close();
  // Frees this object if nothing holds it any more.
  void release_if_done();

 private:
  friend class WsProbe;  // of the tests: a connection with an endpoint of theirs
  enum class Stage : std::uint8_t { kRequests, kWaiting, kUpgraded, kLingering };
  // An upgrade that waits.
  struct Waiting {
    std::string held;  // bytes that followed the request
    std::string_view late;
  };

  HttpConnection(HttpDoor& door, int descriptor);
  ~HttpConnection();
  [[nodiscard]] runtime::Shard& shard();

  void on_data(MutableBytes bytes) override;
  void on_eof() override;
  void on_error(int error_number) override;
  void on_sent(std::size_t bytes) override;
  void on_send_lost() override;
  void on_writable() override;
  void on_closed() override;

  void read_requests(MutableBytes bytes);
  void close_on_tls();
  void handle(const http::Request& request);
  void respond(http::Response response, const http::Request& request);
  void response_sent();
  void flush();
  void on_timer();

  HttpDoor& door_;
  runtime::Socket socket_;
  runtime::Task flush_task_;
  runtime::Timer timer_;
  http::RequestParser parser_;
  std::unique_ptr<Waiting> waiting_;
  std::unique_ptr<UpgradedConnection> upgraded_;
  std::string out_;  // HTTP responses not yet sent
  std::size_t sending_bytes_ = 0;
  Stage stage_ = Stage::kRequests;
  bool head_ = false;         // what is answered is a HEAD
  bool sending_out_ = false;  // the send under way is of out_
  bool waited_for_ = false;   // wait_ended() will be called
  bool flushing_ = false;
  bool closed_ = false;
  bool peer_done_ = false;
};

}  // namespace duolog::session
