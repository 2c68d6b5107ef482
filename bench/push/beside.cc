#include "bench/push/beside.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <sys/socket.h>

#include "bench/load/process_usage.h"
#include "bench/load/sleep.h"
#include "bench/push/crowd.h"
#include "bench/push/metric.h"
#include "engine/base/clock.h"
#include "engine/base/histogram.h"
#include "net/ws/frame.h"
#include "net/ws/frame_parser.h"

namespace duolog::load {
namespace {

constexpr double kRate = 100;  // publishes a second
constexpr double kMostP99Ms = 10;
constexpr double kMostTurnMs = 5;
constexpr std::size_t kCommanders = 100;
constexpr std::size_t kCommandsInAFrame = 200;
constexpr std::size_t kFeeds = 500;
constexpr std::size_t kFeedBacklogBytes = 64U << 20;
constexpr std::size_t kFeedRecordBytes = 8192;
constexpr std::size_t kSubscribers = 5'000;
constexpr std::uint64_t kBroadcastEveryNs = 200'000'000;
constexpr ws::MaskKey kPublishMask = 0x12345678;

std::string frame_of(std::string_view text) {
  std::vector<std::uint8_t> frame;
  ws::append_masked_frame(frame, ws::Opcode::kText, true, as_bytes(text), kPublishMask);
  return {frame.begin(), frame.end()};
}

// A client that publishes one record and waits until it is on disk.
class Publisher {
 public:
  explicit Publisher(const PushTarget& target)
      : subscriber_(target),
        frame_(frame_of(R"({"id":7,"publish":{"topic":")" + target.topic +
                        R"(-own","records":[{"value":"x"}]}})")) {}

