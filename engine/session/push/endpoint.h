// PushEndpoint: the push protocol, duolog.v1.json, on one connection: commands in, replies and
// pushes out.
//
//   messages -> CommandParser -> this -> PushReplies   what is said
//                                  |---> PushPublisher  publishes, and their acks
//                                  +---> PushSender     subscriptions, read from the log
//
// Rules
//  1. A command is answered once, with its id. Replies and pushes have no order among each other;
//     the records of one partition always have.
//  2. Receiving pauses while kMaxReplyBytes of replies wait, more than max_unacked_bytes of what
//     was published are not on disk, or a topic is being created; sending goes on. Who piles up
//     kMostReplyBytes with one message is closed with 4429.
//     A message may hold thousands of commands: those that a turn has no time for
//     (runtime/share.h), or that would publish beyond max_unacked_bytes, wait for a later one.
//     Those behind one whose topic is being created wait for it, so that what is published stays in
//     order.
//  3. Whoever has not sent a command within hello_timeout_ms is closed with 4408.
//  4. Every heartbeat_ms each subscription's position is told.
//  5. When the server stops, what is under way is answered, and `bye` comes before the close frame.
//
// Owned by its WsConnection, on the shard's thread. Limits:
// PushSettings, WsSettings, LiveSettings.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/session/live/endpoint.h"
#include "engine/session/push/publisher.h"
#include "engine/session/push/replies.h"
#include "engine/session/push/sender.h"
#include "engine/session/push/shard.h"
#include "engine/session/push/start.h"
#include "engine/session/push/subscription.h"
#include "engine/session/websocket/connection.h"
#include "net/push/command_parser.h"

namespace duolog::session {

class PushEndpoint final : public LiveEndpoint {
 public:
  static constexpr std::string_view kSubprotocol = "duolog.v1.json";
  static constexpr std::size_t kMaxReplyBytes = 64U << 10;
  static constexpr std::size_t kMostReplyBytes = 4U << 20;

  PushEndpoint(PushShard& pushes, WsConnection& connection);
  ~PushEndpoint() override;

  void on_message(ws::Opcode opcode, Bytes payload) override;
  void turn_ended() override;
  [[nodiscard]] Plan begin(SendList& list) override;
  [[nodiscard]] Plan collect(SendList& list) override;
  [[nodiscard]] std::size_t begun_bytes() const override;
  void sent(std::size_t of_begin, std::size_t of_collect) override;
  [[nodiscard]] bool more() const override {
    return !replies_.empty() || taking() || sender_.more();
  }
  [[nodiscard]] bool busy() const override { return publisher_.busy() || creating_; }
  [[nodiscard]] bool taking() const override { return rest_ != nullptr; }
  [[nodiscard]] bool answering() const override { return busy() || taking() || !replies_.empty(); }
  [[nodiscard]] std::uint64_t on_time(std::uint64_t now_ns) override;
  void topic_grown(const broker::Topic& topic) override;
  void topic_gone(const broker::Topic& topic) override;
  void drain() override;

 private:
  using Subscriptions = std::vector<std::unique_ptr<PushSubscription>>;

  // Runs commands, and takes them from the front of `text`; none are left, or they have to wait.
  void run_all(std::string_view& text);
  void run(std::string_view object, bool may_create);
  // The commands, by what they ask for.
  void run(std::uint64_t id, const push::Hello& hello);
  void run(std::uint64_t id, const push::Subscribe& subscribe);
  void run(std::uint64_t id, const push::Unsubscribe& unsubscribe);
  void run(std::uint64_t id, const push::Pause& pause);
  void run(std::uint64_t id, const push::Resume& resume);
  void run(std::uint64_t id, const push::AddCredit& credit);
  void run(std::uint64_t id, const push::Offsets& offsets);
  void run(std::uint64_t id, const push::Publish& publish);
  void run(std::uint64_t id, const push::Ping& ping);

  // The topic that a command names. Null: the command has been answered, or is run again once the
  // topic has been created.
  [[nodiscard]] broker::Topic* find_topic(std::uint64_t id, std::string_view name, bool create);
  void create_topic(std::string_view name);
  // Goes on looking for where subscriptions begin.
  void search_on();
  [[nodiscard]] bool search(PushSubscription& subscription, bool& stepped);
  void started(PushSubscription& subscription, const PushSubscription::Beginning& beginning);
  void refuse_start(std::uint64_t id, const broker::Topic& topic, const StartRefusal& refusal,
                    bool resume);

  [[nodiscard]] Subscriptions::iterator find(std::uint32_t sid);
  [[nodiscard]] PushSubscription* find_or_refuse(std::uint64_t id, std::uint32_t sid);
  void remove(Subscriptions::iterator subscription);
  void remove_doomed();
  void done(std::uint64_t id, std::string_view what, std::uint32_t sid);
  void refuse(std::optional<std::uint64_t> id, push::ErrorCode code, std::string_view message,
              bool temporary = false);
  void reply(std::string& text);
  void heartbeat();
  void update_reading();
  [[nodiscard]] bool must_wait() const;
  // Says bye, and closes once that is sent and nothing is under way.
  void end(std::uint16_t code, std::string_view reason);
  void close_if_ended();
  static void on_ready(void* context);
  static void on_acked(void* context);

  PushShard& pushes_;
  WsConnection& connection_;
  PushReplies replies_;
  PushSender sender_;
  PushPublisher publisher_;
  Subscriptions subscriptions_;
  // Of the last message: commands that wait.
  struct Rest {
    std::string text;
    std::size_t done = 0;  // what has been run, in front
  };
  std::unique_ptr<Rest> rest_;
  std::string_view running_;  // the command being run, as it came
  std::string_view ending_reason_;
  std::uint64_t heartbeat_due_ns_;
  std::uint64_t give_up_ns_;      // waiting for the first command, or for an end that is read
  std::uint32_t partitions_ = 0;  // that all subscriptions read
  std::uint32_t searching_ = 0;   // subscriptions
  std::uint16_t ending_code_ = 0;
  bool creating_ = false;    // a topic, whose creation will call back
  bool may_create_ = false;  // topics, for the command being run
  bool commanded_ = false;   // there was a command
  bool bye_said_ = false;
};

}  // namespace duolog::session
