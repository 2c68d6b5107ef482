#include "engine/runtime/socket.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/runtime/listener.h"
#include "engine/runtime/runtime.h"
#include "tests/unit/patience.h"

namespace duolog::runtime {
namespace {

Settings socket_settings(std::size_t shards, BufferRingSettings buffers = {}) {
  Settings settings;
  settings.shards = shards;
  settings.pin = false;
  settings.buffers = buffers;
  return settings;
}

// A connection that records what it is told, and deletes itself when it is closed.
struct Connection final : SocketHandler {
  Connection(Shard& shard, int descriptor) : socket(shard, descriptor, *this) {}

  void on_data(MutableBytes bytes) override {
    received.append(as_text(bytes));
    if (when_data) when_data(*this);
  }
  void on_eof() override {
    eof = true;
    if (when_eof) when_eof(*this);
  }
  void on_error(int error_number) override {
    error = error_number;
    socket.close();
  }
  void on_sent(std::size_t bytes) override {
    EXPECT_FALSE(socket.closing());
    --sends_under_way;
    if (when_sent) when_sent(*this, bytes);
  }
  void on_send_lost() override { --sends_under_way; }
  void on_writable() override {
    if (when_writable) when_writable(*this);
  }
  void on_closed() override {
    EXPECT_EQ(sends_under_way, 0);  // each has ended in one way
    if (when_closed) when_closed(*this);
    delete this;
  }

  void send(const std::string& text) {
    const iovec part{const_cast<char*>(text.data()), text.size()};
    ++sends_under_way;
    socket.send({&part, 1});
  }

  Socket socket;
  std::string received;
  bool eof = false;
  int sends_under_way = 0;
  int error = 0;
  std::function<void(Connection&)> when_data;
  std::function<void(Connection&)> when_eof;
  std::function<void(Connection&, std::size_t)> when_sent;
  std::function<void(Connection&)> when_writable;
  std::function<void(Connection&)> when_closed;
};

struct Pair {
  Pair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0); }
  ~Pair() { ::close(ends[1]); }
  int ends[2];
};

std::string numbered_stream(std::size_t size_bytes) {
  std::string text(size_bytes, '\0');
  for (std::size_t i = 0; i + 4 <= size_bytes; i += 4) {
    store_le<std::uint32_t>(&text[i], static_cast<std::uint32_t>(i));
  }
  return text;
}

void write_all(int descriptor, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = ::send(descriptor, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (count <= 0) return;
    done += static_cast<std::size_t>(count);
  }
}

TEST(SocketTest, ARingOfFourBuffersDeliversManyBigStreamsInOrder) {
  constexpr std::size_t kStreams = 8;
  const std::string stream = numbered_stream(1 << 20);
  auto runtime = Runtime::start(socket_settings(1, {.count = 4, .size_bytes = 512}), {});
  ASSERT_TRUE(runtime);
  Pair pairs[kStreams];
  std::promise<void> all_done;
  std::size_t done = 0;
  (*runtime)->run_on_and_wait(ShardId(0), [&](Shard& shard) {
    for (auto& pair : pairs) {
      auto* connection = new Connection(shard, pair.ends[0]);
      connection->when_eof = [&](Connection& self) {
        EXPECT_TRUE(self.received == stream);
        self.socket.close();
        if (++done == kStreams) all_done.set_value();
      };
      connection->socket.resume_reading();
    }
  });
  std::vector<std::jthread> writers;
  for (auto& pair : pairs) {
    writers.emplace_back([&] {
      write_all(pair.ends[1], stream);
      ::shutdown(pair.ends[1], SHUT_WR);
    });
  }
  EXPECT_EQ(all_done.get_future().wait_for(kPatience), std::future_status::ready);
  (*runtime)->stop();
  EXPECT_GT((*runtime)->shard(ShardId(0)).counters().receive_buffer_parks.get(), 0U);
}