  void publish() {
    const int descriptor = subscriber_.descriptor();
    if (send(descriptor, frame_.data(), frame_.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(frame_.size())) {
      throw std::runtime_error("the publisher cannot send");
    }
    while (true) {
      const ws::FrameEvent event = parser_.next(input_);
      if (event.kind == ws::FrameEvent::Kind::kNeedMore) {
        const ssize_t got = recv(descriptor, buffer_.data(), buffer_.size(), 0);
        if (got <= 0) throw std::runtime_error("the publisher was closed, or got no ack");
        input_ = MutableBytes(buffer_).first(static_cast<std::size_t>(got));
        continue;
      }
      const std::string_view text = as_text(event.payload);
      if (text.find("\"error\"") != text.npos) throw std::runtime_error(std::string(text));
      if (text.find("\"published\"") != text.npos) return;
    }
  }

 private:
  Subscriber subscriber_;
  std::string frame_;
  ws::FrameParser parser_{{.role = ws::Role::kClient, .max_message_bytes = 64U << 20}};
  std::array<std::uint8_t, 65'536> buffer_;
  MutableBytes input_;
};

// Publishes at the rate, due time after due time; `meanwhile` is called at least as often.
bool measure(const char* name, const PushOptions& options,
             const std::function<void(std::uint64_t)>& meanwhile) {
  PushTarget quiet = options.push;
  quiet.topic += "-quiet";
  Publisher publisher(quiet);
  publisher.publish();
  Histogram late_ns;
  const auto total = static_cast<std::uint64_t>(kRate * options.seconds);
  const std::uint64_t start_ns = monotonic_ns();
  const ProcessUsage before = usage_of(options.server_pid);
  for (std::uint64_t i = 0; i < total; ++i) {
    const std::uint64_t due_ns =
        start_ns + static_cast<std::uint64_t>(static_cast<double>(i) * 1e9 / kRate);
    if (monotonic_ns() < due_ns) sleep_until(due_ns);
    meanwhile(due_ns);
    publisher.publish();
    late_ns.add(monotonic_ns() - due_ns);
  }
  const double cpu = (usage_of(options.server_pid).cpu_s - before.cpu_s) * 1e9 /
                     static_cast<double>(monotonic_ns() - start_ns);
  const double p99_ms = static_cast<double>(late_ns.percentile(0.99)) / 1e6;
  const double turn_ms = metric(options.push.http, "duolog_shard_longest_turn_seconds") * 1e3;
  const double overflows = metric(options.push.http, "duolog_shard_completion_overflows_total");
  const bool good = p99_ms < kMostP99Ms && turn_ms < kMostTurnMs && overflows == 0;
  fmt::print(
      "{:<10} {} durable publishes: p50 {:.2f} ms, p99 {:.2f}, max {:.2f}; longest turn since the "
      "start {:.2f} ms; {:.0f} overflows; cores of the server {:.2f}{}\n",
      name, total, static_cast<double>(late_ns.percentile(0.5)) / 1e6, p99_ms,
      static_cast<double>(late_ns.max()) / 1e6, turn_ms, overflows, cpu,
      good ? "" : "   OVER THE BAR");
  std::fflush(stdout);
  return good;
}

void create_topics(const PushOptions& options) {
  for (const char* suffix : {"", "-own", "-quiet", "-old"}) {
    Settings topic = options.kafka;
    topic.topic += suffix;
    create_topic(topic);
  }
}

bool beside_commands(const PushOptions& options) {
  std::string commands;
  for (std::size_t i = 0; i < kCommandsInAFrame; ++i) commands += "{\"id\":1,\"ping\":{}}\n";
  Crowd crowd(frame_of(commands));
  PushTarget quiet = options.push;
  quiet.topic += "-quiet";
  for (std::size_t i = 0; i < kCommanders; ++i) crowd.add(quiet);
  crowd.start();
  const bool good = measure("commands", options, [](std::uint64_t) {});
  fmt::print("           {:.1f} MiB of answers\n",
             static_cast<double>(crowd.received_bytes()) / (1U << 20));
  return good && crowd.ended() == 0;
}

bool beside_feeds(const PushOptions& options) {
  Settings old = options.kafka;
  old.topic += "-old";
  Producer producer(old, 0);
  const std::string value(kFeedRecordBytes, 'x');
  for (std::size_t i = 0; i < kFeedBacklogBytes / value.size(); ++i) {
    producer.send(0, value.data(), value.size());
  }
  producer.flush();
  PushTarget target = options.push;
  target.topic = old.topic;
  target.plain = true;
  target.from = "earliest";
  Crowd crowd("");
  for (std::size_t i = 0; i < kFeeds; ++i) crowd.add(target);
  crowd.start();
  const bool good = measure("feeds", options, [](std::uint64_t) {});
  fmt::print("           {:.0f} MiB read, of {}\n",
             static_cast<double>(crowd.received_bytes()) / (1U << 20),
             kFeeds * (kFeedBacklogBytes >> 20));
  return good && crowd.ended() == 0;
}

bool beside_broadcast(const PushOptions& options) {
  Crowd crowd("");
  for (std::size_t i = 0; i < std::min(kSubscribers, options.subscribers); ++i) {
    crowd.add(options.push);
  }
  crowd.start();
  Producer producer(options.kafka, 0);
  const std::string value(options.size_bytes, 'x');
  std::uint64_t next_ns = monotonic_ns();
  const bool good = measure("broadcast", options, [&](std::uint64_t now_ns) {
    producer.poll();
    if (now_ns < next_ns) return;
    next_ns = now_ns + kBroadcastEveryNs;
    producer.send(0, value.data(), value.size());
  });
  producer.flush();
  fmt::print("           {:.1f} MiB received\n",
             static_cast<double>(crowd.received_bytes()) / (1U << 20));
  return good && crowd.ended() == 0;
}

}  // namespace

int run_beside(const PushOptions& options) {
  create_topics(options);
  bool good = measure("alone", options, [](std::uint64_t) {});
  good = beside_commands(options) && good;
  good = beside_feeds(options) && good;
  good = beside_broadcast(options) && good;
  return good ? 0 : 1;
}

}  // namespace duolog::load
