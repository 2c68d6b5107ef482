#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/broker/cluster.h"
#include "engine/broker/config/describe_config.h"
#include "engine/runtime/log.h"
#include "engine/session/kafka/connection.h"
#include "engine/session/kafka/requests/config_access.h"
#include "engine/session/kafka/requests/handlers.h"
#include "engine/session/kafka/requests/logger.h"
#include "engine/session/kafka/requests/refusal.h"
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

// What the resources of a request have in common.
struct Listing {
  Listing(ResponseSlot& its_slot, const kafka::DescribeConfigsRequest& its_request)
      : slot(its_slot),
        request(its_request),
        stored(slot.connection.broker().cluster().configs()),
        sources(stored, slot.connection.broker().options()),
        max_bytes(slot.connection.sessions().settings().max_listed_config_bytes) {}

  ResponseSlot& slot;
  const kafka::DescribeConfigsRequest& request;
  const broker::StoredConfigs& stored;
  const broker::ConfigSources sources;
  const std::uint64_t max_bytes;
  std::uint64_t bytes = 0;  // about what the answer takes, on the wire and in memory
};

// One resource of a request.
class Describer {
 public:
  Describer(Listing& listing, const ResourceRequest& asked, ResourceResponse& response)
      : listing_(listing),
        slot_(listing.slot),
        broker_(slot_.connection.broker()),
        asked_(asked),
        response_(response) {}

  void describe();

 private:
  void describe_resource(ConfigResource resource);
  void describe_topic();
  void describe_broker();
  void describe_logger();
  // Of a kind whose resources need not be there.
  void describe_named(ConfigResource resource);
  void list(ConfigResource resource, const broker::ConfigValues& given);
  void list_given_to_every_broker();
  // Whether it is this broker's number; refused otherwise.
  [[nodiscard]] bool is_this_broker();
  // No keys, or a null of them, are all keys.
  [[nodiscard]] bool wants_all() const {
    return asked_.configuration_keys.is_null() || asked_.configuration_keys.empty();
  }
  void want_keys(ConfigResource resource);
  [[nodiscard]] bool wanted(const ConfigKey* key) const {
    return wants_all() || keys_.contains(key);
  }
  void add(ConfigResource resource, const ConfigKey& key, const broker::ConfigValues& given);
  void refuse(ErrorCode error, std::string_view message);
  void refuse_too_much();
  // Into the answer.
  [[nodiscard]] std::string_view copy(std::string_view text) {
    listing_.bytes += text.size();
    return slot_.arena.copy(text);
  }
  [[nodiscard]] kafka::NullableString copy_or_null(const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    return copy(*text);
  }

  Listing& listing_;
  ResponseSlot& slot_;
  broker::Broker& broker_;
  const ResourceRequest& asked_;
  ResourceResponse& response_;
  std::set<const ConfigKey*> keys_;  // asked for by name
  std::vector<ConfigResponse> configs_;
};

void Describer::describe() {
  response_.resource_type = asked_.resource_type;
  response_.resource_name = asked_.resource_name;
  response_.error_message = std::nullopt;
  if (listing_.bytes > listing_.max_bytes) return refuse_too_much();
  listing_.bytes += sizeof response_ + asked_.resource_name.size();
  const auto resource = static_cast<ConfigResource>(asked_.resource_type);
  want_keys(resource);
  describe_resource(resource);
  auto configs = slot_.arena.make<ConfigResponse>(configs_.size());
  std::ranges::copy(configs_, configs.begin());
  response_.configs = configs;
}

void Describer::describe_resource(ConfigResource resource) {
  const Refusal refusal = check_config_access(slot_, resource, asked_.resource_name);
  if (refusal.error != ErrorCode::kNone) return refuse(refusal.error, refusal.message);
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
}

void Describer::describe_topic() {
  const std::string name(asked_.resource_name);
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
  if (asked_.resource_name.empty()) return list_given_to_every_broker();
  if (is_this_broker()) list(ConfigResource::kBroker, {});
}

void Describer::describe_logger() {
  if (!is_this_broker()) return;
  if (!wants_all() &&
      std::ranges::find(asked_.configuration_keys, kLogger) == asked_.configuration_keys.end()) {
    return;
  }
  configs_.push_back({.name = kLogger,
                      .value = level_name(runtime::log_level()),
                      .config_source = static_cast<std::int8_t>(ConfigSource::kBrokerLogger),
                      .documentation = std::nullopt});
}

void Describer::describe_named(ConfigResource resource) {
  if (asked_.resource_name.empty()) {
    return refuse(ErrorCode::kInvalidRequest, "The name of the resource is empty.");
  }
  list(resource, listing_.stored.of(resource, asked_.resource_name));
}

