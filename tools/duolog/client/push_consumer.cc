#include "tools/duolog/client/push_consumer.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>
#include <time.h>

#include "engine/base/clock.h"

namespace duolog::tools {
namespace {

using Object = PushClient::Object;
using Json = nlohmann::ordered_json;

constexpr std::uint64_t kFirstPauseMs = 100;
constexpr std::uint64_t kLongestPauseMs = 5'000;
constexpr std::int64_t kSid = 1;

std::int64_t offset_of(std::string_view text) {
  std::int64_t offset = 0;
  std::from_chars(text.data(), text.data() + text.size(), offset);
  return offset;
}

// A number, or an offset, which is text.
std::int64_t number(simdjson::simdjson_result<Object> value, std::int64_t otherwise = 0) {
  std::string_view text;
  return value.get(text) == simdjson::SUCCESS ? offset_of(text) : get_or(value, otherwise);
}

std::string_view text_of(simdjson::simdjson_result<Object> value) {
  return get_or<std::string_view>(value, "");
}

bool has(Object object, const char* name, Object& value) {
  return object[name].get(value) == simdjson::SUCCESS;
}

std::int32_t partition_of(std::string_view name) {
  return static_cast<std::int32_t>(offset_of(name));
}

// Of --from: an offset, and none of the words and counts.
bool is_offset(std::string_view from) { return from[0] >= '0' && from[0] <= '9'; }

}  // namespace

Result<std::unique_ptr<PushConsumer>> PushConsumer::start(
    const PushOptions& options, Wanted wanted, std::function<void(const std::string&)> notice) {
  auto client = PushClient::connect(options);
  if (!client) return std::unexpected(client.error());
  std::unique_ptr<PushConsumer> consumer(
      new PushConsumer(options, std::move(wanted), std::move(notice)));
  consumer->client_ = std::move(*client);
  if (const std::string& from = consumer->wanted_.from; is_offset(from)) {
    if (auto placed = consumer->place_at(offset_of(from)); !placed) {
      return std::unexpected(consumer->explain(placed.error()));
    }
  }
  if (auto sent = consumer->subscribe(); !sent) return std::unexpected(sent.error());
  return consumer;
}

Result<void> PushConsumer::place_at(std::int64_t offset) {
  for (const int partition : wanted_.partitions) places_[partition].next = offset;
  if (!wanted_.partitions.empty()) return {};
  const auto reply = client_->call("offsets", Json{{"topic", wanted_.topic}}.dump());
  if (!reply) return std::unexpected(reply.error());
  simdjson::dom::object positions;
  if ((*reply)["offsets"]["positions"].get(positions) != simdjson::SUCCESS) {
    return fail(Errc::kInvalid, "the server does not say which partitions there are");
  }
  for (const auto& [partition, position] : positions) {
    places_[partition_of(partition)].next = offset;
  }
  return {};
}

Result<void> PushConsumer::subscribe() {
  Json arguments{{"sid", kSid}, {"topic", wanted_.topic}};
  for (const auto& [partition, place] : places_) {
    arguments["positions"][std::to_string(partition)] = std::to_string(place.next);
  }
  if (topic_id_.empty() && !is_offset(wanted_.from)) {
    arguments["from"] = wanted_.from;
    if (!wanted_.partitions.empty()) arguments["partitions"] = wanted_.partitions;
  } else if (wanted_.partitions.empty()) {
    arguments["from"] = "earliest";  // of partitions that were added
  }
  if (!topic_id_.empty()) arguments["topic_id"] = topic_id_;
  if (epoch_ >= 0) arguments["epoch"] = epoch_;
  const auto id = client_->send("subscribe", arguments.dump());
  if (!id) return std::unexpected(id.error());
  subscribe_id_ = *id;
  subscribe_by_ns_ = monotonic_ns() + static_cast<std::uint64_t>(options_.timeout_ms) * kNsPerMs;
  subscribed_ = false;
  return {};
}

Result<const RecordView*> PushConsumer::next(int timeout_ms) {
  if (const RecordView* record = take_item()) return record;
  if (!client_) {
    if (auto outcome = come_back(timeout_ms); !outcome) return std::unexpected(outcome.error());
    return nullptr;
  }
  auto object = client_->next(timeout_ms);
  if (!object && object.error().code != Errc::kClosed) return std::unexpected(object.error());
  Result<void> outcome;
  if (!object) {
    outcome = lose(client_->ending());
  } else if (*object) {
    outcome = take(**object);
  } else if (!subscribed_ && monotonic_ns() > subscribe_by_ns_) {
    outcome = fail(Errc::kIo, "no answer from " + options_.address + " to subscribe");
  }
  if (!outcome) return std::unexpected(outcome.error());
  return take_item();
}

bool PushConsumer::all_ended() const {
  return !topic_id_.empty() && !items_ && std::ranges::all_of(places_, [](const auto& entry) {
    return entry.second.next >= entry.second.end.value_or(0);
  });
}

// ---- Connections --------------------------------------------------------------------------------

Result<void> PushConsumer::lose(const Ending& ending) {
  items_.reset();
  client_.reset();
  if (!ending.again) return std::unexpected(explain(ending.error));
  if (failures_ == 0) notice_("connection lost: " + ending.error.message + "; coming back");
  // Growing, and random in part, so that not all who lost the same server return at once.
  const std::uint64_t most = std::min(kLongestPauseMs, kFirstPauseMs << std::min(failures_, 10));
  ++failures_;
  const std::uint64_t pause_ms =
      ending.after_ms + std::uniform_int_distribution<std::uint64_t>(most / 2, most)(random_);
  come_back_ns_ = monotonic_ns() + pause_ms * kNsPerMs;
  return {};
}

Result<void> PushConsumer::come_back(int timeout_ms) {
  const std::uint64_t now_ns = monotonic_ns();
  if (now_ns < come_back_ns_) {
    const std::uint64_t pause_ns =
        std::min(come_back_ns_ - now_ns, static_cast<std::uint64_t>(timeout_ms) * kNsPerMs);
    const timespec pause{.tv_sec = static_cast<time_t>(pause_ns / (1000 * kNsPerMs)),
                         .tv_nsec = static_cast<long>(pause_ns % (1000 * kNsPerMs))};
    nanosleep(&pause, nullptr);  // a signal ends it
    return {};
  }
  auto client = PushClient::connect(options_);
  Result<void> outcome;
  if (client) {
    client_ = std::move(*client);
    outcome = subscribe();
  } else {
    outcome = std::unexpected(client.error());
  }
  if (outcome) return {};
  const Errc code = outcome.error().code;
  const bool again = code == Errc::kIo || code == Errc::kBusy || code == Errc::kClosed;
  return lose({.error = outcome.error(), .again = again, .after_ms = 0});
}

// ---- What came ----------------------------------------------------------------------------------

Result<void> PushConsumer::take(Object object) {
  Object what;
  if (number(object["id"], -1) == static_cast<std::int64_t>(subscribe_id_)) {
    return take_reply(object);
  }
  if (has(object, "records", what)) {
    take_records(what);
  } else if (has(object, "gap", what)) {
    take_gap(what);
  } else if (has(object, "unsub", what)) {
    return fail(Errc::kNotFound, fmt::format("topic '{}': the server ended the subscription: {}",
                                             wanted_.topic, text_of(what["reason"])));
  }
  return {};
}

Result<void> PushConsumer::take_reply(Object object) {
  Object what;
  if (has(object, "error", what)) {
    Error error = push_error(what);
    if (const std::string_view reason = text_of(what["reason"]); !reason.empty()) {
      error.message += fmt::format(" ({})", reason);
    }
    if (error.code == Errc::kBusy && !topic_id_.empty()) return lose({error, true, 0});
    return std::unexpected(explain(error));
  }
  if (!has(object, "subscribed", what)) return fail(Errc::kInvalid, "an unknown answer");
  const bool first = topic_id_.empty();
  topic_id_ = text_of(what["topic_id"]);
  subscribed_ = true;
  if (failures_ > 0) notice_("connected again");
  failures_ = 0;
  simdjson::dom::object positions;
  if (what["positions"].get(positions) != simdjson::SUCCESS) return {};
  take_positions(Object(what["positions"].value_unsafe()));
  if (!first) return {};
  for (const auto& [partition, position] : positions) {
    places_[partition_of(partition)].end = number(position["end"]);
  }
  return {};
}

// {"0":{"next":"8812","epoch":4}}, of the beginning. Replies and records have no order between
// them: what has been read since stays read.
void PushConsumer::take_positions(Object object) {
  simdjson::dom::object positions;
  if (object.get(positions) != simdjson::SUCCESS) return;
  for (const auto& [name, position] : positions) {
    Place& place = places_[partition_of(name)];
    place.next = std::max(place.next, number(position["next"]));
    epoch_ = std::max(epoch_, number(position["epoch"], -1));
  }
}

void PushConsumer::take_records(Object records) {
  simdjson::dom::array items;
  if (records["items"].get(items) != simdjson::SUCCESS) return;
  items_ = Items{.at = items.begin(),
                 .end = items.end(),
                 .partition = static_cast<std::int32_t>(number(records["partition"])),
                 .next = number(records["next"])};
  epoch_ = std::max(epoch_, number(records["epoch"], -1));
}

void PushConsumer::take_gap(Object gap) {
  const auto partition = static_cast<std::int32_t>(number(gap["partition"]));
  const std::int64_t from = number(gap["from"]);
  const std::int64_t to = number(gap["to"]);
  missed_ += static_cast<std::uint64_t>(std::max<std::int64_t>(0, to - from));
  places_[partition].next = std::max(places_[partition].next, to);
  notice_(fmt::format("topic '{}', partition {}: offsets {} to {} are missing: {}", wanted_.topic,
                      partition, from, to - 1, text_of(gap["reason"])));
}

const RecordView* PushConsumer::take_item() {
  if (!items_) return nullptr;
  if (!(items_->at != items_->end)) {
    places_[items_->partition].next = items_->next;
    items_.reset();
    return nullptr;
  }
  const Object item = *items_->at;
  ++items_->at;
  decoded_.clear();
  record_.topic = wanted_.topic;
  record_.partition = items_->partition;
  record_.offset = number(item["o"]);
  record_.timestamp_ms = number(item["t"], -1);
  record_.key = bytes(item, "key", "key_b64");
  record_.value = bytes(item, "value", "value_b64");
  record_.headers.clear();
  simdjson::dom::array headers;
  if (item["headers"].get(headers) == simdjson::SUCCESS) {
    for (const Object header : headers) {
      record_.headers.emplace_back(text_of(header.at(0)), header_value(header));
    }
  }
  return &record_;
}

// Of ["k","v"], ["k",null] or ["k",{"v_b64":"AAEC"}].
std::optional<std::string_view> PushConsumer::header_value(Object header) {
  std::string_view text;
  if (header.at(1).get(text) == simdjson::SUCCESS) return text;
  Object value;
  if (header.at(1).get(value) != simdjson::SUCCESS || !value.is_object()) return std::nullopt;
  return bytes(value, "v", "v_b64");
}

// The field as text, or decoded; nothing when it is null.
std::optional<std::string_view> PushConsumer::bytes(Object object, const char* name,
                                                    const char* name_b64) {
  std::string_view text;
  if (object[name].get(text) == simdjson::SUCCESS) return text;
  if (object[name_b64].get(text) != simdjson::SUCCESS) return std::nullopt;
  std::string& out = decoded_.emplace_back(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  const auto padding = static_cast<std::size_t>(std::ranges::count(text, '='));
  out.resize(static_cast<std::size_t>(std::max(size, 0)) - std::min(padding, out.size()));
  return out;
}

Error PushConsumer::explain(const Error& error) const {
  const std::string what = "topic '" + wanted_.topic + "'";
  if (error.code == Errc::kNotFound) {
    return {error.code, what + ": no such topic or partition at " + options_.address +
                            "; `duolog topic list` shows what is there"};
  }
  if (error.code == Errc::kOutOfRange) {
    return {error.code, what + ": that offset is not in the log; `duolog topic describe " +
                            wanted_.topic + "` shows the offsets that are"};
  }
  return {error.code, what + ": " + error.message};
}

}  // namespace duolog::tools
