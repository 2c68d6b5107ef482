#include "tests/sim/server/subscriber.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace duolog::sim {

namespace {

constexpr int kSid = 7;
// The server's heartbeats come every 15 s.
constexpr std::uint64_t kSilentNs = 60'000'000'000;

std::int64_t number(const nlohmann::json& text) { return std::stoll(text.get<std::string>()); }

}  // namespace

SimSubscriber::SimSubscriber(World& world, std::string name, SubscriberPlan plan)
    : Client(world, name), plan_(std::move(plan)), peer_(world.kernel, world.oracle, name) {}

bool SimSubscriber::done() const {
  if (gone_) return true;
  if (!subscribed_) return false;
  return std::ranges::all_of(next_, [&](const auto& position) {
    return position.second >= world_.oracle.end_of(where(position.first)).value;
  });
}

std::string SimSubscriber::describe() const {
  std::string text = fmt::format("{}: {}, credit {}{}, last error '{}'", name(),
                                 subscribed_ ? "subscribed" : "not subscribed", credit_left_,
                                 paused_ ? ", paused" : "", last_error_);
  for (const auto& [partition, next] : next_) {
    text += fmt::format("; {} at {} of {}", partition, next,
                        world_.oracle.end_of(where(partition)).value);
  }
  return text;
}

void SimSubscriber::on_turn() {
  while (const auto text = peer_.take()) {
    std::size_t at = 0;
    while (at < text->size()) {  // one object a line
      const std::size_t end = std::min(text->find('\n', at), text->size());
      on_message(Json::parse(text->substr(at, end - at)));
      at = end + 1;
    }
    if (kernel().one_in(plan_.drops)) {
      peer_.drop();
      break;
    }
  }
  if (gone_) return peer_.drop();
  const bool silent = kernel().now_ns() - peer_.heard_ns() > kSilentNs;
  if (peer_.ended() || silent) {
    subscribed_ = asked_ = paused_ = false;
    act_in_us(kRetryUs);
    (void)peer_.connect("/v1/ws");
    return;
  }
  act_in_us(kAnswerWithinUs);
  if (!peer_.open()) return;
  if (!asked_) subscribe();
  if (subscribed_ && !paused_ && kernel().one_in(plan_.pauses)) {
    paused_ = true;
    command("pause", {{"sid", kSid}});
    act_in_us(kernel().below(50'000));
  } else if (paused_) {
    paused_ = false;
    command("resume", {{"sid", kSid}});
  }
}

void SimSubscriber::command(const char* what, Json arguments) {
  peer_.send(Json{{"id", ++last_id_}, {what, std::move(arguments)}}.dump());
}

void SimSubscriber::subscribe() {
  asked_ = true;
  Json arguments{{"sid", kSid}, {"topic", plan_.topic}, {"from", "earliest"}};
  if (!next_.empty()) {
    Json positions = Json::object();
    for (const auto& [partition, next] : next_) {
      positions[std::to_string(partition)] = std::to_string(next);
    }
    arguments["positions"] = std::move(positions);
    arguments["topic_id"] = plan_.topic_id;
    arguments["epoch"] = epoch_;
  }
  credit_left_ = plan_.credit;
  if (plan_.credit != 0) arguments["credit"] = {{"records", plan_.credit}};
  command("subscribe", std::move(arguments));
}

void SimSubscriber::on_message(const Json& message) {
  if (message.contains("subscribed")) return on_subscribed(message["subscribed"]);
  if (message.contains("records")) return on_records(message["records"]);
  if (message.contains("gap")) return on_gap(message["gap"]);
  if (message.contains("error")) return on_refused(message["error"]);
  if (message.contains("unsub")) {
    if (!oracle().is_deleted(plan_.topic_id)) oracle().wrong(name() + ": " + message.dump());
    gone_ = true;
  }
}

void SimSubscriber::on_subscribed(const Json& answer) {
  if (answer["topic_id"] != plan_.topic_id) {
    if (!oracle().is_deleted(plan_.topic_id)) {
      oracle().wrong(name() + ": subscribed to another topic: " + answer.dump());
    }
    gone_ = true;
    return;
  }
  subscribed_ = true;
  const bool resumed = !next_.empty();
  if (resumed && !answer.value("recovered", false) && !oracle().is_trimmed(plan_.topic_id)) {
    oracle().wrong(name() + ": nothing was trimmed, and it is not recovered: " + answer.dump());
  }
  for (const auto& [key, position] : answer["positions"].items()) {
    const auto partition = static_cast<std::int32_t>(std::stol(key));
    const std::int64_t next = number(position["next"]);
    epoch_ = std::max(epoch_, position["epoch"].get<std::int64_t>());
    const auto known = next_.find(partition);
    if (known == next_.end()) {
      next_[partition] = next;
    } else if (known->second != next && answer.value("recovered", false)) {
      oracle().wrong(
          fmt::format("{}: recovered at {}, and was at {}", name(), next, known->second));
    }
  }
}

void SimSubscriber::on_records(const Json& records) {
  const auto partition = records["partition"].get<std::int32_t>();
  std::int64_t& next = next_[partition];
  epoch_ = std::max(epoch_, records["epoch"].get<std::int64_t>());
  for (const Json& item : records["items"]) {
    const std::int64_t offset = number(item["o"]);
    if (offset != next) {
      oracle().wrong(fmt::format("{}: at {} of {} comes {}", name(), next, partition, offset));
    }
    oracle().seen(where(partition), Offset(offset), item["value"].get<std::string>());
    next = offset + 1;
    if (credit_left_ == 0 && plan_.credit != 0) {
      oracle().wrong(name() + ": more records than there was credit for");
    }
    credit_left_ -= credit_left_ > 0 ? 1 : 0;
  }
  if (number(records["next"]) != next) {
    oracle().wrong(
        fmt::format("{}: next is {}, after {}", name(), records["next"].dump(), next - 1));
  }
  if (plan_.credit != 0 && credit_left_ <= plan_.credit / 2) {
    command("credit", {{"sid", kSid}, {"records", plan_.credit}});
    credit_left_ += plan_.credit;
  }
}

void SimSubscriber::on_gap(const Json& gap) {
  const auto partition = gap["partition"].get<std::int32_t>();
  const std::int64_t from = number(gap["from"]);
  const std::int64_t to = number(gap["to"]);
  std::int64_t& next = next_[partition];
  if (from != next || to <= from || !oracle().may_be_trimmed(where(partition), Offset(to - 1))) {
    oracle().wrong(fmt::format("{}: at {}: {}", name(), next, gap.dump()));
  }
  next = to;
}

void SimSubscriber::on_refused(const Json& error) {
  last_error_ = error.dump();
  const int code = error["code"].get<int>();
  const bool lost = code == 112 || code == 113;
  if (oracle().is_deleted(plan_.topic_id)) {
    gone_ = true;
  } else if (lost && oracle().may_lose(plan_.topic_id)) {
    next_.clear();  // what it had seen was lost, as it may be
    epoch_ = -1;
    peer_.drop();
  } else if (lost || !error.value("temporary", false)) {
    oracle().wrong(name() + ": " + error.dump());
  } else {
    peer_.drop();
  }
}

}  // namespace duolog::sim
