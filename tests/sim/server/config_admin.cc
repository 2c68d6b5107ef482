#include "tests/sim/server/config_admin.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "net/kafka/configs.h"

namespace duolog::sim {

using kafka::ErrorCode;

namespace {

constexpr std::int16_t kDescribeVersion = 4;
constexpr std::int16_t kReplaceVersion = 2;
constexpr std::int16_t kChangeVersion = 1;
constexpr std::int8_t kOfTopic = 2;
constexpr std::int8_t kSetOperation = 0;
constexpr std::int8_t kUnsetOperation = 1;
constexpr std::int8_t kOwnOfTopic = 1;  // DYNAMIC_TOPIC_CONFIG

// Settings that change nothing that clients see, and the least value that does not.
constexpr std::array<std::pair<const char*, std::uint64_t>, 4> kSettings{{
    {"retention.ms", 604'800'000},
    {"retention.bytes", 1'073'741'824},
    {"max.message.bytes", 10'485'760},
    {"file.delete.delay.ms", 60'000},
}};

}  // namespace

SimConfigAdmin::SimConfigAdmin(World& world, std::string name, ConfigPlan plan)
    : Client(world, name), plan_(std::move(plan)), peer_(world.kernel, world.oracle, name) {}

std::string SimConfigAdmin::describe() const {
  return fmt::format("{}: {} operations of {}, now {}; last error: {}", name(), made_,
                     plan_.operations, std::to_underlying(kind_), last_error_);
}

void SimConfigAdmin::on_turn() {
  while (auto response = peer_.take()) on_response(*response);
  if (done_) return peer_.drop();
  act_in_us(kRetryUs);
  const bool late = kernel().now_ns() - peer_.waits_since_ns() > kAnswerWithinUs * 1'000;
  if ((peer_.ended() || late) && !peer_.connect()) return;
  if (peer_.unanswered() > 0) return;
  if (!under_way_) choose();
  send();
}

void SimConfigAdmin::choose() {
  under_way_ = true;
  kind_ = Kind::kAsk;
  changes_.clear();
  if (made_++ >= plan_.operations) return;  // the last look
  kind_ = static_cast<Kind>(kernel().below(4));
  if (kind_ == Kind::kAsk) return;
  topic_ = plan_.topics[kernel().below(plan_.topics.size())];
  const auto& [name, least] = kSettings[kernel().below(kSettings.size())];
  // What it does not name is unset by a replacement.
  if (kind_ == Kind::kReplace) changes_ = world_.configs.known(topic_.id);
  if (kind_ == Kind::kUnset) {
    changes_[name] = std::nullopt;
  } else {
    changes_[name] = std::to_string(least + kernel().below(1'000));
  }
  if (kind_ == Kind::kReplace && kernel().below(2) == 0) {
    changes_[kSettings[kernel().below(kSettings.size())].first] = std::nullopt;
  }
  for (const auto& [changed, value] : changes_) {
    world_.configs.changing(topic_.id, changed, value);
  }
}

void SimConfigAdmin::send() {
  if (kind_ == Kind::kAsk) return ask();
  kind_ == Kind::kReplace ? send_replacement() : send_change();
}

void SimConfigAdmin::send_change() {
  using Resource = kafka::IncrementalAlterConfigsRequest::Resource;
  std::vector<Resource::Config> configs;
  for (const auto& [changed, value] : changes_) {
    configs.push_back({.name = changed,
                       .config_operation = value ? kSetOperation : kUnsetOperation,
                       .value = value ? kafka::NullableString(*value) : std::nullopt});
  }
  Resource resource{
      .resource_type = kOfTopic, .resource_name = topic_.name, .configs = std::span(configs)};
  peer_.send(kChangeVersion,
             kafka::IncrementalAlterConfigsRequest{.resources = std::span(&resource, 1)}, 0);
}

void SimConfigAdmin::send_replacement() {
  using Resource = kafka::AlterConfigsRequest::Resource;
  std::vector<Resource::Config> configs;
  for (const auto& [changed, value] : changes_) {
    if (value) configs.push_back({.name = changed, .value = *value});
  }
  Resource resource{
      .resource_type = kOfTopic, .resource_name = topic_.name, .configs = std::span(configs)};
  peer_.send(kReplaceVersion, kafka::AlterConfigsRequest{.resources = std::span(&resource, 1)}, 0);
}

void SimConfigAdmin::ask() {
  std::vector<kafka::DescribeConfigsRequest::Resource> resources;
  for (const ConfiguredTopic& topic : plan_.topics) {
    resources.push_back({.resource_type = kOfTopic,
                         .resource_name = topic.name,
                         .configuration_keys = kafka::Array<std::string_view>::null()});
  }
  peer_.send(kDescribeVersion, kafka::DescribeConfigsRequest{.resources = std::span(resources)}, 0);
}

void SimConfigAdmin::on_response(KafkaPeer::Response& response) {
  if (response.api == kafka::ApiKey::kDescribeConfigs) return on_described(response);
  const auto one_error = [&](auto message) {
    if (!response.read(oracle(), message)) return;
    if (message.responses.size() != 1) return oracle().wrong(name() + ": not the one answer");
    on_changed(message.responses[0].error_code);
  };
  if (response.api == kafka::ApiKey::kAlterConfigs) return one_error(kafka::AlterConfigsResponse());
  one_error(kafka::IncrementalAlterConfigsResponse());
}

void SimConfigAdmin::on_described(KafkaPeer::Response& response) {
  kafka::DescribeConfigsResponse message;
  if (!response.read(oracle(), message)) return;
  if (message.results.size() != plan_.topics.size()) {
    return oracle().wrong(name() + ": not as many answers as topics");
  }
  for (std::size_t i = 0; i < plan_.topics.size(); ++i) {
    const auto& result = message.results[i];
    if (result.error_code != ErrorCode::kNone || result.resource_name != plan_.topics[i].name) {
      last_error_ = std::string(kafka::name(result.error_code));
      return oracle().wrong(
          fmt::format("{}: {} is described with {}", name(), plan_.topics[i].name, last_error_));
    }
    ConfigValues found;
    for (const auto& config : result.configs) {
      if (config.config_source != kOwnOfTopic) continue;
      found[std::string(config.name)] = std::string(config.value.value_or(""));
    }
    world_.configs.described(plan_.topics[i].id, found);
  }
  finish();
}

void SimConfigAdmin::on_changed(ErrorCode error) {
  last_error_ = std::string(kafka::name(error));
  switch (error) {
    case ErrorCode::kNone:
      break;
    case ErrorCode::kUnknownTopicOrPartition:
    case ErrorCode::kInvalidRequest:
    case ErrorCode::kInvalidConfig:
      return oracle().wrong(
          fmt::format("{}: {} is answered with {}", name(), topic_.name, last_error_));
    default:
      return;  // again, a little later
  }
  for (const auto& [changed, value] : changes_) {
    world_.configs.changed(topic_.id, changed, value);
  }
  finish();
}

void SimConfigAdmin::finish() {
  under_way_ = false;
  done_ = kind_ == Kind::kAsk && made_ > plan_.operations;
  act_in_us(kernel().below(30'000));
}

}  // namespace duolog::sim