TEST(SocketTest, ASendThatThePeerDoesNotReadIsShortAndGoesOnWhenWritable) {
  const std::string stream = numbered_stream(4 << 20);
  auto runtime = Runtime::start(socket_settings(1), {});
  ASSERT_TRUE(runtime);
  Pair pair;
  std::size_t sent = 0;
  std::atomic<int> waits{0};
  (*runtime)->run_on_and_wait(ShardId(0), [&](Shard& shard) {
    auto* connection = new Connection(shard, pair.ends[0]);
    const auto go_on = [&](Connection& self) {
      const iovec rest{const_cast<char*>(stream.data()) + sent, stream.size() - sent};
      ++self.sends_under_way;
      self.socket.send({&rest, 1});
    };
    connection->when_sent = [&](Connection& self, std::size_t bytes) {
      sent += bytes;
      if (sent == stream.size()) return self.socket.close();
      ++waits;
      self.socket.wait_writable();
    };
    connection->when_writable = go_on;
    go_on(*connection);
  });
  while (waits == 0) std::this_thread::yield();
  std::string received;
  std::string buffer(65536, '\0');
  for (ssize_t count; (count = ::read(pair.ends[1], buffer.data(), buffer.size())) > 0;) {
    received.append(buffer.data(), static_cast<std::size_t>(count));
  }
  EXPECT_TRUE(received == stream);
  (*runtime)->stop();
}

TEST(SocketTest, APausedSocketReadsNothingUntilItIsResumed) {
  auto runtime = Runtime::start(socket_settings(1), {});
  ASSERT_TRUE(runtime);
  Pair pair;
  Connection* connection = nullptr;
  std::promise<void> first;
  std::promise<void> second;
  const auto run = [&](auto work) { (*runtime)->run_on_and_wait(ShardId(0), std::move(work)); };
  run([&](Shard& shard) {
    connection = new Connection(shard, pair.ends[0]);
    connection->when_data = [&](Connection& self) {
      self.socket.pause_reading();
      if (self.received == "one") first.set_value();
      if (self.received == "onetwo") second.set_value();
    };
    connection->socket.resume_reading();
  });
  write_all(pair.ends[1], "one");
  ASSERT_EQ(first.get_future().wait_for(kPatience), std::future_status::ready);
  // The cancellation is through after a turn or two; a resume that overtakes it must not get lost.
  run([](Shard&) {});
  run([](Shard&) {});
  write_all(pair.ends[1], "two");
  run([](Shard&) {});
  run([&](Shard&) {
    EXPECT_EQ(connection->received, "one");
    connection->socket.resume_reading();
    connection->socket.pause_reading();
    connection->socket.resume_reading();
  });
  EXPECT_EQ(second.get_future().wait_for(kPatience), std::future_status::ready);
  run([&](Shard&) { connection->socket.close(); });
  (*runtime)->stop();
}

// Closing at every point of an operation's life: `close_after` turns after it was started, where 0
// is before its submission.
class SocketCloseTest : public testing::TestWithParam<int> {};

TEST_P(SocketCloseTest, TellsItsOwnerExactlyOnceWhateverIsInFlight) {
  auto runtime = Runtime::start(socket_settings(1), {});
  ASSERT_TRUE(runtime);
  const std::string big(8 << 20, 'x');
  for (int variant = 0; variant < 8; ++variant) {
    Pair pair;
    std::promise<void> closed;  // set_value throws if it is told twice
    Connection* connection = nullptr;
    const auto run = [&](auto work) { (*runtime)->run_on_and_wait(ShardId(0), std::move(work)); };
    run([&](Shard& shard) {
      connection = new Connection(shard, pair.ends[0]);
      connection->when_closed = [&](Connection&) { closed.set_value(); };
      if ((variant & 1) != 0) connection->socket.resume_reading();
      if ((variant & 2) != 0) connection->send(big);
      if ((variant & 4) != 0) connection->socket.wait_writable();
      if (GetParam() == 0) connection->socket.close();
    });
    if (GetParam() > 0) {
      for (int turn = 1; turn < GetParam(); ++turn) {
        write_all(pair.ends[1], "some bytes");
        run([](Shard&) {});
      }
      run([&](Shard&) {
        connection->socket.close();
        connection->socket.close();
      });
    }
    EXPECT_EQ(closed.get_future().wait_for(kPatience), std::future_status::ready);
  }
  (*runtime)->stop();
}

