#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "engine/broker/cluster.h"
#include "engine/broker/config/describe_config.h"
#include "engine/runtime/log.h"
#include "engine/session/kafka_configs.h"
#include "engine/session/kafka_connection.h"
#include "engine/session/kafka_logger.h"
#include "net/kafka/configs.h"

namespace duolog::session {
namespace {

using broker::ConfigKey;
using broker::ConfigResource;
using broker::ConfigSource;
using kafka::ErrorCode;
using ResourceRequest = kafka::DescribeConfigsRequest::Resource;
using ResourceResponse = kafka::DescribeConfigsResponse::Resource;
using ConfigResponse = ResourceResponse::Config;

// One resource of a request.
class Describer {
 public:
  Describer(ResponseSlot& slot, const kafka::DescribeConfigsRequest& request,
            const ResourceRequest& asked, ResourceResponse& response)
      : slot_(slot),
        broker_(slot.connection.broker()),
        request_(request),
        asked_(asked),
        response_(response) {}

  void describe();

 private:
  void describe_topic();
  void describe_broker();
  void describe_logger();
  // Of a kind whose resources need not be there.
  void describe_named(ConfigResource resource);
  void list(ConfigResource resource, const broker::ConfigValues& given);
  void list_given_to_every_broker();
  // Whether it is this broker's number; refused otherwise.
  [[nodiscard]] bool is_this_broker();
  [[nodiscard]] bool wanted(std::string_view key) const;
  void add(ConfigResource resource, const ConfigKey& key, const broker::ConfigValues& given);
  void refuse(ErrorCode error, const std::string& message);
  [[nodiscard]] kafka::NullableString copy(const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    return slot_.arena.copy(*text);
  }

