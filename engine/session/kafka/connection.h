// KafkaConnection: one client's connection, from accept to close.
//
//   received --> frames --> dispatch --> slots, in order of requests --> send queue --> socket
//                              |             ^  completed in any order
//                              +--> jobs ----+
//
// It owns itself: it is destroyed when its socket is closed and nothing it started (appends,
// warm-ups, changes of topics) is under way. The shard's thread only. Limits are KafkaSettings';
// whoever reaches one of them is not read until there is room, and TCP does the rest.
//
// Rules
//   1. A request that is whole in what was received is handled in place; one that is not moves to
//      `input_`, admitted by its declared length, in memory that grows with what arrives.
//   2. Requests are handled for as long as the shard's turn allows (runtime/share.h); those behind
//      them wait in `input_` for the connection's task.
//   3. Nothing is sent while requests are received: everything is sent when the task is run.
//   4. What breaks the protocol is logged; nothing more is read; what was asked before it is
//      answered; then the connection is closed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/buffer.h"
#include "engine/base/intrusive_list.h"
#include "engine/broker/authorize.h"
#include "engine/broker/broker.h"
#include "engine/runtime/shard.h"
#include "engine/runtime/socket.h"
#include "engine/session/kafka/check_line.h"
#include "engine/session/kafka/served_api.h"
#include "engine/session/kafka/sessions.h"
#include "engine/session/kafka/slot.h"
#include "net/kafka/header.h"
#include "net/kafka/message.h"
#include "storage/log_reader.h"

namespace duolog::session {

// The address at which a client reached this server.
struct LocalAddress {
  std::string host;  // numeric
  std::uint16_t port = 0;
};

class KafkaConnection final : public runtime::SocketHandler {
 public:
  // Takes over the descriptor and starts reading.
  KafkaConnection(KafkaSessions& sessions, int descriptor);
  ~KafkaConnection();
  KafkaConnection(const KafkaConnection&) = delete;
  KafkaConnection& operator=(const KafkaConnection&) = delete;

  ListHook hook;  // the sessions'

  // ---- The sessions' ---------------------------------------------------------------------------

  void stop();
  void topic_gone(broker::Topic& topic);

  // ---- The requests' ---------------------------------------------------------------------------

  [[nodiscard]] KafkaSessions& sessions() { return sessions_; }
  [[nodiscard]] broker::Broker& broker() { return sessions_.broker(); }
  [[nodiscard]] runtime::Shard& shard() { return sessions_.shard(); }
  [[nodiscard]] const broker::Principal& principal() const { return principal_; }
  [[nodiscard]] const LocalAddress& local_address();
  // The client's address, numeric; stays as long as a request is under way.
  [[nodiscard]] std::string_view peer_host();
  // Who asks for a change, for the log: client id and address. While the request is started.
  [[nodiscard]] std::string who(const ResponseSlot& slot) const;

  // Whether the client may do what its request's row says with a resource, or with the `name` of
  // the row's kind.
  [[nodiscard]] bool may(const ResponseSlot& slot, const broker::Resource& resource) const {
    return broker::authorize(principal_, slot.served->operation, resource);
  }
  [[nodiscard]] bool may(const ResponseSlot& slot, std::string_view name) const {
    return may(slot, {.type = slot.served->resource, .name = name});
  }

  // While a request is being handled: memory with the same content as `part` of its frame, which
  // stays until the slot is used again.
  [[nodiscard]] Bytes keep(ResponseSlot& slot, Bytes part);
  // The same for all that `reader` has not read yet, which it has then.
  [[nodiscard]] Bytes keep_rest(ResponseSlot& slot, kafka::Reader& reader);

  // Completes a slot; its job is over.
  template <class Response>
  void answer(ResponseSlot& slot, const Response& response) {
    const auto frame =
        kafka::begin_response(slot.response, slot.api->key, slot.version, slot.correlation_id);
    kafka::encode(slot.response, slot.version, response);
    slot.response.end_frame(frame);
    completed(slot);
  }
  void answer_nothing(ResponseSlot& slot) { completed(slot); }
  void count_error(kafka::ErrorCode error) {
    if (error != kafka::ErrorCode::kNone) sessions_.counters().errors.add();
  }
  void count_errors(std::size_t count) { sessions_.counters().errors.add(count); }

  // Rule 4. `line` is logged behind the client's address; empty: nothing is.
  void refuse(KafkaClose why, std::string_view line);

  // Something was started that refers to this connection; `end_flight` is the last that its
  // completion does: the connection may be gone then.
  void begin_flight() { ++in_flight_; }
  void end_flight() {
    --in_flight_;
    destroy_if_over();
  }
  // Whether what was started for `generation` of a slot is still wanted.
  [[nodiscard]] bool wanted(const ResponseSlot& slot, std::uint64_t generation) const {
    return slot.generation == generation && !socket_.closing();
  }

  // Warms up what a request needs, then calls done(Result<void>), unless it is no longer wanted.
  template <class Done>
  void warm_up(ResponseSlot& slot, const storage::Cold& cold, Done done) {
    begin_flight();
    sessions_.counters().cold_reads.add();
    storage::warm_up(shard().disk(), cold,
                     [this, &slot, generation = slot.generation, done](Result<void> outcome) {
                       if (wanted(slot, generation)) done(std::move(outcome));
                       end_flight();
                     });
  }
  // The same ahead of need: one at a time, and nobody waits for it.
  void warm_up_ahead(const storage::Cold& cold);

