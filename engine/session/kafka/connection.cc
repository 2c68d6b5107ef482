#include "engine/session/kafka/connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "engine/base/clock.h"
#include "engine/runtime/mapped_files.h"
#include "engine/session/kafka/requests/fetch.h"
#include "engine/session/kafka/requests/produce.h"
#include "engine/session/transport/socket_address.h"

namespace duolog::session {
namespace {

// What an unused slot, or an idle input, may keep for the next request.
constexpr std::size_t kKeptFrameBytes = 2U << 20;
constexpr std::size_t kKeptResponseBytes = 64U << 10;
constexpr std::size_t kCheckMs = 5'000;

}  // namespace

ResponseSlot::ResponseSlot(KafkaConnection& its_connection) : connection(its_connection) {}
ResponseSlot::~ResponseSlot() = default;

KafkaConnection::KafkaConnection(KafkaSessions& sessions, int descriptor)
    : sessions_(sessions),
      socket_(sessions.shard(), descriptor, *this),
      last_activity_ns_(sessions.shard().now_ns()),
      last_read_ns_(last_activity_ns_) {
  sessions_.add(*this);
  shard().timers().arm(check_, last_activity_ns_ + sessions_.settings().max_idle_ms * kNsPerMs);
  socket_.resume_reading();
}

KafkaConnection::~KafkaConnection() = default;

const LocalAddress& KafkaConnection::local_address() {
  if (local_address_ == nullptr) {
    SocketAddress address = local_address_of(socket_.descriptor());
    local_address_ =
        std::make_unique<LocalAddress>(LocalAddress{std::move(address.host), address.port});
  }
  return *local_address_;
}

std::string_view KafkaConnection::peer_host() {
  if (peer_host_ == nullptr) {
    peer_host_ = std::make_unique<std::string>(peer_address_of(socket_.descriptor()).host);
  }
  return *peer_host_;
}

std::string KafkaConnection::name_for_logs() const {
  return "kafka client " + peer_name_of(socket_.descriptor());
}

std::string KafkaConnection::who(const ResponseSlot& slot) const {
  return "client '" + std::string(slot.client_id) + "' at " + peer_name_of(socket_.descriptor());
}

// ---- Slots --------------------------------------------------------------------------------------

ResponseSlot& KafkaConnection::take_slot() {
  ResponseSlot* slot = unused_.pop_front();
  if (slot == nullptr) {
    slots_.push_back(std::make_unique<ResponseSlot>(*this));
    slot = slots_.back().get();
  }
  waiting_.push_back(*slot);
  ++outstanding_;
  return *slot;
}

void KafkaConnection::recount(ResponseSlot& slot) {
  const std::uint64_t now =
      slot.frame.size() + slot.arena.held_bytes() + slot.response.held_bytes();
  held_bytes_ += now - slot.held_bytes;
  slot.held_bytes = now;
}

void KafkaConnection::completed(ResponseSlot& slot) {
  CHECK(!slot.done);
  slot.done = true;
  slot.job = nullptr;
  slot.unsent_bytes = slot.response.total_bytes();
  recount(slot);
  flush_later();
}

void KafkaConnection::recycle(ResponseSlot& slot) {
  ++slot.generation;
  slot.done = false;
  slot.job = nullptr;
  slot.other.reset();
  slot.ranges.clear();
  slot.pins.clear();
  slot.arena.reset();
  slot.response.clear();
  if (slot.response.held_bytes() > kKeptResponseBytes) slot.response.release();
  slot.frame.clear();
  if (slot.frame.capacity() > kKeptFrameBytes) slot.frame = Buffer();
  if (slot.charged_bytes > 0) sessions_.budget().give_back(slot.charged_bytes);
  slot.charged_bytes = 0;
  held_bytes_ -= slot.held_bytes;
  slot.held_bytes = 0;
  --outstanding_;
  unused_.push_front(slot);
  const KafkaSettings& settings = sessions_.settings();
  if (outstanding_ <= settings.max_in_flight / 2) unstall(kInFlight);
  if (held_bytes_ <= settings.max_held_bytes / 2) unstall(kHeld);
}

void KafkaConnection::wake(FetchJob& job) {
  woken_.push_back(&job);
  flush_later(runtime::Urgency::kFanOut);
}

// ---- Sending ------------------------------------------------------------------------------------

void KafkaConnection::on_turn(runtime::Task& /*task*/, void* context) {
  auto& self = *static_cast<KafkaConnection*>(context);
  if (self.socket_.closing()) return;
  self.running_ = true;
  for (std::size_t i = 0; i < self.woken_.size(); ++i) self.woken_[i]->run();
  self.woken_.clear();
  self.unstall(kTurn);
  if (self.resume_) self.resume_input();
  self.send_more();
  self.running_ = false;
  self.close_if_drained();
}

// Puts the responses that are next in order into the queue.
void KafkaConnection::collect() {
  while (ResponseSlot* slot = waiting_.front()) {
    if (!slot->done) return;
    slot->hook.unlink();
    if (slot->unsent_bytes == 0) {
      recycle(*slot);
      continue;
    }
    slot->response.for_each_piece(
        [&](Bytes piece) { queue_.push(piece); },
        [&](const kafka::Splice& splice) { queue_.push(slot->ranges[splice.token]); });
    if (sending_.empty()) response_since_ns_ = shard().now_ns();
    sending_.push_back(*slot);
  }
}

void KafkaConnection::send_more() {
  collect();
  if (socket_.closing() || socket_.sending() || socket_.waiting_writable() || warming_send_) return;
  if (queue_.empty()) return;
  std::array<iovec, runtime::Socket::kMaxIovecs> iovecs;
  const auto gathered = queue_.gather(iovecs, sessions_.settings().send_bytes);
  if (gathered.count > 0) {
    socket_.send(std::span(iovecs).first(gathered.count));
    return;
  }
  warming_send_ = true;
  begin_flight();
  sessions_.counters().cold_reads.add();
  storage::warm_up(shard().disk(), gathered.cold, [this](Result<void> outcome) {
    warming_send_ = false;
    if (!socket_.closing() && !outcome) {
      // The length of the response has been promised, so that there is no other way to say it.
      sessions_.warn(name_for_logs() + ": closed: " + outcome.error().message);
      close(KafkaClose::kSocketError);
    } else {
      flush_later();
    }
    end_flight();
  });
}

void KafkaConnection::on_sent(std::size_t bytes) {
  if (bytes == 0) {
    if (blocked_since_ns_ == 0) blocked_since_ns_ = shard().now_ns();
    socket_.wait_writable();
    return;
  }
  blocked_since_ns_ = 0;
  last_activity_ns_ = shard().now_ns();
  sessions_.counters().bytes_out.add(bytes);
  queue_.consume(bytes);
  while (bytes > 0) {
    ResponseSlot& slot = *sending_.front();
    const std::uint64_t part = std::min<std::uint64_t>(bytes, slot.unsent_bytes);
    slot.unsent_bytes -= part;
    bytes -= part;
    if (slot.unsent_bytes > 0) break;
    slot.hook.unlink();
    recycle(slot);
    response_since_ns_ = last_activity_ns_;
  }
  // Whoever has more to read than one send is behind.
  flush_later(queue_.empty() ? runtime::Urgency::kPrompt : runtime::Urgency::kBehind);
}

void KafkaConnection::on_writable() { flush_later(runtime::Urgency::kBehind); }

void KafkaConnection::warm_up_ahead(const storage::Cold& cold) {
  if (warming_ahead_) return;
  warming_ahead_ = true;
  begin_flight();
  storage::warm_up(shard().disk(), cold, [this](Result<void> /*its reader finds out*/) {
    warming_ahead_ = false;
    end_flight();
  });
}

// ---- The end ------------------------------------------------------------------------------------

void KafkaConnection::refuse(KafkaClose why, std::string_view line) {
  if (draining_) return;
  if (!line.empty()) sessions_.warn(name_for_logs() + ": closed: " + std::string(line));
  draining_ = true;
  close_reason_ = why;
  input_.clear();
  if (!socket_.closing()) socket_.pause_reading();
  for (ResponseSlot* slot = waiting_.front(); slot != nullptr; slot = waiting_.next(*slot)) {
    if (slot->job != nullptr) slot->job->hurry();
  }
  flush_later();
}

void KafkaConnection::stop() { refuse(KafkaClose::kStopping, {}); }

void KafkaConnection::on_eof() {
  // What was received before and could not be handled yet is a request like any other.
  end_of_input_ = true;
  if (handles_input()) refuse(KafkaClose::kByPeer, {});
}

void KafkaConnection::on_error(int error_number) {
  if (error_number == EFAULT) {
    // Of its response, what the kernel was to read from a mapping cannot be read.
    std::array<iovec, runtime::Socket::kMaxIovecs> unsent;
    const auto gathered = queue_.gather(unsent, sessions_.settings().send_bytes);
    runtime::note_unreadable(std::span(unsent).first(gathered.count));
    sessions_.warn(name_for_logs() + ": closed: the records it was to be sent cannot be read");
  }
  close(KafkaClose::kSocketError);
}

void KafkaConnection::close_if_drained() {
  if (draining_ && outstanding_ == 0 && !socket_.closing()) close(close_reason_);
}

void KafkaConnection::topic_gone(broker::Topic& topic) {
  bool half_sent = queue_.reads(topic);
  for (ResponseSlot* slot = waiting_.front(); slot != nullptr; slot = waiting_.next(*slot)) {
    if (slot->job != nullptr) slot->job->topic_gone(topic);
    half_sent = half_sent || std::ranges::any_of(slot->ranges, [&](const LogRange& range) {
                  return range.topic == &topic;
                });
  }
  if (half_sent) close(KafkaClose::kTopicDeleted);
  checks_.topic_gone(topic);  // this connection may be gone now
}

void KafkaConnection::close(KafkaClose why) {
  if (socket_.closing()) return;
  sessions_.counters().closed[static_cast<std::size_t>(why)].add();
  draining_ = true;
  for (ResponseSlot* slot = waiting_.front(); slot != nullptr; slot = waiting_.next(*slot)) {
    if (slot->job != nullptr) slot->job->abandon();
  }
  woken_.clear();
  queue_.release();
  task_.cancel();
  budget_waiter_.hook.unlink();
  checks_waiter_.hook.unlink();
  shard().timers().cancel(check_);
  shard().timers().cancel(congestion_retry_);
  socket_.close();
}

void KafkaConnection::on_closed() {
  closed_ = true;
  destroy_if_over();
}

void KafkaConnection::destroy_if_over() {
  if (!closed_ || in_flight_ > 0) return;
  std::uint64_t charged = input_charged_;
  for (const auto& slot : slots_) charged += slot->charged_bytes;
  sessions_.budget().give_back(charged);
  sessions_.fetch_sessions().drop(*this);
  sessions_.closed(*this);
  delete this;
}

// ---- Times --------------------------------------------------------------------------------------

void KafkaConnection::on_check(runtime::Timer& /*timer*/, void* context) {
  static_cast<KafkaConnection*>(context)->check_times();
}

void KafkaConnection::check_times() {
  const KafkaSettings& settings = sessions_.settings();
  const std::uint64_t now = shard().now_ns();
  const auto passed = [now](std::uint64_t since_ns, std::uint64_t limit_ms) {
    return now - since_ns >= limit_ms * kNsPerMs;
  };
  const auto close_late = [&](KafkaClose why, std::string_view what, std::uint64_t limit_ms) {
    sessions_.warn(name_for_logs() + ": closed: " + std::string(what) + " within " +
                   std::to_string(limit_ms) + " ms");
    close(why);
  };
  if (blocked_since_ns_ != 0 && passed(blocked_since_ns_, settings.write_timeout_ms)) {
    return close_late(KafkaClose::kWriteTimeout, "nothing of its responses was read",
                      settings.write_timeout_ms);
  }
  // One that goes on a little now and then holds the files of a response, or a request's memory.
  if (!sending_.empty() && passed(response_since_ns_, settings.transfer_timeout_ms)) {
    return close_late(KafkaClose::kWriteTimeout, "a response was not read",
                      settings.transfer_timeout_ms);
  }
  if (!input_.empty() && handles_input()) {
    if (passed(last_read_ns_, settings.read_timeout_ms)) {
      return close_late(KafkaClose::kReadTimeout, "nothing more of a request came",
                        settings.read_timeout_ms);
    }
    if (passed(input_since_ns_, settings.transfer_timeout_ms)) {
      return close_late(KafkaClose::kReadTimeout, "a request did not end",
                        settings.transfer_timeout_ms);
    }
  }
  std::uint64_t next_ms =
      std::min({kCheckMs, settings.write_timeout_ms / 2, settings.read_timeout_ms / 2,
                settings.transfer_timeout_ms / 2});
  if (outstanding_ == 0 && input_.empty()) {
    if (passed(last_activity_ns_, settings.max_idle_ms)) return close(KafkaClose::kIdle);
    if (passed(last_activity_ns_, settings.shrink_after_ms)) {
      shrink();
      next_ms = settings.max_idle_ms - (now - last_activity_ns_) / kNsPerMs;
    }
  }
  shard().timers().arm(check_, now + std::max<std::uint64_t>(next_ms, 1) * kNsPerMs);
}

// An idle connection keeps this object and its socket.
void KafkaConnection::shrink() {
  if (in_flight_ > 0 || !woken_.empty()) return;
  shrunk_ = true;
  unused_.clear();
  slots_.clear();
  slots_.shrink_to_fit();
  woken_.shrink_to_fit();
  input_ = Buffer();
  queue_.release();
  local_address_.reset();
  peer_host_.reset();
}

}  // namespace duolog::session
