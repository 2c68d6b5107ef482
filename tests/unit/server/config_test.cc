#include "engine/server/config.h"

#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/server/config_property.h"

namespace duolog::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class ConfigTest : public ::testing::Test {
 protected:
  // Writes the file that load_config then reads.
  void write_file(const std::string& text) {
    sources_.file = ::testing::TempDir() + "config_test_" +
                    ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".toml";
    std::ofstream(sources_.file) << text;
  }

  [[nodiscard]] std::string error() const {
    const Result<Config> config = load_config(sources_);
    return config ? "" : config.error().message;
  }

  ConfigSources sources_;
};

TEST_F(ConfigTest, HasDefaultsWithoutAnySource) {
  const Config config = load_config(sources_).value();
  EXPECT_EQ(config.data_dir, "./duolog-data");
  EXPECT_EQ(config.kafka_address, (HostPort{"127.0.0.1", 9092}));
  EXPECT_EQ(config.broker.topic_defaults.max_message_bytes, 1'048'588u);
  EXPECT_FALSE(config.advertise.has_value());
}

TEST_F(ConfigTest, EveryDefaultIsAcceptedByItsOwnRow) {
  const Config defaults;
  for (const Property& property : properties()) {
    Config config;
    const std::string value = property_value(property, defaults);
    const Result<void> set = set_property(property, config, value);
    EXPECT_TRUE(set.has_value()) << property.name << " = " << value;
    EXPECT_EQ(property_value(property, config), value) << property.name;
  }
}

TEST_F(ConfigTest, EveryBoundIsReadAndWrittenBack) {
  for (const Property& property : properties()) {
    if (property.number.max == 0) continue;
    for (const std::uint64_t bound : {property.number.min, property.number.max}) {
      Config config;
      ASSERT_TRUE(set_property(property, config, std::to_string(bound))) << property.name;
      Config again;
      ASSERT_TRUE(set_property(property, again, property_value(property, config)));
      EXPECT_EQ(property_value(property, again), property_value(property, config));
      if (property.kafka.text != nullptr) continue;
      const std::string digits =
          bound == 0 && property.number.zero_is_unlimited ? "-1" : std::to_string(bound);
      EXPECT_EQ(kafka_value(property, again), digits) << property.name;
    }
  }
}

TEST_F(ConfigTest, KafkaHasCompactionsShareOfTheDiskAsADouble) {
  const Property* row = find_property("log-cleaner-io-max-bytes-per-second");
  ASSERT_NE(row, nullptr);
  Config config;
  EXPECT_EQ(kafka_value(*row, config), "1.7976931348623157E308");
  ASSERT_TRUE(set_property(*row, config, "1MiB"));
  EXPECT_EQ(kafka_value(*row, config), "1048576.0");
}