  // Its batches that are at a worker.
  [[nodiscard]] CheckLine& checks() { return checks_; }
  // All of its own are back: it does not wait for room that others take.
  void checks_are_back() {
    checks_waiter_.hook.unlink();
    unstall(kChecks);
  }

  // Calls job.run() when the connection's task is run.
  void wake(FetchJob& job);

 private:
  // Why reading has stopped.
  enum Stall : std::uint8_t {
    kInFlight = 1,
    kHeld = 2,
    kBudget = 4,
    kCongested = 8,
    kChecks = 16,
    kTurn = 32,  // its share of the turn is over: it goes on when its task is run
  };

  // runtime::SocketHandler
  void on_data(MutableBytes bytes) override;
  void on_eof() override;
  void on_error(int error_number) override;
  void on_sent(std::size_t bytes) override;
  void on_send_lost() override {}  // closing forgets what was to be sent
  void on_writable() override;
  void on_closed() override;

  // Input (input.cc).
  // What arrives may be handled. Between a stall and the turn's end it may not: `input_` still
  // holds what came before, perhaps several requests, and resume_input takes them first.
  [[nodiscard]] bool handles_input() const { return stalled_ == 0 && !resume_; }
  [[nodiscard]] std::size_t take_frames(MutableBytes bytes);
  [[nodiscard]] MutableBytes fill_input(MutableBytes bytes);
  void stash(MutableBytes bytes);
  [[nodiscard]] bool admit_input();
  void forget_front();
  [[nodiscard]] bool length_is_good(std::int32_t length);
  void handle(MutableBytes frame);
  void resume_input();
  void check_limits();
  void stall(Stall why, runtime::Counter& counter);
  void unstall(Stall why);
  static void on_admitted(BudgetWaiter& waiter, void* context);
  static void on_checks(BudgetWaiter& waiter, void* context);
  static void on_congestion_retry(runtime::Timer& timer, void* context);

  // Requests (dispatch.cc).
  void dispatch(Bytes frame);
  void start(ResponseSlot& slot, kafka::Reader& reader);
  void refuse_version(const kafka::RequestHeader& header);

  // Slots and output (connection.cc).
  [[nodiscard]] ResponseSlot& take_slot();
  void recycle(ResponseSlot& slot);
  void completed(ResponseSlot& slot);
  void recount(ResponseSlot& slot);
  void collect();
  void send_more();
  void close(KafkaClose why);
  void close_if_drained();
  void destroy_if_over();
  void shrink();
  [[nodiscard]] std::string name_for_logs() const;
  static void on_turn(runtime::Task& task, void* context);
  static void on_check(runtime::Timer& timer, void* context);
  void check_times();
  // Runs the connection's task when the shard gets to it. From within that task it is for what it
  // has left, and so not urgent.
  void flush_later(runtime::Urgency urgency = runtime::Urgency::kPrompt) {
    shard().run_soon(task_, running_ ? runtime::Urgency::kBehind : urgency);
  }

  KafkaSessions& sessions_;
  runtime::Socket socket_;
  broker::Principal principal_;
  std::unique_ptr<LocalAddress> local_address_;
  std::unique_ptr<std::string> peer_host_;

  Buffer input_;                      // an incomplete request, or what was not yet to be handled
  std::uint64_t input_charged_ = 0;   // of the budget, for the request at the front of `input_`
  bool input_admitted_ = false;       // that request has been
  std::uint64_t input_since_ns_ = 0;  // ... has been coming in, without being stalled
  std::uint8_t stalled_ = 0;          // Stall bits
  bool running_ = false;              // the task is
  bool resume_ = false;               // when the task is run
  Bytes frame_;                       // the request being handled
  bool frame_fills_input_ = false;    // and `input_` holds nothing else

  using Slots = IntrusiveList<ResponseSlot, &ResponseSlot::hook>;
  Slots waiting_;  // in the order of requests
  Slots sending_;  // their bytes are in `queue_`
  Slots unused_;
  std::vector<std::unique_ptr<ResponseSlot>> slots_;
  std::uint32_t outstanding_ = 0;  // slots waiting or sending
  std::uint64_t held_bytes_ = 0;   // by them
  std::vector<FetchJob*> woken_;

  CheckLine checks_{*this};

  SendQueue queue_;
  bool warming_send_ = false;
  bool warming_ahead_ = false;
  std::uint64_t blocked_since_ns_ = 0;   // 0: it is not
  std::uint64_t response_since_ns_ = 0;  // the first of sending_ has been it

  bool end_of_input_ = false;
  bool draining_ = false;  // nothing is read any more
  KafkaClose close_reason_ = KafkaClose::kByPeer;
  bool closed_ = false;  // the socket is
  std::size_t in_flight_ = 0;

  std::uint64_t last_activity_ns_;
  std::uint64_t last_read_ns_;
  bool shrunk_ = true;

  runtime::Task task_{on_turn, this};
  runtime::Timer check_{on_check, this};
  runtime::Timer congestion_retry_{on_congestion_retry, this};
  BudgetWaiter budget_waiter_{on_admitted, this};
  BudgetWaiter checks_waiter_{on_checks, this};
};

}  // namespace duolog::session
