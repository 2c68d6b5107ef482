#include "engine/broker/config_change.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "engine/broker/cluster.h"
#include "engine/broker/config/describe_config.h"
#include "storage/log_store.h"

namespace duolog::broker {
namespace {

using kafka::ErrorCode;
using Operation = NewConfigs::Operation;

std::string_view kind_in_message(ConfigResource resource) {
  if (resource == ConfigResource::kTopic) return "topic";
  return resource == ConfigResource::kGroup ? "group" : "client metrics";
}

// As Kafka has it.
ErrorCode bad_value_of(ConfigResource resource) {
  return resource == ConfigResource::kTopic || resource == ConfigResource::kGroup
             ? ErrorCode::kInvalidConfig
             : ErrorCode::kInvalidRequest;
}

// `list` with `items` at its end, or without them; items that are there already stay where they
// are.
std::string changed_list(std::string_view list, std::string_view items, bool append) {
  auto kept = config_list(list);
  const auto named = config_list(items);
  if (append) {
    std::set<std::string_view> there(kept.begin(), kept.end());
    for (const std::string_view item : named) {
      if (there.insert(item).second) kept.push_back(item);
    }
  } else {
    const std::set<std::string_view> gone(named.begin(), named.end());
    std::erase_if(kept, [&gone](std::string_view item) { return gone.contains(item); });
  }
  std::string text;
  for (const std::string_view item : kept) {
    if (!text.empty()) text += ',';
    text += item;
  }
  return text;
}

}  // namespace

void ConfigChange::start(Cluster& cluster, NewConfigs wanted, Done done) {
  auto* change = new ConfigChange(cluster, std::move(wanted), std::move(done));
  TopicOutcome checked = change->check();
  const bool over = change->wanted_.validate_only || !change->changed_;
  if (checked.error != ErrorCode::kNone || over) return change->finish(std::move(checked));
  change->record();
}

TopicOutcome ConfigChange::check() {
  return wanted_.resource == ConfigResource::kTopic ? check_topic() : check_resource();
}

TopicOutcome ConfigChange::check_topic() {
  topic_ = cluster_.broker(kController).find(wanted_.name);
  if (!topic_) {
    return {ErrorCode::kUnknownTopicOrPartition, "The topic '" + wanted_.name + "' does not exist.",
            nullptr};
  }
  if (auto applied = apply(topic_->config->overrides); applied.error != ErrorCode::kNone) {
    return applied;
  }
  auto config = make_topic_config(cluster_.configs().topic_defaults, values_);
  if (!config) return {ErrorCode::kInvalidConfig, config.error().message, nullptr};
  changed_ = config->overrides != topic_->config->overrides;
  values_ = config->overrides;
  topic_config_ = std::move(*config);
  return {};
}

TopicOutcome ConfigChange::check_resource() {
  const StoredConfigs& now = cluster_.configs();
  if (auto keys = check_keys(); keys.error != ErrorCode::kNone) return keys;
  const ConfigValues& before = now.of(wanted_.resource, wanted_.name);
  if (auto applied = apply(before); applied.error != ErrorCode::kNone) return applied;
  const ErrorCode bad_value = bad_value_of(wanted_.resource);
  for (auto& [name, value] : values_) {
    const ConfigKey* key = find_config_key(wanted_.resource, name);
    if (!key) continue;
    auto checked = check_config_value(*key, value);
    if (!checked) return {bad_value, checked.error().message, nullptr};
    value = std::move(*checked);
    if (wanted_.resource != ConfigResource::kBroker) continue;
    const ConfigKey* topic_key = topic_key_of(name);
    if (!topic_key) continue;
    // It has to be one for topics, too.
    if (auto of_topic = check_config_value(*topic_key, value); !of_topic) {
      return {bad_value, of_topic.error().message, nullptr};
    }
  }
  changed_ = values_ != before;
  return check_room(before);
}

TopicOutcome ConfigChange::check_room(const ConfigValues& before) const {
  const StoredConfigs& now = cluster_.configs();
  const Options& options = cluster_.options();
  if (before.empty() && !values_.empty() && now.resources.size() >= options.max_config_resources) {
    cluster_.count_refusal();
    return {ErrorCode::kPolicyViolation,
            "The limit of " + std::to_string(options.max_config_resources) +
                " brokers, groups and subscriptions with settings is reached",
            nullptr};
  }
  const std::size_t was = config_bytes(wanted_.name, before);
  const std::size_t is = config_bytes(wanted_.name, values_);
  if (is > was && now.bytes - was + is > options.max_config_bytes) {
    cluster_.count_refusal();
    return {ErrorCode::kPolicyViolation,
            "The limit of " + std::to_string(options.max_config_bytes) +
                " bytes for the settings of all brokers, groups and subscriptions is reached",
            nullptr};
  }
  return {};
}

StoredConfigs ConfigChange::stored_after() const {
  auto resources = cluster_.configs().resources;
  const std::pair which(static_cast<std::int32_t>(wanted_.resource), wanted_.name);
  if (values_.empty()) {
    resources.erase(which);
  } else {
    resources[which] = values_;
  }
  const Options& options = cluster_.options();
  return make_stored_configs(std::move(resources), options.topic_defaults, options.node_id);
}

// A broker may be given keys that only plugins know. The texts are Kafka's.
TopicOutcome ConfigChange::check_keys() const {
  for (const NewConfigs::Setting& setting : wanted_.settings) {
    const ConfigKey* key = find_config_key(wanted_.resource, setting.name);
    if (wanted_.resource != ConfigResource::kBroker) {
      if (key || setting.operation == Operation::kDelete) continue;
      return {bad_value_of(wanted_.resource),
              "Unknown " + std::string(kind_in_message(wanted_.resource)) +
                  " config name: " + setting.name,
              nullptr};
    }
    if (key && key->is_read_only()) {
      return {ErrorCode::kInvalidRequest,
              "Cannot update these configs dynamically: Set(" + setting.name + ")", nullptr};
    }
    if (key && (key->traits & kOneBroker) != 0 && wanted_.name.empty()) {
      return {ErrorCode::kInvalidRequest,
              "Cannot update these configs at default cluster level, broker id must be specified: "
              "Set(" +
                  setting.name + ")",
              nullptr};
    }
  }
  return {};
}

// Fills in `values_`.
TopicOutcome ConfigChange::apply(const ConfigValues& now) {
  if (!wanted_.replace) values_ = now;
  for (const NewConfigs::Setting& setting : wanted_.settings) {
    const bool append = setting.operation == Operation::kAppend;
    if (setting.operation == Operation::kDelete) {
      values_.erase(setting.name);
    } else if (setting.operation == Operation::kSet) {
      values_[setting.name] = setting.value;
    } else {
      const ConfigKey* key = find_config_key(wanted_.resource, setting.name);
      if (!key || key->type != ConfigType::kList) {
        return {ErrorCode::kInvalidConfig,
                std::string("Can't ") + (append ? "APPEND" : "SUBTRACT") + " to key " +
                    setting.name + " because its type is not LIST.",
                nullptr};
      }
      values_[setting.name] = changed_list(value_before(setting, *key), setting.value, append);
    }
  }
  return {};
}

std::string ConfigChange::value_before(const NewConfigs::Setting& setting,
                                       const ConfigKey& key) const {
  if (const auto at = values_.find(setting.name); at != values_.end()) return at->second;
  return describe_config(wanted_.resource, key, {}, {cluster_.configs(), cluster_.options()})
      .value.value_or("");
}

void ConfigChange::record() {
  auto outcome = std::make_unique<Result<void>>();
  auto* result = outcome.get();
  cluster_.broker(kController)
      .shard()
      .run_on_janitor(
          [this, result] {
            const auto type = static_cast<std::int32_t>(wanted_.resource);
            *result = topic_ ? cluster_.catalog_.set_configs(topic_->id, values_)
                             : cluster_.catalog_.set_resource_configs(type, wanted_.name, values_);
          },
          [this, outcome = std::move(outcome)] { recorded(*outcome); });
}

void ConfigChange::recorded(const Result<void>& outcome) {
  if (!outcome) {
    const bool too_large = outcome.error().code == Errc::kTooLarge;
    return finish({too_large ? ErrorCode::kInvalidConfig : ErrorCode::kKafkaStorageError,
                   outcome.error().message, nullptr});
  }
  cluster_.change_log_.altered(wanted_);
  if (topic_) {
    publish_topic(*topic_, std::move(*topic_config_));
  } else {
    publish_defaults();
  }
  if (published_.empty()) return finish({});
  cluster_.on_every_shard(
      [this](Broker& broker) {
        for (Topic* topic : published_) broker.configure(*topic);
      },
      [this] { finish({ErrorCode::kNone, {}, topic_}); });
}

void ConfigChange::publish_topic(Topic& topic, TopicConfig config) {
  auto old = topic.config.publish(std::move(config));
  cluster_.broker(kController).store().retired().retire([old = std::move(old)] {});
  published_.push_back(&topic);
}

// What a broker was given goes for every topic that says nothing else.
void ConfigChange::publish_defaults() {
  StoredConfigs next = stored_after();
  const bool same = same_defaults(next.topic_defaults, cluster_.configs().topic_defaults);
  auto old = cluster_.configs_.publish(std::move(next));
  cluster_.broker(kController).store().retired().retire([old = std::move(old)] {});
  if (same) return;
  for (const auto& topic : cluster_.topics_) {
    publish_topic(*topic,
                  stored_topic_config(cluster_.configs().topic_defaults, topic->config->overrides));
  }
}

void ConfigChange::finish(TopicOutcome outcome) {
  done_(std::move(outcome));
  Cluster& cluster = cluster_;
  delete this;
  cluster.next_change();
}

}  // namespace duolog::broker
