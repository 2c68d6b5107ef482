// The table of settings, and what a value has to be.
#include "engine/broker/config/config_key.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "engine/broker/topic_config.h"

namespace duolog::broker {
namespace {

constexpr ConfigResource kKinds[] = {ConfigResource::kTopic, ConfigResource::kBroker,
                                     ConfigResource::kClientMetrics, ConfigResource::kGroup};

// What check_config_value says of a topic's setting.
std::string checked(std::string_view name, std::string_view value) {
  const ConfigKey* key = find_config_key(ConfigResource::kTopic, name);
  if (!key) return "no such key";
  const auto kept = check_config_value(*key, value);
  return kept ? *kept : kept.error().message;
}

TEST(ConfigKeyTest, EveryKeyOfAKafkaBrokerIsThere) {
  // As a Kafka 4.3 broker lists them; a topic has two of our own besides.
  EXPECT_EQ(config_keys(ConfigResource::kTopic).size(), 33U + 2U);
  EXPECT_EQ(config_keys(ConfigResource::kBroker).size(), 340U);
  EXPECT_EQ(config_keys(ConfigResource::kGroup).size(), 17U);
  EXPECT_EQ(config_keys(ConfigResource::kClientMetrics).size(), 3U);
}

TEST(ConfigKeyTest, EveryKeyIsFoundByItsNameAndItsDefaultIsAValueThatItMayHave) {
  for (const ConfigResource kind : kKinds) {
    std::set<std::string_view> names;
    for (const ConfigKey* key : config_keys(kind)) {
      EXPECT_TRUE(names.insert(key->name).second) << key->name;
      EXPECT_EQ(find_config_key(kind, key->name), key);
      if (!key->default_value) continue;
      const auto kept = check_config_value(*key, key->default_value);
      EXPECT_TRUE(kept.has_value() && *kept == key->default_value) << key->name;
    }
  }
}

TEST(ConfigKeyTest, EveryKeyIsDocumentedInOneSentenceAndSaysWhenItHasNoEffect) {
  for (const ConfigResource kind : kKinds) {
    for (const ConfigKey* key : config_keys(kind)) {
      EXPECT_TRUE(key->doc.ends_with('.')) << key->name;
      EXPECT_EQ(key->doc.find(". "), std::string_view::npos) << key->name;
      EXPECT_EQ(key->documentation().ends_with("It has no effect here."), !key->has_effect())
          << key->name;
    }
  }
}

TEST(ConfigKeyTest, SynonymsAreKeysOfABroker) {
  for (const ConfigResource kind : kKinds) {
    for (const ConfigKey* key : config_keys(kind)) {
      for (const std::string_view synonym : key->synonyms) {
        EXPECT_TRUE(synonym.empty() || find_config_key(ConfigResource::kBroker, synonym))
            << key->name << " " << synonym;
      }
    }
  }
}

TEST(ConfigKeyTest, ATopicsKeyHasAnEffectIfAndOnlyIfSomethingReadsIt) {
  const TopicConfig defaults;
  for (const ConfigKey* key : config_keys(ConfigResource::kTopic)) {
    const auto value = topic_default(defaults, key->name);
    EXPECT_EQ(value.has_value(), key->has_effect()) << key->name;
    EXPECT_EQ(value.value_or(key->default_value ? key->default_value : ""),
              key->default_value ? key->default_value : "")
        << key->name;
  }
}

TEST(ConfigKeyTest, ABrokersKeyIsATopicDefaultIfAndOnlyIfATopicsKeyNamesItFirst) {
  for (const ConfigKey* key : config_keys(ConfigResource::kBroker)) {
    const bool is_default = (key->traits & kTopicDefault) != 0;
    EXPECT_EQ(is_default, topic_key_of(key->name) != nullptr) << key->name;
    EXPECT_TRUE(!is_default || key->traits == kTopicDefault) << key->name << " says it twice";
  }
}

TEST(ConfigKeyTest, ABrokersKeyWithAnEffectMayBeAlteredOnlyAsATopicDefault) {
  // Nothing else takes its value again while the server runs.
  for (const ConfigKey* key : config_keys(ConfigResource::kBroker)) {
    if (key->has_effect() && !key->is_read_only()) {
      EXPECT_EQ(key->traits, kTopicDefault) << key->name;
    }
  }
}

TEST(ConfigKeyTest, NumbersAreKeptInTheirShortestForm) {
  EXPECT_EQ(checked("retention.ms", " 007 "), "7");
  EXPECT_EQ(checked("retention.ms", "+7"), "7");
  EXPECT_EQ(checked("retention.ms", "-1"), "-1");
  EXPECT_EQ(checked("min.cleanable.dirty.ratio", "0.25"), "0.25");
}

TEST(ConfigKeyTest, WhatIsNoNumberOrOutOfRangeIsRefusedWithTheReason) {
  const std::string of_retention = " for configuration retention.ms: ";
  EXPECT_EQ(checked("retention.ms", "soon"),
            "Invalid value soon" + of_retention + "Not a number of type LONG");
  EXPECT_EQ(checked("retention.ms", "-2"),
            "Invalid value -2" + of_retention + "Value must be at least -1");
  EXPECT_EQ(checked("retention.ms", "9223372036854775808"),
            "Invalid value 9223372036854775808" + of_retention + "Not a number of type LONG");
  EXPECT_EQ(checked("min.cleanable.dirty.ratio", "1.5"),
            "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more "
            "than 1");
  EXPECT_EQ(checked("compression.gzip.level", "-1"), "-1");
  EXPECT_NE(checked("compression.gzip.level", "0"), "0");
}

TEST(ConfigKeyTest, WordsAndListsHoldOnlyWhatIsKnown) {
  EXPECT_EQ(checked("cleanup.policy", "compact , delete"), "compact,delete");
  EXPECT_EQ(checked("cleanup.policy", "delete,delete"), "delete");
  EXPECT_EQ(checked("cleanup.policy", "delete,none"),
            "Invalid value none for configuration cleanup.policy: String must be one of: compact, "
            "delete");
  EXPECT_NE(checked("message.timestamp.type", "logappendtime"), "logappendtime");
  EXPECT_EQ(checked("preallocate", "TRUE"), "true");
  EXPECT_NE(checked("preallocate", "yes"), "yes");
  EXPECT_EQ(checked("leader.replication.throttled.replicas", "0:1,1:1"), "0:1,1:1");
  EXPECT_NE(checked("leader.replication.throttled.replicas", "zero"), "zero");
}

TEST(ConfigKeyTest, SettingsThatContradictEachOtherAreRefusedTogether) {
  const TopicConfig defaults;
  EXPECT_TRUE(make_topic_config(defaults, {{"max.compaction.lag.ms", "5"}}));
  EXPECT_FALSE(make_topic_config(defaults,
                                 {{"max.compaction.lag.ms", "5"}, {"min.compaction.lag.ms", "6"}}));
  EXPECT_FALSE(make_topic_config(defaults, {{"remote.storage.enable", "true"}}));
}

}  // namespace
}  // namespace duolog::broker