TEST_F(ConfigTest, ANumberIsKeptAsItsRoomNeedsIt) {
  EXPECT_EQ(load_config({}).value().broker.topic_defaults.log.retention_bytes, -1);
  sources_.command_line = {{"offsets-retention-minutes", "2"}, {"retention-ms", "0"}};
  const Config config = load_config(sources_).value();
  EXPECT_EQ(config.groups.offsets_retention_ms, 120'000u);
  EXPECT_EQ(config.broker.topic_defaults.log.retention_ms, -1);
  sources_.command_line = {{"retention-ms", "1s"}, {"journal-min-bytes", "4MiB"}};
  const Config other = load_config(sources_).value();
  EXPECT_EQ(other.broker.topic_defaults.log.retention_ms, 1000);
  EXPECT_EQ(other.broker.store.journal_file_bytes(), 2 * kMiB);
}

TEST_F(ConfigTest, CommandLineWinsOverEnvironmentOverFile) {
  write_file("shards = 2\nnum-partitions = 3\nlog-level = \"debug\"\n");
  sources_.environment = {{"DUOLOG_SHARDS", "4"}, {"DUOLOG_NUM_PARTITIONS", "5"}};
  sources_.command_line = {{"shards", "6"}};
  const Config config = load_config(sources_).value();
  EXPECT_EQ(config.runtime.shards, 6u);
  EXPECT_EQ(config.broker.num_partitions, 5);
  EXPECT_EQ(config.log_level, LogLevel::kDebug);
}

TEST_F(ConfigTest, ReadsEveryTypeFromTheFile) {
  write_file(
      "kafka = '[::1]:0'\nadvertise = 'log.example.com:19092'\nauto-create-topics = false\n"
      "segment-bytes = '64MiB'\nsegment-ms = 1000\nbusy-poll = 'adaptive'\n"
      "ws-allowed-origins = ['https://a.example', 'https://b.example']\n");
  const Config config = load_config(sources_).value();
  EXPECT_EQ(config.kafka_address, (HostPort{"::1", 0}));
  EXPECT_EQ(config.advertise, (HostPort{"log.example.com", 19092}));
  EXPECT_FALSE(config.broker.auto_create_topics);
  EXPECT_EQ(config.broker.topic_defaults.log.segment_bytes, 64 * kMiB);
  EXPECT_EQ(config.broker.topic_defaults.log.segment_ms, 1000);
  EXPECT_EQ(config.runtime.busy_poll, BusyPoll::kAdaptive);
  EXPECT_THAT(config.http.access.allowed_origins,
              ElementsAre("https://a.example", "https://b.example"));
}

TEST_F(ConfigTest, AcceptsAnEmptyFile) {
  write_file("");
  EXPECT_EQ(error(), "");
}

TEST_F(ConfigTest, NamesTheFileAndLineOfAnUnknownKeyAndTheNearestOne) {
  write_file("shards = 1\nsegment-byte = 5\n");
  EXPECT_EQ(error(),
            sources_.file + ":2: unknown setting 'segment-byte'; did you mean 'segment-bytes'?");
}

TEST_F(ConfigTest, NamesTheVariableThatIsUnknownAndTheNearestOne) {
  sources_.environment = {{"DUOLOG_DATADIR", "/tmp"}};
  EXPECT_EQ(error(),
            "environment: unknown setting 'DUOLOG_DATADIR'; did you mean 'DUOLOG_DATA_DIR'?");
}

TEST_F(ConfigTest, SuggestsNothingWhereNothingIsSimilar) {
  sources_.command_line = {{"colour", "blue"}};
  EXPECT_EQ(error(), "command line: unknown setting 'colour'");
}

TEST_F(ConfigTest, NamesTheLineOfABadValue) {
  write_file("\nlog-level = 'loud'\n");
  EXPECT_EQ(error(), sources_.file +
                         ":2: log-level: 'loud' is not one of trace, debug, info, warning, error, "
                         "off");
}

TEST_F(ConfigTest, NamesTheLineOfASyntaxError) {
  write_file("shards = 1\nkafka = \n");
  EXPECT_THAT(error(), HasSubstr(sources_.file + ":2: "));
}

TEST_F(ConfigTest, RefusesATableWhereAValueBelongs) {
  write_file("[kafka]\nport = 9092\n");
  EXPECT_EQ(error(), sources_.file + ":1: kafka: expected a value of the form HOST:PORT");
}

TEST_F(ConfigTest, ReportsAFileThatIsNotThere) {
  sources_.file = "/nonexistent/duolog.toml";
  const Result<Config> config = load_config(sources_);
  ASSERT_FALSE(config.has_value());
  EXPECT_EQ(config.error().code, Errc::kNotFound);
  EXPECT_EQ(config.error().message,
            "configuration file /nonexistent/duolog.toml: No such file or directory");
}

TEST_F(ConfigTest, ReportsADirectoryGivenAsTheFile) {
  sources_.file = "/";
  EXPECT_EQ(error(), "configuration file /: Is a directory");
}

TEST_F(ConfigTest, RefusesNumbersOutOfBounds) {
  sources_.command_line = {{"shards", "513"}};
  EXPECT_EQ(error(), "command line: --shards: '513' is more than 512, the most allowed");
  sources_.command_line = {{"segment-bytes", "1023KiB"}};
  EXPECT_EQ(error(),
            "command line: --segment-bytes: '1023KiB' is less than 1MiB, the least allowed");
  sources_.command_line = {{"segment-ms", "18446744073709551615"}};
  EXPECT_THAT(error(), HasSubstr("is more than 3650d"));
  sources_.command_line = {{"segment-ms", "10us"}};
  EXPECT_THAT(error(), HasSubstr("is less than 1ms"));
}

TEST_F(ConfigTest, RefusesNumbersOfTheWrongForm) {
  for (const char* text : {"", "x", "-1", "1.5", "7d", "64 MB", "0x10", "1 2"}) {
    sources_.command_line = {{"segment-bytes", text}};
    EXPECT_THAT(error(), HasSubstr("is not a whole number, as in 64MiB")) << text;
  }
}

TEST_F(ConfigTest, RefusesAddressesOfTheWrongForm) {
  for (const char* text : {"", "9092", "localhost", ":9092", "h:", "h:65536", "h:-1", "::1:9092"}) {
    sources_.command_line = {{"kafka", text}};
    EXPECT_THAT(error(), HasSubstr("command line: --kafka: ")) << text;
  }
}

TEST_F(ConfigTest, RefusesOriginsAndHostsThatCanNeverMatch) {
  write_file("shards = 1\nws-allowed-origins = ['https://a.example', 'b.example']\n");
  EXPECT_THAT(error(), HasSubstr(":2: ws-allowed-origins: 'b.example' can never match; "));
  write_file("");
  sources_.command_line = {{"ws-allowed-origins", "https://a.example/"}};
  EXPECT_THAT(error(), HasSubstr("--ws-allowed-origins: 'https://a.example/' can never match; "));
  sources_.command_line = {{"ws-allowed-hosts", "https://a.example"}};
  EXPECT_THAT(error(), HasSubstr("--ws-allowed-hosts: 'https://a.example' can never match; "));
  sources_.command_line = {{"ws-allowed-origins", "null, capacitor://localhost,*"}};
  EXPECT_THAT(load_config(sources_).value().http.access.allowed_origins,
              ElementsAre("null", "capacitor://localhost", "*"));
}

TEST_F(ConfigTest, TakesHeadersOf32KiB) {
  sources_.command_line = {{"http-max-header-bytes", "32KiB"}};
  EXPECT_EQ(load_config(sources_).value().http.request.max_header_bytes, 32 * kKiB);
}

TEST_F(ConfigTest, RefusesSettingsThatContradictEachOther) {
  sources_.command_line = {{"segment-bytes", "1MiB"}};
  EXPECT_EQ(error(),
            "message-max-bytes is more than segment-bytes: 1048588B against 1MiB: a batch lies in "
            "one segment");
  sources_.command_line = {{"message-max-bytes", "101MiB"}};
  EXPECT_THAT(error(), HasSubstr("socket-request-max-bytes: 101MiB against 100MiB: "));
  sources_.command_line = {{"message-max-bytes", "9MiB"}, {"journal-max-bytes", "16MiB"}};
  EXPECT_THAT(error(), HasSubstr("half of journal-max-bytes: 9MiB against half of 16MiB: "));
  sources_.command_line = {{"message-max-bytes", "9MiB"}, {"tail-memory-bytes", "16MiB"}};
  EXPECT_THAT(error(), HasSubstr("half of tail-memory-bytes: 9MiB against half of 16MiB: "));
  sources_.command_line = {{"group-max-session-timeout-ms", "5s"}};
  EXPECT_THAT(error(), HasSubstr("group-min-session-timeout-ms is more than"));
  sources_.command_line = {{"journal-min-bytes", "1GiB"}};
  EXPECT_THAT(error(), HasSubstr("journal-min-bytes is more than journal-max-bytes"));
}

TEST_F(ConfigTest, DumpIsReadBackUnchanged) {
  Config config;
  config.data_dir = "with \"quotes\" and \\";
  config.advertise = HostPort{"::1", 9092};
  config.broker.topic_defaults.log.segment_ms = 90'061'001;
  config.http.access.host_names = {"a.example", "b.example:8080"};
  config.http.access.allowed_origins = {"https://a.example", "null", "file://", "*"};
  config.log_level = LogLevel::kOff;
  write_file(dump_config(config));
  EXPECT_EQ(error(), "");
  EXPECT_EQ(dump_config(load_config(sources_).value()), dump_config(config));
  EXPECT_THAT(dump_config(config), HasSubstr("segment-ms = '90061001ms'"));
  EXPECT_THAT(dump_config(config), HasSubstr("segment-bytes = '1GiB'"));
}

TEST(ConfigEnvironmentTest, TakesDuologVariablesButForTheConfigFileAndKubernetes) {
  const char* const environment[] = {"PATH=/bin",
                                     "DUOLOG_SHARDS=2",
                                     "DUOLOG_CONFIG=/etc/duolog.toml",
                                     "DUOLOG_SERVICE_HOST=10.0.0.1",
                                     "DUOLOG_PORT_9092_TCP=tcp://10.0.0.1:9092",
                                     "DUOLOG_ADVERTISE=a=b:1",
                                     nullptr};
  EXPECT_THAT(duolog_environment(environment),
              ElementsAre(Pair("DUOLOG_SHARDS", "2"), Pair("DUOLOG_ADVERTISE", "a=b:1")));
  const char* const none[] = {nullptr};
  EXPECT_THAT(duolog_environment(none), IsEmpty());
}

TEST(ConfigPropertyTest, EveryRowIsDocumentedInOneLine) {
  for (const Property& property : properties()) {
    EXPECT_FALSE(property.doc.empty()) << property.name;
    EXPECT_FALSE(property.doc.ends_with('.')) << property.name;
    EXPECT_LE(property.doc.size(), 90u) << property.name;
    EXPECT_FALSE(variable_name(property).starts_with("DUOLOG_SERVICE_")) << property.name;
    EXPECT_FALSE(variable_name(property).starts_with("DUOLOG_PORT")) << property.name;
  }
}

}  // namespace
}  // namespace duolog::server
