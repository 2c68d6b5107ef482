#include "tests/sim/server/publisher.h"

#include <utility>

#include <fmt/format.h>

namespace duolog::sim {

SimPublisher::SimPublisher(World& world, std::string name, PublisherPlan plan)
    : Client(world, name), plan_(std::move(plan)), peer_(world.kernel, world.oracle, name) {}

std::string SimPublisher::describe() const {
  return fmt::format("{}: {} commands in flight{}; last error '{}'", name(), in_flight_.size(),
                     peer_.open() ? "" : ", not connected", last_error_);
}

void SimPublisher::on_turn() {
  while (const auto text = peer_.take()) {
    const Json message = Json::parse(*text);
    if (!message.contains("id")) continue;
    const int id = message["id"].get<int>();
    if (message.contains("published")) on_published(id, message["published"]);
    if (message.contains("error")) on_refused(id, message["error"]);
  }
  if (done()) return;
  const bool late = !in_flight_.empty() && kernel().now_ns() - asked_ns_ > kAnswerWithinUs * 1'000;
  if (peer_.ended() || late) return start_over();
  act_in_us(kAnswerWithinUs + 1);
  if (!peer_.open()) return;
  if (!sent_all_) {
    for (const auto& [id, command] : in_flight_) send(id, command);
    sent_all_ = true;
  }
  if (!world_.quiet && made_ < plan_.commands && in_flight_.size() < plan_.most_in_flight) {
    make_command();
    act_in_us(kernel().below(3'000));
  }
}

void SimPublisher::start_over() {
  sent_all_ = false;
  asked_ns_ = kernel().now_ns();
  for (auto& [id, command] : in_flight_) {
    command.noticed.clear();
    // Whoever got no answer does not know: it may be there already.
    for (const Record& record : command.records) {
      oracle().sent({plan_.topic_id, record.partition}, record.name, false);
    }
  }
  act_in_us(kRetryUs);
  (void)peer_.connect("/v1/ws");
}

void SimPublisher::make_command() {
  const int id = ++last_id_;
  Command& command = in_flight_[id];
  const std::uint64_t count = 1 + kernel().below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    Record record;
    record.name = fmt::format("{}-{}", name(), records_++);
    record.value = record.name + " " + std::string(kernel().below(plan_.most_value_bytes), 'w');
    record.partition =
        static_cast<std::int32_t>(kernel().below(static_cast<std::uint64_t>(plan_.partitions)));
    oracle().sent({plan_.topic_id, record.partition}, record.name, true);
    command.records.push_back(std::move(record));
  }
  ++made_;
  if (in_flight_.size() == 1) asked_ns_ = kernel().now_ns();
  send(id, command);
}

void SimPublisher::send(int id, const Command& command) {
  Json records = Json::array();
  for (const Record& record : command.records) {
    records.push_back({{"value", record.value}, {"partition", record.partition}});
  }
  peer_.send(Json{{"id", id},
                  {"publish",
                   {{"topic", plan_.topic},
                    {"records", std::move(records)},
                    {"ack", plan_.appended ? "appended" : "durable"}}}}
                 .dump());
}

void SimPublisher::on_published(int id, const Json& published) {
  const auto found = in_flight_.find(id);
  if (found == in_flight_.end()) {
    return oracle().wrong(fmt::format("{}: {} was answered twice", name(), id));
  }
  Command& command = found->second;
  const Json& items = published["items"];
  if (items.size() != command.records.size()) {
    return oracle().wrong(
        fmt::format("{}: {} records, {} items", name(), command.records.size(), items.size()));
  }
  const bool durable = published["stage"] == "durable";
  std::vector<std::int64_t> offsets;
  for (const Json& item : items) {
    if (item.contains("error")) {
      last_error_ = item.dump();
      offsets.push_back(-1);
    } else {
      offsets.push_back(std::stoll(item["offset"].get<std::string>()));
    }
  }
  if (!durable) {
    command.noticed = std::move(offsets);
    return;
  }
  if (!command.noticed.empty() && command.noticed != offsets) {
    oracle().wrong(
        fmt::format("{}: the ack of {} names other offsets than the notice", name(), id));
  }
  Command again;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const Record& record = command.records[i];
    const PartitionKey where{plan_.topic_id, record.partition};
    if (offsets[i] >= 0) {
      oracle().acked(where, Offset(offsets[i]), record.name);
    } else {
      again.records.push_back(record);
    }
  }
  in_flight_.erase(found);
  asked_ns_ = kernel().now_ns();
  if (again.records.empty() || oracle().is_deleted(plan_.topic_id)) return;
  in_flight_[++last_id_] = std::move(again);
  sent_all_ = false;
  peer_.drop();
}

void SimPublisher::on_refused(int id, const Json& error) {
  last_error_ = error.dump();
  if (!in_flight_.contains(id)) return;
  if (oracle().is_deleted(plan_.topic_id)) {
    in_flight_.erase(id);
    return;
  }
  if (!error.value("temporary", false)) oracle().wrong(name() + ": " + error.dump());
  peer_.drop();
}

}  // namespace duolog::sim
