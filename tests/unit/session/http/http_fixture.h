// A server of HTTP ports on real shards and a real directory, and a client that speaks raw bytes.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/groups/group_settings.h"
#include "engine/session/doors/http_port.h"
#include "engine/session/kafka/counter_list.h"
#include "net/ws/frame_parser.h"
#include "net/ws/handshake.h"
#include "storage/record_batch_builder.h"
#include "tests/unit/broker/test_cluster.h"
#include "tests/unit/patience.h"
#include "tests/unit/turn_time.h"

namespace duolog::session {

// Nothing here waits longer; it only catches hangs.
inline constexpr int kDeadlineMs = std::chrono::milliseconds(kPatience).count();

class HttpFixture {
 public:
  explicit HttpFixture(std::size_t shards = 1, HttpPortSettings settings = {},
                       broker::Options options = broker::TestCluster::small_options(),
                       std::uint32_t turn_us = tested_turn_us())
      : settings_(std::move(settings)),
        view_(shards),
        cluster_(shards, std::move(options), turn_us),
        shards_(shards) {
    if (settings_.http.access.listen_address.empty())
      settings_.http.access.listen_address = "127.0.0.1";
    open_ports();
    view_.set(ServerView::State::kReady);
  }
  ~HttpFixture() { close_ports(); }

  broker::TestCluster& cluster() { return cluster_; }
  ServerView& view() { return view_; }
  HttpPort& port(std::size_t shard = 0) { return *ports_[shard]; }
  HttpCounters& counters(std::size_t shard = 0) { return port(shard).http().counters(); }
  WsCounters& ws_counters(std::size_t shard = 0) { return port(shard).ws().counters(); }
  LiveCounters& live_counters(std::size_t shard = 0) { return port(shard).live().counters(); }
  PushCounters& push_counters(std::size_t shard = 0) { return port(shard).pushes().counters(); }

  // A connected client socket, served by `shard`. `receive_bytes`: SO_RCVBUF; 0: the default.
  int connect(std::size_t shard = 0, int receive_bytes = 0) {
    return connect_to([](HttpPort& port, int served) { port.accept(served); }, receive_bytes,
                      shard);
  }
  // Served by what `serve` does with the other end, on the shard.
  int connect_to(std::function<void(HttpPort& port, int served)> serve, int receive_bytes = 0,
                 std::size_t shard = 0) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(listener, 1), 0);
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_bytes > 0) {
      ::setsockopt(client, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    }
    EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), length), 0);
    const int served = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    ::close(listener);
    cluster_.runtime().run_on(ShardId(static_cast<std::uint16_t>(shard)),
                              [this, shard, served, serve = std::move(serve)](runtime::Shard&) {
                                serve(*ports_[shard], served);
                              });
    return client;
  }

  void drain() {
    for (std::size_t i = 0; i < shards_; ++i) {
      cluster_.runtime().run_on_and_wait(ShardId(static_cast<std::uint16_t>(i)),
                                         [this, i](runtime::Shard&) { ports_[i]->drain(); });
    }
  }
  void restart() {
    close_ports();
    cluster_.start();
    open_ports();
  }

  // Waits until `condition` is true; false at the deadline.
  [[nodiscard]] static bool eventually(const std::function<bool()>& condition) {
    const std::uint64_t until = monotonic_ns() + std::uint64_t{kDeadlineMs} * 1'000'000;
    while (!condition()) {
      if (monotonic_ns() > until) return false;
      ::poll(nullptr, 0, 1);
    }
    return true;
  }

  broker::Topic& create(const std::string& name, std::int32_t partitions = 1,
                        storage::TopicConfigs configs = {}) {
    const auto outcome =
        cluster_.create({.name = name, .partitions = partitions, .configs = std::move(configs)});
    EXPECT_EQ(outcome.error, kafka::ErrorCode::kNone) << outcome.message;
    return *outcome.topic;
  }

  void add_partitions(const std::string& topic, std::int32_t count) {
    const auto outcome = cluster_.add_partitions({.topic = topic, .count = count});
    EXPECT_EQ(outcome.error, kafka::ErrorCode::kNone) << outcome.message;
  }

  // Appends a batch and waits for its ack. The partition's owner sends it.
  kafka::ErrorCode append(broker::Partition& partition, std::vector<std::uint8_t> batch) {
    auto header = storage::parse_header(batch);
    EXPECT_TRUE(header.has_value());
    std::promise<kafka::ErrorCode> promise;
    auto future = promise.get_future();
    broker::AppendRequest* request = nullptr;
    cluster_.runtime().run_on(partition.owner, [&](runtime::Shard& shard) {
      request = new broker::AppendRequest;
      request->partition = &partition;
      request->batch = batch;
      request->records = header->record_count;
      request->max_timestamp = header->max_timestamp;
      request->context = &promise;
      request->done = [](broker::AppendRequest& answered) {
        static_cast<std::promise<kafka::ErrorCode>*>(answered.context)->set_value(answered.error);
      };
      (void)cluster_.broker(shard.id().value).append(*request);
    });
    const auto error = future.get();
    cluster_.runtime().run_on_and_wait(partition.owner, [&](runtime::Shard&) { delete request; });
    return error;
  }

 private:
  void open_ports() {
    ports_.resize(shards_);
    for (std::size_t i = 0; i < shards_; ++i) {
      cluster_.runtime().run_on_and_wait(
          ShardId(static_cast<std::uint16_t>(i)), [this, i](runtime::Shard& here) {
            ports_[i] = std::make_unique<HttpPort>(cluster_.broker(i), settings_, view_);
            runtime::CounterList& list = view_.list(here.id());
            list = {};
            list.add(runtime::kMetrics, here.counters());
            list.add(broker::kBrokerMetrics, cluster_.broker(i).counters());
            list_counters(list, kafka_);
            list.add(groups::kGroupMetrics, groups_);
            list.add(groups::kMembershipMetrics, groups_.members);
            ports_[i]->list_counters(list);
          });
    }
  }
  void close_ports() {
    drain();
    EXPECT_TRUE(eventually([&] {
      for (auto& port : ports_) {
        if (port->http().counters().connections_open.get() != 0) return false;
      }
      return true;
    }));
    for (std::size_t i = 0; i < shards_; ++i) {
      cluster_.runtime().run_on_and_wait(ShardId(static_cast<std::uint16_t>(i)),
                                         [this, i](runtime::Shard&) { ports_[i].reset(); });
    }
    cluster_.stop();
  }

  HttpPortSettings settings_;
  KafkaCounters kafka_;           // nobody counts here
  groups::GroupCounters groups_;  // nor here
  ServerView view_;
  broker::TestCluster cluster_;
  std::size_t shards_;
  std::vector<std::unique_ptr<HttpPort>> ports_;
};

