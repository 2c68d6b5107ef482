#include "engine/runtime/mailbox.h"

#include <bit>

#include "engine/base/clock.h"

namespace duolog::runtime {

Exchange::Exchange(std::size_t shards, std::uint32_t credits)
    : shards_(shards), credits_(credits), doors_(std::make_unique<Door[]>(shards)) {
  CHECK(shards >= 1 && shards <= kMaxShards);
  rings_.reserve(shards * shards);
  for (std::size_t i = 0; i < shards * shards; ++i) {
    // This side's requests, and the answers to the other side's.
    rings_.push_back(std::make_unique<SpscRing<Message>>(std::size_t{credits} * 2));
  }
}

Result<void> Exchange::open() {
  for (std::size_t i = 0; i < shards_; ++i) {
    if (auto opened = doors_[i].bell.open(); !opened) return opened;
  }
  return {};
}

Mailbox::Mailbox(Exchange& exchange, ShardId self)
    : exchange_(exchange), self_(self), peers_(std::make_unique<Peer[]>(exchange.shards())) {
  for (std::size_t i = 0; i < exchange.shards(); ++i) peers_[i].credits = exchange.credits();
}

bool Mailbox::try_request(ShardId to, const Message& message) {
  return send_with_credit(to, message, Message::Kind::kRequest);
}

bool Mailbox::try_post(ShardId to, const Message& message) {
  return send_with_credit(to, message, Message::Kind::kPost);
}

void Mailbox::reply(ShardId to, const Message& message) {
  Peer& peer = peers_[to.value];
  CHECK(peer.replies_owed > 0);
  --peer.replies_owed;
  Message copy = message;
  copy.kind = Message::Kind::kReply;
  stage(to, copy);
}

bool Mailbox::send_with_credit(ShardId to, Message message, Message::Kind kind) {
  Peer& peer = peers_[to.value];
  if (peer.credits == 0) {
    ++times_full_;
    return false;
  }
  --peer.credits;
  message.kind = kind;
  stage(to, message);
  return true;
}

void Mailbox::stage(ShardId to, const Message& message) {
  CHECK(exchange_.ring(self_, to).stage(message));  // the credits see to it that there is room
  targets_ |= std::uint64_t{1} << to.value;
}

void Mailbox::wait_for_credit(ShardId to, CreditWaiter& waiter) {
  peers_[to.value].waiters.push_back(waiter);
}

void Mailbox::wake(ShardId to, WakeNode& node) {
  if (exchange_.wakes(to).push(node)) targets_ |= std::uint64_t{1} << to.value;
}

std::size_t Mailbox::run_inbound(Shard& here, std::uint64_t until_ns) {
  std::size_t count = 0;
  for (std::uint16_t i = 0; i < exchange_.shards(); ++i) {
    const ShardId from(i);
    auto& ring = exchange_.ring(from, self_);
    Message message;
    // A sender that never stops gets one ring's worth a turn.
    for (std::size_t run = 1; run <= ring.capacity() && ring.pop(message); ++run) {
      receive(here, from, message);
      ++count;
      if (run % kRunAtOnce == 0 && monotonic_ns() >= until_ns) break;
    }
  }
  return count + exchange_.wakes(self_).run_all(here);
}

void Mailbox::receive(Shard& here, ShardId from, const Message& message) {
  Peer& peer = peers_[from.value];
  switch (message.kind) {
    case Message::Kind::kRequest:
      ++peer.replies_owed;
      message.fn(here, from, message);
      return;
    case Message::Kind::kPost:
      message.fn(here, from, message);
      ++peer.posts_to_ack;
      targets_ |= std::uint64_t{1} << from.value;
      return;
    case Message::Kind::kReply:
      message.fn(here, from, message);
      credits_back(peer, 1);
      return;
    case Message::Kind::kCredits:
      credits_back(peer, static_cast<std::uint32_t>(message.a));
      return;
  }
}

void Mailbox::credits_back(Peer& peer, std::uint32_t count) {
  peer.credits += count;
  // Each waiter is called at most once here, though it may wait again from within.
  decltype(peer.waiters) waiting;
  waiting.splice_back(peer.waiters);
  while (peer.credits > 0) {
    CreditWaiter* waiter = waiting.pop_front();
    if (waiter == nullptr) break;
    waiter->resume(*waiter, waiter->context);
  }
  waiting.splice_back(peer.waiters);
  peer.waiters.splice_back(waiting);
}

std::size_t Mailbox::publish() {
  std::size_t woken = 0;
  while (targets_ != 0) {
    const ShardId to(static_cast<std::uint16_t>(std::countr_zero(targets_)));
    targets_ &= targets_ - 1;
    Peer& peer = peers_[to.value];
    if (peer.posts_to_ack > 0) {
      CHECK(exchange_.ring(self_, to).stage(
          Message{.a = peer.posts_to_ack, .kind = Message::Kind::kCredits}));
      peer.posts_to_ack = 0;
    }
    exchange_.ring(self_, to).publish();
    if (exchange_.doorbell(to).ring()) ++woken;
  }
  return woken;
}

bool Mailbox::inbound_empty() const {
  if (!exchange_.wakes(self_).empty()) return false;
  for (std::uint16_t i = 0; i < exchange_.shards(); ++i) {
    if (!exchange_.ring(ShardId(i), self_).empty()) return false;
  }
  return true;
}

std::size_t Mailbox::unanswered() const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < exchange_.shards(); ++i) {
    count += exchange_.credits() - peers_[i].credits;
  }
  return count;
}

}  // namespace duolog::runtime
