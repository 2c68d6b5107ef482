#include "tools/duolog/client/push_producer.h"

#include <string_view>

#include "engine/base/clock.h"
#include "tools/duolog/client/json_bytes.h"

namespace duolog::tools {
namespace {

constexpr std::size_t kEnvelopeBytes = 512;  // of a publish, around its records; a topic's name is
                                             // at most 249 bytes

std::string_view name_of(PushProducer::Ack ack) {
  switch (ack) {
    case PushProducer::Ack::kNone:
      return "none";
    case PushProducer::Ack::kAppended:
      return "appended";
    case PushProducer::Ack::kDurable:
      break;
  }
  return "durable";
}

// ["k","v"] or ["k",{"v_b64":"AAEC"}]
OrderedJson header_of(const std::pair<std::string, std::string>& header) {
  OrderedJson value;
  put_bytes(value, "v", header.second);
  return {header.first, value.contains("v") ? value["v"] : value};
}

}  // namespace

Result<std::unique_ptr<PushProducer>> PushProducer::start(const PushOptions& options,
                                                          Target target) {
  auto client = PushClient::connect(options);
  if (!client) return std::unexpected(client.error());
  std::unique_ptr<PushProducer> producer(new PushProducer(options, std::move(target)));
  producer->client_ = std::move(*client);
  return producer;
}

void PushProducer::fail_with(std::uint64_t records, Error error) {
  if (outcome_.failed == 0) outcome_.first_error = std::move(error);
  outcome_.failed += records;
}

void PushProducer::lost(const Error& error) {
  std::uint64_t unanswered = batch_records_;
  for (const auto& [id, publish] : in_flight_) unanswered += publish.records;
  const bool told = in_flight_.empty();
  in_flight_.clear();
  in_flight_bytes_ = 0;
  batch_records_ = 0;
  fail_with(std::max<std::uint64_t>(1, unanswered),
            {Errc::kIo, error.message + (told ? "" : "; what has no answer may yet be written")});
}

void PushProducer::add(const LineRecord& record) {
  OrderedJson item;
  if (record.key) put_bytes(item, "key", record.key);
  put_bytes(item, "value", record.value);
  if (target_.partition >= 0) item["partition"] = target_.partition;
  for (const auto& header : target_.headers) item["headers"].push_back(header_of(header));
  const std::string text = item.dump();
  if (text.size() + kEnvelopeBytes > client_->max_message_bytes()) {
    return fail_with(
        1, {Errc::kTooLarge, "a record of " + std::to_string(text.size()) +
                                 " bytes of JSON does not fit into a message of " +
                                 std::to_string(client_->max_message_bytes()) + " bytes"});
  }
  if (batch_.size() + text.size() > kBatchBytes || batch_records_ == kBatchRecords) flush();
  if (batch_records_++ > 0) batch_ += ',';
  batch_ += text;
}

void PushProducer::flush() {
  if (batch_records_ == 0) return;
  wait_for(kMaxInFlightBytes - std::min(batch_.size(), kMaxInFlightBytes));
  if (outcome_.failed > 0) return;
  const std::string arguments = R"({"topic":)" + OrderedJson(target_.topic).dump() + R"(,"ack":")" +
                                std::string(name_of(target_.ack)) + R"(","records":[)" + batch_ +
                                "]}";
  const auto id = client_->send("publish", arguments);
  if (!id) return lost(id.error());
  if (target_.ack == Ack::kNone) {
    outcome_.written += batch_records_;
  } else {
    in_flight_[*id] = {.records = batch_records_, .bytes = batch_.size()};
    in_flight_bytes_ += batch_.size();
  }
  batch_.clear();
  batch_records_ = 0;
}

void PushProducer::poll(int timeout_ms) {
  while (true) {
    const auto object = client_->next(timeout_ms);
    if (!object) return lost(object.error());
    if (!*object) return;
    take(**object);
    timeout_ms = 0;
  }
}

void PushProducer::wait_for(std::size_t bytes) {
  std::uint64_t moved_ns = monotonic_ns();
  std::size_t left = in_flight_bytes_;
  while (outcome_.failed == 0 && in_flight_bytes_ > bytes) {
    poll(100);
    if (in_flight_bytes_ != left) {
      left = in_flight_bytes_;
      moved_ns = monotonic_ns();
    } else if (monotonic_ns() - moved_ns >
               static_cast<std::uint64_t>(options_.timeout_ms) * 1'000'000) {
      lost({Errc::kIo, "no answer from " + options_.address});
    }
  }
}

void PushProducer::finish() {
  if (outcome_.failed == 0) flush();
  wait_for(0);
  if (outcome_.failed > 0) return;
  if (auto closed = client_->close(); !closed) lost(closed.error());
}

void PushProducer::take(PushClient::Object object) {
  std::uint64_t id = 0;
  if (object["id"].get(id) != simdjson::SUCCESS) return;
  PushClient::Object what;
  if (object["published"].get(what) == simdjson::SUCCESS) return settle(what, id);
  if (object["error"].get(what) != simdjson::SUCCESS) return;
  const auto publish = in_flight_.find(id);
  const std::uint64_t records = publish == in_flight_.end() ? 1 : publish->second.records;
  if (publish != in_flight_.end()) {
    in_flight_bytes_ -= publish->second.bytes;
    in_flight_.erase(publish);
  }
  fail_with(records, push_error(what));
}

// A publish that asked for "appended" has a second answer, which is for nobody any more.
void PushProducer::settle(PushClient::Object published, std::uint64_t id) {
  const auto publish = in_flight_.find(id);
  if (publish == in_flight_.end()) return;
  simdjson::dom::array items;
  if (published["items"].get(items) != simdjson::SUCCESS) return;
  for (const PushClient::Object item : items) {
    PushClient::Object error;
    if (item["error"].get(error) == simdjson::SUCCESS) {
      fail_with(1, push_error(error));
    } else {
      ++outcome_.written;
    }
  }
  in_flight_bytes_ -= publish->second.bytes;
  in_flight_.erase(publish);
}

}  // namespace duolog::tools