// One client connection, speaking raw bytes.
class HttpClient {
 public:
  explicit HttpClient(int descriptor) : descriptor_(descriptor) {}
  HttpClient(HttpFixture& fixture, std::size_t shard = 0, int receive_bytes = 0)
      : descriptor_(fixture.connect(shard, receive_bytes)) {}
  ~HttpClient() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  void close() { ::close(std::exchange(descriptor_, -1)); }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // Receives at most `most` bytes into input(); false at the end, or at the deadline.
  bool receive(std::size_t most = 64U << 10) {
    pollfd entry{.fd = descriptor_, .events = POLLIN, .revents = 0};
    if (::poll(&entry, 1, kDeadlineMs) != 1) {
      ADD_FAILURE() << "nothing came";
      return false;
    }
    const std::size_t before = input_.size();
    input_.resize(before + most);
    const ssize_t got = ::recv(descriptor_, input_.data() + before, most, 0);
    input_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return got > 0;
  }
  std::string& input() { return input_; }

  // Reads one response: its header, and a body of Content-Length.
  std::string response() {
    std::size_t end = std::string::npos;
    while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
      if (!receive()) return std::exchange(input_, {});
    }
    std::size_t size = end + 4;
    if (const auto at = input_.find("Content-Length: "); at < end) {
      size += static_cast<std::size_t>(std::stoul(input_.substr(at + 16)));
    }
    while (input_.size() < size && receive()) {
    }
    std::string whole = input_.substr(0, size);
    input_.erase(0, size);
    return whole;
  }
  // True when the server has closed, whatever came before.
  bool closed() {
    while (receive()) {
    }
    return true;
  }

 private:
  int descriptor_;
  std::string input_;
};

inline std::string upgrade_request(std::string_view target, std::string_view more = {}) {
  return "GET " + std::string(target) +
         " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
         std::string(more) + "\r\n";
}

