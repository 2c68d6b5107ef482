// The table of settings beside the list of Kafka's keys: each says what the other needs.
#include "engine/server/broker_settings.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "engine/broker/config/config_key.h"
#include "engine/broker/config/describe_config.h"
#include "engine/server/config_property.h"

namespace duolog::server {
namespace {

using broker::ConfigKey;
using broker::ConfigResource;
using Kind = KafkaKey::Kind;

const ConfigKey* key_of(const Property& property) {
  return broker::find_config_key(ConfigResource::kBroker, broker_key(property));
}

// As `serve` hands them to the broker.
broker::Options options_of(const Config& config) {
  broker::Options options = config.broker;
  options.broker_settings = broker_settings(config);
  return options;
}

TEST(BrokerSettingsTest, ASettingsKeyIsABrokersAndHasAnEffect) {
  for (const Property& property : properties()) {
    if (property.kafka.kind == Kind::kNone) continue;
    const ConfigKey* key = key_of(property);
    ASSERT_NE(key, nullptr) << property.name << ": " << property.kafka.name;
    EXPECT_TRUE(key->has_effect()) << property.name << ": " << key->name;
  }
}

TEST(BrokerSettingsTest, ASettingsKeyMayBeAlteredIfAndOnlyIfItsRowSaysHow) {
  for (const Property& property : properties()) {
    if (property.kafka.kind == Kind::kNone) continue;
    const ConfigKey* key = key_of(property);
    ASSERT_NE(key, nullptr) << property.name;
    EXPECT_EQ(key->is_read_only(), property.kafka.kind == Kind::kAtStart) << property.name;
  }
}

TEST(BrokerSettingsTest, ABrokersKeyHasAnEffectIfAndOnlyIfItsValueComesFromSomewhere) {
  const broker::Options options = options_of({});
  for (const ConfigKey* key : broker::config_keys(ConfigResource::kBroker)) {
    if (key->name == "process.roles") continue;  // nothing depends on it, but it is known
    EXPECT_EQ(broker::configured_value(*key, options).has_value(), key->has_effect()) << key->name;
  }
}

TEST(BrokerSettingsTest, EveryValueIsOfAKeyThatABrokerHas) {
  for (const auto& [name, value] : broker_settings({})) {
    const ConfigKey* key = broker::find_config_key(ConfigResource::kBroker, name);
    ASSERT_NE(key, nullptr) << name;
    const auto checked = broker::check_config_value(*key, value);
    EXPECT_TRUE(checked && *checked == value) << name << " = " << value;
  }
}

TEST(BrokerSettingsTest, NoTwoRowsHaveTheSameKeyOrTheSamePlace) {
  std::set<std::string_view> keys;
  std::set<const void*> places;
  Config config;
  for (const Property& property : properties()) {
    const void* place =
        std::visit([&config](auto of) -> const void* { return &of(config); }, property.field);
    EXPECT_TRUE(places.insert(place).second) << property.name;
    if (property.kafka.kind == Kind::kNone) continue;
    EXPECT_TRUE(keys.insert(broker_key(property)).second) << property.name;
  }
}

TEST(BrokerSettingsTest, ASettingsDefaultIsItsKeys) {
  const Config defaults;
  for (const Property& property : properties()) {
    if (property.kafka.kind == Kind::kNone || property.name == "kafka") continue;
    const ConfigKey* key = key_of(property);
    ASSERT_NE(key, nullptr) << property.name;
    if (!key->default_value) continue;
    EXPECT_EQ(kafka_value(property, defaults), key->default_value) << property.name;
  }
}

TEST(BrokerSettingsTest, ATopicDefaultIsWhatItsTopicsKeySaysOfTopics) {
  const auto of_topics = [](const Property& property, const Config& config) {
    return broker::topic_default(config.broker.topic_defaults, property.kafka.name);
  };
  for (const Property& property : properties()) {
    if (property.kafka.kind != Kind::kTopicDefault) continue;
    Config config;
    EXPECT_EQ(of_topics(property, config), kafka_value(property, config)) << property.name;
    const std::string least = std::to_string(property.number.min + 1);
    ASSERT_TRUE(set_property(property, config, least)) << property.name;
    EXPECT_EQ(of_topics(property, config), kafka_value(property, config)) << property.name;
    EXPECT_NE(of_topics(property, config), of_topics(property, {})) << property.name;
  }
}

TEST(BrokerSettingsTest, ValuesAreAsKafkaWritesThem) {
  ConfigSources sources;
  sources.command_line = {{"kafka", "[::1]:9093"},         {"connections-max-idle-ms", "2h"},
                          {"auto-create-topics", "false"}, {"offsets-retention-minutes", "7"},
                          {"retention-ms", "0"},           {"data-dir", "/d"}};
  Config config = load_config(sources).value();
  broker::BrokerSettings settings = broker_settings(config);
  EXPECT_EQ(settings["listeners"], "PLAINTEXT://[::1]:9093");
  EXPECT_EQ(settings["advertised.listeners"], "PLAINTEXT://[::1]:9093");
  EXPECT_EQ(settings["connections.max.idle.ms"], "7200000");
  EXPECT_EQ(settings["auto.create.topics.enable"], "false");
  EXPECT_EQ(settings["offsets.retention.minutes"], "7");
  EXPECT_EQ(settings["log.dirs"], "/d");
  EXPECT_EQ(kafka_value(*find_property("retention-ms"), config), "-1");
  config.advertise = HostPort{"log.example.com", 1};
  EXPECT_EQ(broker_settings(config)["advertised.listeners"], "PLAINTEXT://log.example.com:1");
}

}  // namespace
}  // namespace duolog::server
