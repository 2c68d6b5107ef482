#include "tests/sim/server/feed_client.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "net/kafka/offsets.h"
#include "net/ws/frame.h"

namespace duolog::sim {

namespace {

constexpr std::int16_t kFeedStartsVersion = 7;
// A feed that has nothing to say is pinged.
constexpr std::uint64_t kFeedSilentNs = 60'000'000'000;

// What a server may end a feed with on its own account; 0: it said nothing.
bool may_come_again(std::uint16_t code) {
  return code == 0 || code == ws::close_code::kUnavailable || code == ws::close_code::kNoPong ||
         code == ws::close_code::kSlowReader;
}

}  // namespace

SimFeedClient::SimFeedClient(World& world, std::string name, FeedPlan plan)
    : Client(world, name),
      plan_(std::move(plan)),
      feed_(world.kernel, world.oracle, name),
      starts_(world.kernel, world.oracle, name) {
  // It begins where everything does; if that is gone, it is told so.
  if (plan_.partition) next_ = Offset(0);
}

bool SimFeedClient::done() const {
  if (!feed_.open()) return false;
  if (plan_.partition) return next_ && *next_ >= world_.oracle.end_of(where());
  const KnownTopic* topic = world_.topics.find(plan_.topic_id);
  for (std::int32_t partition = 0; partition < topic->partitions; ++partition) {
    if (!has_all(partition)) return false;
  }
  return true;
}

bool SimFeedClient::has_all(std::int32_t partition) const {
  const PartitionKey of{plan_.topic_id, partition};
  Progress& progress = progress_[partition];
  while (const auto known = world_.oracle.known_from(of, Offset(progress.next))) {
    const auto came = came_.find(known->name);
    if (came == came_.end() && !world_.oracle.may_be_trimmed(of, known->offset)) return false;
    progress.next = known->offset.value + 1;
    if (came == came_.end() || !known->once) continue;
    if (came->second <= progress.last_came) {
      world_.oracle.wrong(fmt::format("{}: {} came before what is before it in {}", name(),
                                      known->name, partition));
    }
    progress.last_came = came->second;
  }
  return true;
}

std::string SimFeedClient::describe() const {
  std::string text =
      fmt::format("{}: {}, last close code {}, last error '{}'", name(),
                  feed_.open() ? "connected" : "not connected", last_code_, last_error_);
  if (next_)
    text += fmt::format("; at {} of {}", next_->value, world_.oracle.end_of(where()).value);
  if (!plan_.partition) text += fmt::format("; {} messages", messages_);
  for (const auto& [partition, progress] : progress_) {
    const PartitionKey of{plan_.topic_id, partition};
    const auto known = world_.oracle.known_from(of, Offset(progress.next));
    text += fmt::format("; {} waits for {}: {} of {}", partition, progress.next,
                        known ? known->name : "nothing", world_.oracle.end_of(of).value);
  }
  return text;
}

void SimFeedClient::on_turn() {
  while (auto response = starts_.take()) on_start(*response);
  take_messages();
  const bool silent = kernel().now_ns() - feed_.heard_ns() > kFeedSilentNs;
  const bool had_one = feed_.connected();
  if (feed_.ended() || silent) {
    if (had_one) on_ended();
    act_in_us(kRetryUs);
    return plan_.partition && !next_ ? ask_start() : open();
  }
  act_in_us(kAnswerWithinUs);
  if (!feed_.open() || world_.quiet || published_ >= plan_.publishes || !plan_.partition) return;
  publish();
  act_in_us(kernel().below(3'000));
}

void SimFeedClient::take_messages() {
  while (const auto value = feed_.take()) {
    on_message(*value);
    if (drops_ == plan_.most_drops || !kernel().one_in(plan_.drops)) continue;
    ++drops_;
    feed_.drop();
    break;
  }
}

void SimFeedClient::on_message(const std::string& value) {
  const std::string record = Oracle::name_of(value);
  if (!plan_.partition) {
    if (!oracle().was_sent(plan_.topic_id, record)) {
      oracle().wrong(fmt::format("{}: '{}' was never sent", name(), record));
    }
    came_.try_emplace(record, ++messages_);
    return;
  }
  oracle().seen(where(), *next_, value);
  next_ = *next_ + 1;
  if (!record.starts_with(name() + "-")) return;
  const std::int64_t own = std::stoll(record.substr(name().size() + 1));
  const auto connection = std::ranges::upper_bound(connected_at_, own) - connected_at_.begin() - 1;
  std::int64_t& last = last_own_.at(static_cast<std::size_t>(connection));
  if (own <= last) {
    oracle().wrong(fmt::format("{}: its {} comes after its {}", name(), own, last));
  }
  last = own;
}

void SimFeedClient::on_ended() {
  came_.clear();
  progress_.clear();
  messages_ = 0;
  const std::uint16_t code = feed_.close_code();
  if (code != 0) last_code_ = code;
  const bool lost = code == ws::close_code::kPositionLost;
  if (!lost && !may_come_again(code)) {
    oracle().wrong(fmt::format("{}: closed with {}", name(), code));
  }
  if (!lost) return;
  const bool may_be_lost =
      oracle().may_lose(plan_.topic_id) ||
      (next_ ? oracle().may_be_trimmed(where(), *next_) : oracle().is_trimmed(plan_.topic_id));
  if (!may_be_lost) {
    oracle().wrong(
        fmt::format("{}: {} is lost, and nobody trimmed it", name(), next_ ? next_->value : 0));
  }
  next_.reset();
}

void SimFeedClient::open() {
  const char* format = plan_.binary ? "binary" : "auto";
  // What the last connection had on its way may yet be read, by another shard.
  connected_at_.push_back(published_);
  last_own_.assign(connected_at_.size(), -1);
  if (!plan_.partition) {
    (void)feed_.connect(
        fmt::format("/v1/topics/{}/ws?from=earliest&format={}", plan_.topic, format));
    return;
  }
  (void)feed_.connect(fmt::format("/v1/topics/{}/ws?from={}&partition={}&format={}", plan_.topic,
                                  next_->value, *plan_.partition, format));
}

void SimFeedClient::publish() {
  const std::string record = fmt::format("{}-{}", name(), published_++);
  oracle().sent(where(), record, true);
  feed_.send(record + " " + std::string(kernel().below(plan_.most_value_bytes), 'e'));
}

void SimFeedClient::ask_start() {
  const bool late = kernel().now_ns() - starts_.waits_since_ns() > kAnswerWithinUs * 1'000;
  if ((starts_.ended() || late) && !starts_.connect()) return;
  if (starts_.unanswered() > 0) return;
  kafka::ListOffsetsRequest::Topic::Partition partition{
      .partition_index = PartitionId(*plan_.partition), .timestamp = kafka::kEarliestOffset};
  kafka::ListOffsetsRequest::Topic topic{.name = plan_.topic,
                                         .partitions = std::span(&partition, 1)};
  starts_.send(kFeedStartsVersion,
               kafka::ListOffsetsRequest{.replica_id = -1, .topics = std::span(&topic, 1)}, 0);
}

void SimFeedClient::on_start(KafkaPeer::Response& response) {
  kafka::ListOffsetsResponse message;
  if (!response.read(oracle(), message)) return;
  const auto& answer = message.topics[0].partitions[0];
  if (answer.error_code != kafka::ErrorCode::kNone) {
    last_error_ = std::string(kafka::name(answer.error_code));
    return;
  }
  next_ = answer.offset;
  starts_.drop();
}

}  // namespace duolog::sim