void Describer::list(ConfigResource resource, const broker::ConfigValues& given) {
  for (const ConfigKey* key : broker::config_keys(resource)) {
    if (wanted(key)) add(resource, *key, given);
  }
}

void Describer::list_given_to_every_broker() {
  const auto& given = listing_.sources.every;
  for (const auto& [name, value] : given) {
    const ConfigKey* key = broker::find_config_key(ConfigResource::kBroker, name);
    if (key == nullptr || !wanted(key)) continue;
    add(ConfigResource::kBroker, *key, given);
    ConfigResponse& added = configs_.back();
    added.value = std::nullopt;
    if (!key->is_sensitive()) added.value = copy(value);
    added.config_source = static_cast<std::int8_t>(ConfigSource::kEveryBroker);
    // It is the only one that is of every broker.
    const auto own =
        std::ranges::find(added.synonyms, added.config_source, &ConfigResponse::Synonym::source);
    if (own != added.synonyms.end()) added.synonyms = std::span(own, 1);
  }
}

bool Describer::is_this_broker() {
  const Refusal refusal = check_broker_id(asked_.resource_name, broker_.options().node_id);
  if (refusal.error != ErrorCode::kNone) refuse(refusal.error, refusal.message);
  return refusal.error == ErrorCode::kNone;
}

void Describer::want_keys(ConfigResource resource) {
  for (const std::string_view name : asked_.configuration_keys) {
    if (const ConfigKey* key = broker::find_config_key(resource, name)) keys_.insert(key);
  }
}

void Describer::add(ConfigResource resource, const ConfigKey& key,
                    const broker::ConfigValues& given) {
  const auto description = broker::describe_config(resource, key, given, listing_.sources);
  ConfigResponse added{.name = key.name,
                       .value = copy_or_null(description.value),
                       .read_only = resource == ConfigResource::kBroker && key.is_read_only(),
                       .config_source = static_cast<std::int8_t>(description.source),
                       .is_sensitive = key.is_sensitive(),
                       .config_type = static_cast<std::int8_t>(key.type),
                       .documentation = std::nullopt};
  listing_.bytes += sizeof added + key.name.size();
  if (listing_.request.include_synonyms) {
    auto synonyms = slot_.arena.make<ConfigResponse::Synonym>(description.synonyms.size());
    for (std::size_t i = 0; i < synonyms.size(); ++i) {
      const auto& synonym = description.synonyms[i];
      listing_.bytes += sizeof synonyms[i] + synonym.name.size();
      synonyms[i] = {.name = synonym.name,
                     .value = copy_or_null(synonym.value),
                     .source = static_cast<std::int8_t>(synonym.source)};
    }
    added.synonyms = synonyms;
  }
  if (listing_.request.include_documentation) added.documentation = copy(key.documentation());
  configs_.push_back(added);
}

void Describer::refuse(ErrorCode error, std::string_view message) {
  response_.error_code = error;
  if (!message.empty()) response_.error_message = copy(message);
  slot_.connection.count_error(error);
}

// Without words after the first one: there may be millions of them.
void Describer::refuse_too_much() {
  const bool first = listing_.bytes != std::numeric_limits<std::uint64_t>::max();
  refuse(ErrorCode::kPolicyViolation, first ? "The answer would list more than " +
                                                  std::to_string(listing_.max_bytes) +
                                                  " bytes of settings: ask for fewer resources"
                                            : std::string());
  listing_.bytes = std::numeric_limits<std::uint64_t>::max();
  slot_.connection.sessions().counters().configs_refused.add();
}

// Each resource once, where it first stands.
std::vector<const ResourceRequest*> distinct(const kafka::DescribeConfigsRequest& request) {
  std::vector<const ResourceRequest*> resources;
  resources.reserve(request.resources.size());
  for (const ResourceRequest& asked : request.resources) resources.push_back(&asked);
  const auto which = [](const ResourceRequest* asked) {
    return std::pair(asked->resource_type, asked->resource_name);
  };
  std::ranges::stable_sort(resources, {}, which);
  const auto more = std::ranges::unique(resources, {}, which);
  resources.erase(more.begin(), more.end());
  std::ranges::sort(resources);  // as they stand in the request
  return resources;
}

}  // namespace

Result<void> describe_configs(ResponseSlot& slot, kafka::Reader& reader) {
  kafka::DescribeConfigsRequest request;
  if (auto decoded = kafka::decode(reader, slot.version, request); !decoded) return decoded;
  const auto resources = distinct(request);
  auto results = slot.arena.make<ResourceResponse>(resources.size());
  Listing listing(slot, request);
  for (std::size_t i = 0; i < results.size(); ++i) {
    Describer(listing, *resources[i], results[i]).describe();
  }
  slot.connection.answer(slot, kafka::DescribeConfigsResponse{.results = results});
  return {};
}

}  // namespace duolog::session
