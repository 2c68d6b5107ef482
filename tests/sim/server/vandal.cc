#include "tests/sim/server/vandal.h"

#include "net/kafka/fetch.h"
#include "net/kafka/header.h"
#include "net/kafka/message.h"
#include "tests/sim/server/machine.h"

namespace duolog::sim {

namespace {

constexpr std::int16_t kVandalFetchVersion = 12;
constexpr std::size_t kDeafRequests = 5;

std::string fetch_of(const std::string& topic_name, std::int32_t id) {
  kafka::FetchRequest::Topic::Partition partition{
      .partition = PartitionId(0), .fetch_offset = Offset(0), .partition_max_bytes = 1 << 20};
  kafka::FetchRequest::Topic topic{.topic = topic_name, .partitions = std::span(&partition, 1)};
  kafka::Writer writer;
  const auto frame =
      kafka::begin_request(writer, {.api_key = static_cast<std::int16_t>(kafka::ApiKey::kFetch),
                                    .api_version = kVandalFetchVersion,
                                    .correlation_id = id,
                                    .client_id = "vandal"});
  kafka::encode(writer, kVandalFetchVersion,
                kafka::FetchRequest{
                    .max_bytes = 1 << 20, .session_epoch = -1, .topics = std::span(&topic, 1)});
  writer.end_frame(frame);
  return {reinterpret_cast<const char*>(writer.bytes().data()), writer.bytes().size()};
}

}  // namespace

SimVandal::SimVandal(World& world, std::string name, VandalPlan plan)
    : Client(world, std::move(name)), plan_(std::move(plan)) {}

SimVandal::~SimVandal() {
  if (connection_ != nullptr) connection_->reset = true;
}

void SimVandal::on_turn() {
  if (connection_ != nullptr && !has_news()) {
    if (plan_.hangs_up) connection_->reset = true;
    return;
  }
  if (connection_ != nullptr) {
    connection_->reset = true;
    connection_.reset();
    return act_in_us(kernel().below(100'000));
  }
  if (plan_.visits == 0 || world_.quiet) return;
  act_in_us(kernel().below(100'000) + 1);
  connection_ = kernel().connect(plan_.http ? kHttpPort : kKafkaPort);
  if (connection_ == nullptr) return;
  --plan_.visits;
  connection_->to_server += words();
}

std::string SimVandal::words() {
  std::string all;
  switch (plan_.kind) {
    case VandalPlan::Kind::kSilent:
      return {};
    case VandalPlan::Kind::kGarbage:
      for (std::uint64_t i = 1 + kernel().below(300); i > 0; --i) {
        all.push_back(static_cast<char>(kernel().below(256)));
      }
      return all;
    case VandalPlan::Kind::kHalf:
      all = plan_.http ? "GET /v1/topics HTTP/1.1\r\nHost: localhost\r\n\r\n"
                       : fetch_of(plan_.topic, 1);
      return all.substr(0, 1 + kernel().below(all.size() - 1));
    case VandalPlan::Kind::kDeaf:
      for (std::size_t i = 0; i < kDeafRequests; ++i) {
        all += plan_.http ? "GET /v1/topics HTTP/1.1\r\nHost: localhost\r\n\r\n"
                          : fetch_of(plan_.topic, static_cast<std::int32_t>(i));
      }
      return all;
  }
  return all;
}

}  // namespace duolog::sim