  ResponseSlot& slot_;
  broker::Broker& broker_;
  const kafka::DescribeConfigsRequest& request_;
  const ResourceRequest& asked_;
  ResourceResponse& response_;
  std::vector<ConfigResponse> configs_;
};

void Describer::describe() {
  response_.resource_type = asked_.resource_type;
  response_.resource_name = slot_.arena.copy(asked_.resource_name);
  response_.error_message = std::nullopt;
  const auto resource = static_cast<ConfigResource>(asked_.resource_type);
  switch (resource) {
    case ConfigResource::kTopic:
      describe_topic();
      break;
    case ConfigResource::kBroker:
      describe_broker();
      break;
    case ConfigResource::kBrokerLogger:
      describe_logger();
      break;
    case ConfigResource::kClientMetrics:
    case ConfigResource::kGroup:
      describe_named(resource);
      break;
    default:
      refuse(ErrorCode::kInvalidRequest,
             "Unsupported resource type: " + std::to_string(asked_.resource_type));
  }
  auto configs = slot_.arena.make<ConfigResponse>(configs_.size());
  std::ranges::copy(configs_, configs.begin());
  response_.configs = configs;
}

void Describer::describe_topic() {
  const std::string name(asked_.resource_name);
  if (!broker::authorize(slot_.connection.principal(), broker::Operation::kDescribeConfigs,
                         {.name = name})) {
    return refuse(ErrorCode::kTopicAuthorizationFailed, {});
  }
  if (!broker::is_valid_topic_name(name)) {
    return refuse(ErrorCode::kInvalidTopicException, "Topic name is invalid: '" + name + "'");
  }
  const broker::Topic* topic = broker_.find(name);
  if (!topic) {
    return refuse(ErrorCode::kUnknownTopicOrPartition, "The topic '" + name + "' does not exist.");
  }
  list(ConfigResource::kTopic, topic->config->overrides);
}

void Describer::describe_broker() {
  if (!broker::authorize(slot_.connection.principal(), broker::Operation::kDescribeConfigs,
                         {.type = broker::ResourceType::kCluster, .name = "kafka-cluster"})) {
    return refuse(ErrorCode::kClusterAuthorizationFailed, {});
  }
  if (asked_.resource_name.empty()) return list_given_to_every_broker();
  if (is_this_broker()) list(ConfigResource::kBroker, {});
}

void Describer::describe_logger() {
  if (!is_this_broker()) return;
  if (!wanted(kLogger)) return;
  configs_.push_back({.name = kLogger,
                      .value = slot_.arena.copy(level_name(runtime::log_level())),
                      .config_source = static_cast<std::int8_t>(ConfigSource::kBrokerLogger),
                      .documentation = std::nullopt});
}

void Describer::describe_named(ConfigResource resource) {
  if (asked_.resource_name.empty()) {
    return refuse(ErrorCode::kInvalidRequest, "The name of the resource is empty.");
  }
  list(resource, broker_.cluster().configs().of(resource, asked_.resource_name));
}

void Describer::list(ConfigResource resource, const broker::ConfigValues& given) {
  for (const ConfigKey* key : broker::config_keys(resource)) {
    if (wanted(key->name)) add(resource, *key, given);
  }
}

void Describer::list_given_to_every_broker() {
  const auto& given = broker_.cluster().configs().of(ConfigResource::kBroker, "");
  for (const auto& [name, value] : given) {
    const ConfigKey* key = broker::find_config_key(ConfigResource::kBroker, name);
    if (key == nullptr || !wanted(name)) continue;
    add(ConfigResource::kBroker, *key, given);
    ConfigResponse& added = configs_.back();
    added.value = std::nullopt;
    if (!key->is_sensitive()) added.value = slot_.arena.copy(value);
    added.config_source = static_cast<std::int8_t>(ConfigSource::kEveryBroker);
    // It is the only one that is of every broker.
    const auto own =
        std::ranges::find(added.synonyms, added.config_source, &ConfigResponse::Synonym::source);
    if (own != added.synonyms.end()) added.synonyms = std::span(own, 1);
  }
}

bool Describer::is_this_broker() {
  const std::string_view name = asked_.resource_name;
  std::int32_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  const std::int32_t here = broker_.options().node_id;
  if (error != std::errc() || end != name.data() + name.size()) {
    refuse(ErrorCode::kInvalidRequest,
           "Broker id must be an integer, but it is: " + std::string(name));
    return false;
  }
  if (id != here) {
    refuse(ErrorCode::kInvalidRequest, "Unexpected broker id, expected " + std::to_string(here) +
                                           ", but received " + std::string(name));
    return false;
  }
  return true;
}

// No keys, or a null of them, are all keys.
bool Describer::wanted(std::string_view key) const {
  if (asked_.configuration_keys.is_null()) return true;
  return std::ranges::find(asked_.configuration_keys, key) != asked_.configuration_keys.end();
}

void Describer::add(ConfigResource resource, const ConfigKey& key,
                    const broker::ConfigValues& given) {
  const auto description =
      broker::describe_config(resource, key, given, broker_.cluster().configs(), broker_.options());
  ConfigResponse added{.name = key.name,
                       .value = copy(description.value),
                       .read_only = resource == ConfigResource::kBroker && key.is_read_only(),
                       .config_source = static_cast<std::int8_t>(description.source),
                       .is_sensitive = key.is_sensitive(),
                       .config_type = static_cast<std::int8_t>(key.type),
                       .documentation = std::nullopt};
  if (request_.include_synonyms) {
    auto synonyms = slot_.arena.make<ConfigResponse::Synonym>(description.synonyms.size());
    for (std::size_t i = 0; i < synonyms.size(); ++i) {
      const auto& synonym = description.synonyms[i];
      synonyms[i] = {.name = synonym.name,
                     .value = copy(synonym.value),
                     .source = static_cast<std::int8_t>(synonym.source)};
    }
    added.synonyms = synonyms;
  }
  if (request_.include_documentation) {
    added.documentation = slot_.arena.copy(key.documentation());
  }
  configs_.push_back(added);
}

void Describer::refuse(ErrorCode error, const std::string& message) {
  response_.error_code = error;
  if (!message.empty()) response_.error_message = slot_.arena.copy(message);
  slot_.connection.count_error(error);
}

}  // namespace

Result<void> describe_configs(ResponseSlot& slot, kafka::Reader& reader) {
  kafka::DescribeConfigsRequest request;
  if (auto decoded = kafka::decode(reader, slot.version, request); !decoded) return decoded;
  auto results = slot.arena.make<ResourceResponse>(request.resources.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    Describer(slot, request, request.resources[i], results[i]).describe();
  }
  slot.connection.answer(slot, kafka::DescribeConfigsResponse{.results = results});
  return {};
}

}  // namespace duolog::session
