// Mailbox: messages from shard to shard, through N x N bounded single-producer single-consumer
// rings, published once a turn.
//
// A *request* takes a credit of the pair (from, to) and is answered by exactly one *reply*, now or
// later; the reply brings the credit back. A *post* is a request that the mailbox answers by
// itself once it has run. A ring has room for all requests and all replies that the credits of
// both directions allow, so a reply always fits, and two shards that have exhausted their
// credits never block each other. Who finds no credit waits in a list (and stops reading the
// sockets that made it ask); it never spins.
//
// A Mailbox is one shard's end of it, owned by the shard and used by its thread. The Exchange that
// they share is owned by the Runtime.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/intrusive_list.h"
#include "engine/base/spsc_ring.h"
#include "engine/runtime/wake.h"

namespace duolog::runtime {

// At most 64 shards: the targets of a turn are a bit mask.
inline constexpr std::size_t kMaxShards = 64;

// 40 bytes that mean "call `fn` over there". Numbers and pointers only: what `object` and the
// numbers refer to is the sender's and the function's agreement.
struct Message {
  using Fn = void (*)(Shard& here, ShardId from, const Message& message);
  enum class Kind : std::uint32_t { kRequest, kPost, kReply, kCredits };

  Fn fn = nullptr;
  void* object = nullptr;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  std::uint32_t c = 0;
  Kind kind = Kind::kRequest;  // the mailbox's; what the sender puts here is ignored
};
static_assert(sizeof(Message) == 40);

// Somebody who found no credit. It lives inside its owner and leaves the list when it is destroyed.
struct CreditWaiter {
  CreditWaiter(void (*function)(CreditWaiter&, void*), void* its_context)
      : resume(function), context(its_context) {}
  void (*resume)(CreditWaiter& waiter, void* context);
  void* context;
  ListHook hook;
};

// What all shards share: the rings of every ordered pair, and how each shard is woken.
class Exchange {
 public:
  // `credits`: unanswered requests and posts of one ordered pair; a power of two.
  Exchange(std::size_t shards, std::uint32_t credits);

  [[nodiscard]] Result<void> open();  // creates the eventfds

  [[nodiscard]] std::size_t shards() const { return shards_; }
  [[nodiscard]] std::uint32_t credits() const { return credits_; }
  [[nodiscard]] SpscRing<Message>& ring(ShardId from, ShardId to) {
    return *rings_[from.value * shards_ + to.value];
  }
  [[nodiscard]] Doorbell& doorbell(ShardId shard) { return doors_[shard.value].bell; }
  [[nodiscard]] WakeStack& wakes(ShardId shard) { return doors_[shard.value].wakes; }

  // Any thread that is not a shard: sets the node's bit and wakes its shard at once.
  void wake(ShardId to, WakeNode& node) {
    if (wakes(to).push(node)) doorbell(to).ring();
  }

 private:
  struct alignas(kCacheLineBytes) Door {
    Doorbell bell;
    WakeStack wakes;
  };
  std::size_t shards_;
  std::uint32_t credits_;
  std::vector<std::unique_ptr<SpscRing<Message>>> rings_;
  std::unique_ptr<Door[]> doors_;
};

class Mailbox {
 public:
  Mailbox(Exchange& exchange, ShardId self);

  // Sends a request, to be run in one of the next turns of `to` (which may be this shard itself).
  // False: no credit, nothing was sent.
  [[nodiscard]] bool try_request(ShardId to, const Message& message);
  // Answers one request of `to`: exactly once for each, in any order. Always succeeds.
  void reply(ShardId to, const Message& message);
  // Sends a message without an answer. False: no credit, nothing was sent.
  [[nodiscard]] bool try_post(ShardId to, const Message& message);

  // Calls `waiter` back once, in order of waiting, when there is a credit for `to`.
  void wait_for_credit(ShardId to, CreditWaiter& waiter);
  [[nodiscard]] std::uint32_t credits(ShardId to) const { return peers_[to.value].credits; }

  // Sets the bit of a node that belongs to shard `to`. The shard is woken at the end of this turn.
  void wake(ShardId to, WakeNode& node);

  // The loop's part.
  // Runs the messages and wakes that are there, but of each shard no more than kRunAtOnce messages
  // after `until_ns` (monotonic_ns); returns how many.
  std::size_t run_inbound(Shard& here, std::uint64_t until_ns = UINT64_MAX);
  // Makes what was sent visible and wakes each target once; returns how many had to be woken.
  std::size_t publish();
  // Nothing to run. After Doorbell::raise this is the last look before sleeping.
  [[nodiscard]] bool inbound_empty() const;
  // Requests and posts that were sent and are not answered.
  [[nodiscard]] std::size_t unanswered() const;
  [[nodiscard]] std::uint64_t times_full() const { return times_full_; }

 private:
  static constexpr std::size_t kRunAtOnce = 16;

  struct Peer {
    std::uint32_t credits = 0;       // that this shard has left towards the peer
    std::uint32_t posts_to_ack = 0;  // of the peer, run in this turn
    std::uint32_t replies_owed = 0;  // to the peer's requests
    IntrusiveList<CreditWaiter, &CreditWaiter::hook> waiters;
  };
  [[nodiscard]] bool send_with_credit(ShardId to, Message message, Message::Kind kind);
  void stage(ShardId to, const Message& message);
  void receive(Shard& here, ShardId from, const Message& message);
  void credits_back(Peer& peer, std::uint32_t count);

  Exchange& exchange_;
  const ShardId self_;
  std::unique_ptr<Peer[]> peers_;
  std::uint64_t targets_ = 0;  // bit n: shard n is to be published to, and woken
  std::uint64_t times_full_ = 0;
};

}  // namespace duolog::runtime
