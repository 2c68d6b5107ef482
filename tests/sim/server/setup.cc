#include "tests/sim/server/setup.h"

#include "engine/base/uuid.h"
#include "net/kafka/topics.h"

namespace duolog::sim {

namespace {

constexpr std::int16_t kCreateVersion = 7;

}  // namespace

SimSetup::SimSetup(World& world, std::vector<NewSimTopic> topics)
    : Client(world, "setup"),
      topics_(std::move(topics)),
      peer_(world.kernel, world.oracle, "setup") {}

void SimSetup::on_turn() {
  while (auto response = peer_.take()) {
    kafka::CreateTopicsResponse message;
    if (!response->read(oracle(), message)) return;
    for (const auto& topic : message.topics) {
      if (topic.error_code != kafka::ErrorCode::kNone) {
        oracle().wrong("setup: " + std::string(topic.name) + ": " +
                       std::string(kafka::name(topic.error_code)));
      }
      ids_[std::string(topic.name)] = to_text(topic.topic_id);
      world_.topics.created(std::string(topic.name), to_text(topic.topic_id), topic.num_partitions);
      for (const NewSimTopic& made : topics_) {
        if (made.name != topic.name) continue;
        for (const auto& [key, value] : made.configs) {
          world_.configs.changed(to_text(topic.topic_id), key, value);
        }
      }
    }
  }
  if (done()) return peer_.drop();
  act_in_us(kRetryUs);
  if (peer_.ended() && !peer_.connect()) return;
  if (peer_.unanswered() > 0) return;
  std::vector<kafka::CreateTopicsRequest::Topic> topics;
  std::vector<std::vector<kafka::CreateTopicsRequest::Topic::Config>> configs(topics_.size());
  for (std::size_t i = 0; i < topics_.size(); ++i) {
    for (const auto& [key, value] : topics_[i].configs) configs[i].push_back({key, value});
    topics.push_back({.name = topics_[i].name,
                      .num_partitions = topics_[i].partitions,
                      .replication_factor = 1,
                      .configs = std::span(configs[i])});
  }
  peer_.send(kCreateVersion,
             kafka::CreateTopicsRequest{.topics = std::span(topics), .timeout_ms = 30'000}, 0);
}

}  // namespace duolog::sim