INSTANTIATE_TEST_SUITE_P(AfterTurns, SocketCloseTest, testing::Values(0, 1, 2, 3, 5));

TEST(SocketTest, ClosesFromWithinEachOfItsCallbacks) {
  auto runtime = Runtime::start(socket_settings(1), {});
  ASSERT_TRUE(runtime);
  for (int callback = 0; callback < 4; ++callback) {
    Pair pair;
    std::promise<void> closed;
    (*runtime)->run_on_and_wait(ShardId(0), [&](Shard& shard) {
      auto* connection = new Connection(shard, pair.ends[0]);
      const auto close = [](Connection& self) { self.socket.close(); };
      connection->when_closed = [&](Connection&) { closed.set_value(); };
      if (callback == 0) connection->when_data = close;
      if (callback == 1) connection->when_eof = close;
      if (callback == 2) {
        connection->when_sent = [](Connection& self, std::size_t) { self.socket.close(); };
      }
      if (callback == 3) connection->when_writable = close;
      connection->socket.resume_reading();
      connection->send("hello");
      connection->socket.wait_writable();
    });
    write_all(pair.ends[1], "data");
    ::shutdown(pair.ends[1], SHUT_WR);
    EXPECT_EQ(closed.get_future().wait_for(kPatience), std::future_status::ready) << callback;
  }
  (*runtime)->stop();
}

TEST(SocketTest, AParkedSocketCanBeClosed) {
  auto runtime = Runtime::start(socket_settings(1, {.count = 1, .size_bytes = 64}), {});
  ASSERT_TRUE(runtime);
  Pair pairs[4];
  std::promise<void> all_closed;
  int closed = 0;
  for (auto& pair : pairs) write_all(pair.ends[1], std::string(4096, 'x'));
  (*runtime)->run_on_and_wait(ShardId(0), [&](Shard& shard) {
    auto all = std::make_shared<std::vector<Connection*>>();
    for (auto& pair : pairs) {
      auto* connection = new Connection(shard, pair.ends[0]);
      connection->when_closed = [&](Connection&) {
        if (++closed == 4) all_closed.set_value();
      };
      // The first that gets the only buffer closes all; the others are parked, or about to be.
      connection->when_data = [all](Connection&) {
        for (Connection* each : *all) each->socket.close();
        all->clear();
      };
      connection->socket.resume_reading();
      all->push_back(connection);
    }
  });
  EXPECT_EQ(all_closed.get_future().wait_for(kPatience), std::future_status::ready);
  (*runtime)->stop();
}

int connect_to(std::uint16_t port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_GE(descriptor, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return descriptor;
}

// Accepts, records on which shard, and keeps the descriptors.
struct Door {
  static void accepted(Shard& here, void* context, int descriptor) {
    auto& self = *static_cast<Door*>(context);
    EXPECT_EQ(Shard::current(), &here);
    int on = 0;
    socklen_t length = sizeof on;
    EXPECT_EQ(getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, &length), 0);
    EXPECT_NE(on, 0);
    ++self.per_shard[here.id().value];
    if (self.keep) {
      auto* connection = new Connection(here, descriptor);
      connection->when_eof = [](Connection& gone) { gone.socket.close(); };
      connection->socket.resume_reading();
    } else {
      ::close(descriptor);
    }
    ++self.total;
  }
  void close(Runtime& runtime) {
    std::promise<void> closed;
    runtime.run_on(ShardId(0), [&](Shard&) {
      listener->close(
          [](Listener&, void* context) { static_cast<std::promise<void>*>(context)->set_value(); },
          &closed);
    });
    EXPECT_EQ(closed.get_future().wait_for(kPatience), std::future_status::ready);
  }
  std::atomic<int> per_shard[4] = {};
  std::atomic<int> total{0};
  bool keep = false;
  std::unique_ptr<Listener> listener;
};

