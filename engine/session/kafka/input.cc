// The receiving half of a KafkaConnection: from bytes to whole requests, and when not to read.
#include <algorithm>
#include <cstring>
#include <string>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/session/kafka/connection.h"

namespace duolog::session {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::int32_t kTlsHandshake = 0x1603;     // read as the first half of a length
constexpr std::size_t kKeptInputBytes = 2U << 20;  // for the next request, until it goes idle

std::int32_t length_at(Bytes bytes) { return load_be<std::int32_t>(bytes.data()); }

}  // namespace

void KafkaConnection::on_data(MutableBytes bytes) {
  last_activity_ns_ = last_read_ns_ = shard().now_ns();
  sessions_.counters().bytes_in.add(bytes.size());
  if (shrunk_) {
    shrunk_ = false;
    const KafkaSettings& settings = sessions_.settings();
    const std::uint64_t soon_ms = std::min({settings.shrink_after_ms, settings.write_timeout_ms,
                                            settings.read_timeout_ms, settings.max_idle_ms});
    shard().timers().arm(check_, last_read_ns_ + soon_ms * kNsPerMs);
  }
  if (handles_input() && !input_.empty()) bytes = fill_input(bytes);
  if (handles_input() && !draining_ && input_.empty()) bytes = bytes.subspan(take_frames(bytes));
  if (!draining_ && !bytes.empty()) stash(bytes);
}

// Handles every whole request at the front of `bytes`, which is either what was received or
// `input_`. Returns how many bytes that was.
std::size_t KafkaConnection::take_frames(MutableBytes bytes) {
  std::size_t taken = 0;
  while (stalled_ == 0 && !draining_ && bytes.size() - taken >= kLengthBytes) {
    const std::int32_t length = length_at(bytes.subspan(taken));
    if (!length_is_good(length)) break;
    const std::size_t end = taken + kLengthBytes + static_cast<std::size_t>(length);
    if (end > bytes.size()) break;
    if (!shard().share().allows()) {
      stall(kTurn, sessions_.counters().stalled_turn);
      flush_later(taken > 0 ? runtime::Urgency::kBehind : runtime::Urgency::kPrompt);
      break;
    }
    frame_fills_input_ = bytes.data() == input_.data() && taken == 0 && end == bytes.size();
    handle(bytes.subspan(taken + kLengthBytes, static_cast<std::size_t>(length)));
    taken = end;
  }
  return taken;
}

bool KafkaConnection::length_is_good(std::int32_t length) {
  if (length >= 0 && static_cast<std::uint32_t>(length) <= sessions_.settings().max_request_bytes) {
    return true;
  }
  if (length >> 16 == kTlsHandshake) {
    refuse(KafkaClose::kBadRequest,
           "it began TLS, which this port does not speak; set its security.protocol to PLAINTEXT");
    return false;
  }
  refuse(length < 0 ? KafkaClose::kBadRequest : KafkaClose::kTooLarge,
         "a request of " + std::to_string(length) + " bytes; at most " +
             std::to_string(sessions_.settings().max_request_bytes) +
             " are accepted (is this a Kafka client without TLS?)");
  return false;
}

void KafkaConnection::handle(MutableBytes frame) {
  frame_ = frame;
  dispatch(frame);
  frame_ = {};
  frame_fills_input_ = false;
  check_limits();
}

// Continues the incomplete request in `input_`; returns the bytes that are not part of it.
MutableBytes KafkaConnection::fill_input(MutableBytes bytes) {
  const auto take = [&](std::size_t count) {
    count = std::min(count, bytes.size());
    input_.append(bytes.first(count));
    bytes = bytes.subspan(count);
  };
  if (input_.size() < kLengthBytes) take(kLengthBytes - input_.size());
  if (input_.size() < kLengthBytes) return bytes;
  if (!admit_input()) return bytes;
  const std::size_t whole = kLengthBytes + static_cast<std::size_t>(length_at(input_));
  // The memory grows with what arrives, at most to the request's size.
  const std::size_t arrived = std::min(whole, input_.size() + bytes.size());
  if (arrived > input_.capacity()) {
    input_.reserve(std::min(whole, std::max(arrived, 2 * input_.capacity())));
  }
  take(whole - input_.size());
  if (input_.size() < whole) return bytes;
  if (take_frames(input_) == 0 && (stalled_ & kTurn) != 0) return bytes;
  input_.clear();
  forget_front();
  return bytes;
}

// The request at the front of `input_` has been handled. (What its slot keeps is charged anew.)
void KafkaConnection::forget_front() {
  sessions_.budget().give_back(input_charged_);
  input_charged_ = 0;
  input_admitted_ = false;
  if (input_.empty() && input_.capacity() > kKeptInputBytes) input_ = Buffer();
}

// The request at the front of `input_` may be received whole.
bool KafkaConnection::admit_input() {
  if (input_admitted_) return true;
  const std::int32_t length = length_at(input_);
  if (!length_is_good(length)) return false;
  const auto size_bytes = static_cast<std::uint64_t>(length);
  if (size_bytes > 0 && !sessions_.budget().admit(size_bytes)) {
    if (budget_waiter_.hook.linked()) budget_waiter_.hook.unlink();
    sessions_.budget().wait(budget_waiter_, size_bytes);
    stall(kBudget, sessions_.counters().stalled_budget);
    return false;
  }
  input_charged_ = size_bytes;
  input_admitted_ = true;
  return true;
}

