// An endpoint may close or abort its connection from within any of its functions.
#include <atomic>
#include <memory>
#include <string>
#include <tuple>

#include "tests/unit/session/http/http_fixture.h"

namespace duolog::session {

// Serves a socket with an endpoint of a test, as after the upgrade.
class WsProbe {
 public:
  template <class MakeEndpoint>
  static void accept(HttpPort& port, int descriptor, MakeEndpoint make) {
    auto* connection = new HttpConnection(port.http(), descriptor);  // owns itself
    auto websocket = std::make_unique<WsConnection>(port.ws(), *connection, ws::FrameParserConfig{},
                                                    std::nullopt);
    websocket->serve(make(*websocket));
    connection->upgraded_ = std::move(websocket);
    connection->stage_ = HttpConnection::Stage::kUpgraded;
  }
};

namespace {

enum class In { kMessage, kTurnEnded, kBegin, kCollect, kSent, kTime, kDrain };
enum class Does { kClose, kAbort, kBoth, kFail };

struct Seen {
  std::atomic<bool> done{false};
  std::atomic<int> messages_after{0};
  std::atomic<int> destroyed{0};
  std::atomic<int> not_ended{0};  // plans that were followed by another, or by the end
};

// From the first message on it sends 4 KiB at a time, for ever, and does something once in one of
// its functions.
class ClosingEndpoint final : public WsEndpoint {
 public:
  ClosingEndpoint(WsConnection& connection, In in, Does does, Seen& seen)
      : connection_(connection), in_(in), does_(does), seen_(seen) {
    frame_ = std::string("\x82\x7E\x10\x00", 4) + std::string(4096, 'x');
  }
  ~ClosingEndpoint() override {
    seen_.not_ended += planned_ ? 1 : 0;
    ++seen_.destroyed;
  }

  void on_message(ws::Opcode /*opcode*/, Bytes /*payload*/) override {
    if (seen_.done) ++seen_.messages_after;
    act(In::kMessage);
    armed_ = true;
    connection_.call_at(connection_.ws().shard().now_ns());
    connection_.flush_soon();
  }
  void turn_ended() override { act(In::kTurnEnded); }
  Plan begin(SendList& list) override {
    act(In::kBegin);
    seen_.not_ended += planned_ ? 1 : 0;
    (void)list.add(as_bytes(frame_).last(begun_bytes()));
    return failure(In::kBegin);
  }
  Plan collect(SendList& list) override {
    act(In::kCollect);
    planned_ = list.add(as_bytes(frame_));
    return failure(In::kCollect);
  }
  [[nodiscard]] std::size_t begun_bytes() const override {
    return sent_ > 0 ? frame_.size() - sent_ : 0;
  }
  void sent(std::size_t of_begin, std::size_t of_collect) override {
    planned_ = false;
    sent_ = (sent_ + of_begin + of_collect) % frame_.size();
    act(In::kSent);
  }
  [[nodiscard]] bool more() const override { return true; }
  [[nodiscard]] bool busy() const override { return false; }
  [[nodiscard]] bool answering() const override { return false; }
  [[nodiscard]] std::uint64_t on_time(std::uint64_t /*now_ns*/) override {
    act(In::kTime);
    return kNever;
  }
  void drain() override {
    armed_ = true;
    act(In::kDrain);
    if (!seen_.done) connection_.close(ws::close_code::kUnavailable, "draining");
  }

 private:
  void act(In in) {
    if (in != in_ || seen_.done || (!armed_ && in != In::kMessage)) return;
    if (does_ == Does::kFail) return;
    seen_.done = true;
    if (does_ != Does::kAbort) connection_.close(1000, std::string_view("enough"));
    if (does_ != Does::kClose) connection_.abort();
  }
  Plan failure(In in) {
    if (in != in_ || does_ != Does::kFail || !armed_ || seen_.done) return {};
    seen_.done = true;
    return {Plan::Status::kFailed, ws::close_code::kInternalError, "failed"};
  }

  WsConnection& connection_;
  In in_;
  Does does_;
  Seen& seen_;
  std::string frame_;
  std::size_t sent_ = 0;
  bool armed_ = false;    // by the first message
  bool planned_ = false;  // collect() has, and sent() has not said how much of it went
};

class WsCallbackTest : public testing::TestWithParam<std::tuple<In, Does, bool>> {};

TEST_P(WsCallbackTest, ClosesAndFreesTheConnectionOnce) {
  const auto [in, does, reads] = GetParam();
  HttpPortSettings settings;
  settings.websocket.close_timeout_ms = 200;
  HttpFixture fixture(1, settings);
  Seen seen;
  HttpClient client(fixture.connect_to(
      [&](HttpPort& port, int descriptor) {
        WsProbe::accept(port, descriptor, [&](WsConnection& connection) {
          return std::make_unique<ClosingEndpoint>(connection, in, does, seen);
        });
      },
      4096));
  // A client that pings, so that control frames are on the way, too.
  client.send(masked(ws::Opcode::kPing, "one") + masked(ws::Opcode::kText, "go") +
              masked(ws::Opcode::kPing, "two") + masked(ws::Opcode::kText, "on"));
  if (in == In::kDrain) {
    ASSERT_TRUE(client.receive(1));
    fixture.drain();
  }
  while (reads && client.receive()) client.input().clear();
  EXPECT_TRUE(HttpFixture::eventually([&] { return seen.destroyed == 1; }));
  EXPECT_TRUE(seen.done);
  EXPECT_EQ(seen.messages_after, 0);
  EXPECT_EQ(seen.not_ended, 0);
  EXPECT_EQ(fixture.counters().connections_open.get(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, WsCallbackTest,
                         testing::Combine(testing::Values(In::kMessage, In::kTurnEnded, In::kBegin,
                                                          In::kCollect, In::kSent, In::kTime,
                                                          In::kDrain),
                                          testing::Values(Does::kClose, Does::kAbort, Does::kBoth),
                                          testing::Bool()));
INSTANTIATE_TEST_SUITE_P(APlanThatFails, WsCallbackTest,
                         testing::Combine(testing::Values(In::kBegin, In::kCollect),
                                          testing::Values(Does::kFail), testing::Bool()));

}  // namespace
}  // namespace duolog::session