TEST(ListenerTest, HandsConnectionsToAllShardsInTurnAndReportsItsPort) {
  Door door;
  auto runtime = Runtime::start(socket_settings(3), {});
  ASSERT_TRUE(runtime);
  auto socket = listen_on("127.0.0.1", 0);
  ASSERT_TRUE(socket) << socket.error().message;
  EXPECT_NE(socket->port, 0);
  auto again = listen_on("127.0.0.1", socket->port);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::kBusy);
  (*runtime)->run_on_and_wait(ShardId(0), [&](Shard& shard) {
    door.listener = std::make_unique<Listener>(shard, *socket, Door::accepted, &door);
  });
  for (int i = 0; i < 30; ++i) ::close(connect_to(socket->port));
  while (door.total < 30) std::this_thread::yield();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(door.per_shard[i], 10);
  door.close(**runtime);
  (*runtime)->stop();
}

// Leaves this process `free` descriptors, until it is destroyed.
class FewDescriptors {
 public:
  explicit FewDescriptors(std::size_t free) {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &old_limit_), 0);
    const int probe = ::dup(0);
    const rlimit limit{static_cast<rlim_t>(probe) + 16, old_limit_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int filler = probe; filler >= 0; filler = ::dup(0)) fillers_.push_back(filler);
    for (std::size_t i = 0; i < free; ++i) {
      ::close(fillers_.back());
      fillers_.pop_back();
    }
  }
  ~FewDescriptors() {
    for (const int filler : fillers_) ::close(filler);
    setrlimit(RLIMIT_NOFILE, &old_limit_);
  }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit old_limit_{};
  std::vector<int> fillers_;
};

// UndefinedBehaviorSanitizer opens a pipe when it meets a polymorphic type for the first time, and
// takes a failure to open one for a bad object. So it meets Connection while there are descriptors.
void show_connection_to_sanitizer(Runtime& runtime) {
  Pair pair;
  std::promise<void> closed;
  runtime.run_on(ShardId(0), [&](Shard& shard) {
    auto* connection = new Connection(shard, pair.ends[0]);
    connection->when_closed = [&](Connection&) { closed.set_value(); };
    connection->socket.close();
  });
  closed.get_future().wait();
}

TEST(ListenerTest, WithoutFreeDescriptorsItWaitsAndAcceptsWhenOneIsClosed) {
  Door door;
  door.keep = true;
  auto runtime = Runtime::start(socket_settings(2), {});
  ASSERT_TRUE(runtime);
  show_connection_to_sanitizer(**runtime);
  auto socket = listen_on("127.0.0.1", 0);
  ASSERT_TRUE(socket);
  {
    // Two clients and one accepted connection. Before the accept: the ring takes note of the limit
    // when it is started.
    const FewDescriptors few(3);
    (*runtime)->run_on_and_wait(ShardId(0), [&](Shard& shard) {
      door.listener = std::make_unique<Listener>(shard, *socket, Door::accepted, &door);
    });
    const int first = connect_to(socket->port);
    while (door.total < 1) std::this_thread::yield();
    const int second = connect_to(socket->port);
    const auto& counters = (*runtime)->shard(ShardId(0)).counters();
    while (counters.accept_parks.get() == 0) std::this_thread::yield();
    EXPECT_EQ(door.total, 1);
    ::close(first);  // its connection sees the end, and closes
    while (door.total < 2) std::this_thread::yield();
    ::close(second);
  }
  door.close(**runtime);
  (*runtime)->stop();
}

}  // namespace
}  // namespace duolog::runtime