void KafkaConnection::on_admitted(BudgetWaiter& waiter, void* context) {
  auto& self = *static_cast<KafkaConnection*>(context);
  if (waiter.size_bytes > 0) {
    self.input_charged_ = waiter.size_bytes;
    self.input_admitted_ = true;
  }
  self.unstall(kBudget);
}

// Keeps what cannot be handled now: an incomplete request, or anything while stalled (at most a
// turn's worth of receive buffers: reading has been paused).
void KafkaConnection::stash(MutableBytes bytes) {
  if (input_.empty()) input_since_ns_ = last_read_ns_;
  input_.append(bytes);
  if (handles_input() && input_.size() >= kLengthBytes) (void)admit_input();
}

// There is room again: first what was received meanwhile.
void KafkaConnection::resume_input() {
  resume_ = false;
  if (stalled_ != 0 || draining_) return;
  input_since_ns_ = shard().now_ns();
  if (!input_.empty()) {
    const std::size_t taken = take_frames(input_);
    if (draining_) return;
    // A slot may have taken `input_`'s memory over, when the request was all of it.
    const std::size_t left = input_.size() > taken ? input_.size() - taken : 0;
    if (taken > 0 && left > 0) std::memmove(input_.data(), input_.data() + taken, left);
    if (taken > 0) {
      input_.resize(left);
      forget_front();
    }
    if (stalled_ == 0 && input_.size() >= kLengthBytes) (void)admit_input();
  }
  if (stalled_ == 0 && end_of_input_) refuse(KafkaClose::kByPeer, {});
  if (stalled_ == 0 && !draining_) {
    last_read_ns_ = shard().now_ns();
    socket_.resume_reading();
  }
}

void KafkaConnection::check_limits() {
  const KafkaSettings& settings = sessions_.settings();
  KafkaCounters& counters = sessions_.counters();
  if (outstanding_ >= settings.max_in_flight) stall(kInFlight, counters.stalled_in_flight);
  if (held_bytes_ >= settings.max_held_bytes) stall(kHeld, counters.stalled_held);
  if (sessions_.budget().exhausted() && !budget_waiter_.hook.linked() &&
      (stalled_ & kBudget) == 0) {
    sessions_.budget().wait(budget_waiter_, 0);
    stall(kBudget, counters.stalled_budget);
  }
  if (!checks_.empty() && sessions_.check_budget().exhausted() && (stalled_ & kChecks) == 0) {
    if (!checks_waiter_.hook.linked()) sessions_.check_budget().wait(checks_waiter_, 0);
    stall(kChecks, counters.stalled_checks);
  }
  if (broker().congested() && (stalled_ & kCongested) == 0) {
    stall(kCongested, counters.stalled_congested);
    shard().timers().arm(congestion_retry_,
                         shard().now_ns() + settings.congestion_retry_ms * kNsPerMs);
  }
}

void KafkaConnection::on_checks(BudgetWaiter& /*waiter*/, void* context) {
  static_cast<KafkaConnection*>(context)->unstall(kChecks);
}

void KafkaConnection::on_congestion_retry(runtime::Timer& timer, void* context) {
  auto& self = *static_cast<KafkaConnection*>(context);
  if (!self.broker().congested()) return self.unstall(kCongested);
  const std::uint64_t later = self.sessions_.settings().congestion_retry_ms * kNsPerMs;
  self.shard().timers().arm(timer, self.shard().now_ns() + later);
}

void KafkaConnection::stall(Stall why, runtime::Counter& counter) {
  if ((stalled_ & why) != 0) return;
  counter.add();
  if (stalled_ == 0 && !draining_) socket_.pause_reading();
  stalled_ = static_cast<std::uint8_t>(stalled_ | why);
}

void KafkaConnection::unstall(Stall why) {
  if ((stalled_ & why) == 0) return;
  stalled_ = static_cast<std::uint8_t>(stalled_ & ~why);
  if (stalled_ != 0 || draining_) return;
  resume_ = true;
  flush_later();
}

Bytes KafkaConnection::keep(ResponseSlot& slot, Bytes part) {
  if (slot.frame.empty()) {
    slot.charged_bytes = frame_.size();
    sessions_.budget().charge(slot.charged_bytes);
    if (frame_fills_input_) {
      // The memory changes hands, and `part` stays where it is.
      std::swap(slot.frame, input_);
      input_.clear();
    } else {
      slot.frame.append(frame_);
    }
  }
  const std::uint8_t* kept = slot.frame.data();
  if (part.data() >= kept && part.data() < kept + slot.frame.size()) return part;
  return {kept + (part.data() - frame_.data()), part.size()};
}

Bytes KafkaConnection::keep_rest(ResponseSlot& slot, kafka::Reader& reader) {
  Bytes rest;
  CHECK(reader.take(reader.remaining(), rest));
  return keep(slot, rest);
}

}  // namespace duolog::session