inline std::string masked(ws::Opcode opcode, std::string_view payload, bool fin = true,
                          bool rsv1 = false) {
  std::vector<std::uint8_t> out;
  ws::append_masked_frame(out, opcode, fin, as_bytes(payload), 0x11223344, rsv1);
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

// A WebSocket client: of a feed, if nothing else is said.
class FeedClient {
 public:
  struct Event {
    ws::FrameEvent::Kind kind = ws::FrameEvent::Kind::kNeedMore;
    ws::Opcode opcode = ws::Opcode::kContinuation;
    std::uint16_t close_code = 0;
    std::string payload;
    bool compressed = false;
  };

  // `receive_bytes`: the socket's buffer. `with`: frames that follow the request at once.
  // `headers`: more of them.
  FeedClient(HttpFixture& fixture, std::string_view target, std::size_t shard = 0,
             int receive_bytes = 0, std::string_view with = {}, std::string_view headers = {})
      : http_(fixture, shard, receive_bytes),
        parser_(
            {.role = ws::Role::kClient, .rsv1_negotiated = true, .max_message_bytes = 64U << 20}) {
    http_.send(upgrade_request(target, headers) + std::string(with));
    response_ = http_.response();
  }

  [[nodiscard]] const std::string& response() const { return response_; }
  [[nodiscard]] bool upgraded() const { return response_.starts_with("HTTP/1.1 101 "); }
  HttpClient& http() { return http_; }
  [[nodiscard]] int descriptor() const { return http_.descriptor(); }

  void send(ws::Opcode opcode, std::string_view payload, bool fin = true) {
    http_.send(masked(opcode, payload, fin));
  }
  void publish(std::string_view value) { send(ws::Opcode::kBinary, value); }
  void close(std::uint16_t code) {
    const std::array<char, 2> bytes = {static_cast<char>(code >> 8), static_cast<char>(code)};
    send(ws::Opcode::kClose, {bytes.data(), 2});
  }

  // The next event; kNeedMore when the connection has ended.
  Event next(std::size_t most = 64U << 10) {
    for (;;) {
      MutableBytes input{reinterpret_cast<std::uint8_t*>(http_.input().data()),
                         http_.input().size()};
      const ws::FrameEvent event = parser_.next(input);
      Event copy{event.kind, event.opcode, event.close_code, std::string(as_text(event.payload)),
                 event.compressed};
      http_.input().erase(0, http_.input().size() - input.size());
      if (event.kind == ws::FrameEvent::Kind::kError) ADD_FAILURE() << event.error;
      if (event.kind != ws::FrameEvent::Kind::kNeedMore || !http_.receive(most)) return copy;
    }
  }
  // The next message's payload; fails on any other event.
  std::string message(std::size_t most = 64U << 10) {
    const Event event = next(most);
    EXPECT_EQ(event.kind, ws::FrameEvent::Kind::kMessage) << "close code " << event.close_code;
    return event.payload;
  }
  // Skips messages up to the server's close frame; returns its code, or 1006 without one.
  std::uint16_t close_code() {
    for (;;) {
      const Event event = next();
      if (event.kind == ws::FrameEvent::Kind::kClose) return event.close_code;
      if (event.kind == ws::FrameEvent::Kind::kNeedMore) return 1006;
    }
  }

 private:
  HttpClient http_;
  ws::FrameParser parser_;
  std::string response_;
};

inline HttpPortSettings with_echo() {
  HttpPortSettings settings;
  settings.websocket.echo = true;
  return settings;
}

inline broker::Partition& first(broker::Topic& topic) { return *topic.partition(PartitionId(0)); }

// A batch of the given values; a null is a tombstone.
inline std::vector<std::uint8_t> batch_of_values(
    const std::vector<std::optional<std::string>>& values,
    storage::Codec codec = storage::Codec::kNone) {
  storage::RecordBatchBuilder builder(64U << 20);
  for (const auto& value : values) {
    storage::NewRecord record;
    record.timestamp = wall_clock();
    if (value) record.value = as_bytes(*value);
    EXPECT_TRUE(builder.add(record).has_value());
  }
  const MutableBytes plain = builder.finish();
  std::vector<std::uint8_t> batch(plain.begin(), plain.end());
  if (codec == storage::Codec::kNone) return batch;
  Buffer packed;
  EXPECT_TRUE(storage::compress(codec, Bytes(batch).subspan(storage::kBatchHeaderBytes), packed)
                  .has_value());
  batch.resize(storage::kBatchHeaderBytes);
  batch.insert(batch.end(), packed.begin(), packed.end());
  store_be<std::int32_t>(batch.data() + storage::batch_at::kBatchLength,
                         static_cast<std::int32_t>(batch.size() - storage::kBatchLengthEnd));
  store_be<std::uint16_t>(batch.data() + storage::batch_at::kAttributes,
                          static_cast<std::uint16_t>(codec));
  storage::store_crc(batch);
  return batch;
}

}  // namespace duolog::session
