#include "tools/duolog/serve_options.h"

#include <algorithm>
#include <fstream>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace duolog::tools {
namespace {

using ::testing::HasSubstr;

Result<server::Config> load(std::vector<std::string> arguments,
                            std::vector<const char*> environment = {}) {
  CLI::App app;
  ServeOptions options;
  options.add_to(app);
  std::ranges::reverse(arguments);  // CLI11 takes a vector from the back
  app.parse(arguments);
  environment.push_back(nullptr);
  return options.load(environment.data());
}

TEST(ServeOptionsTest, TakesEverySettingAsAnOption) {
  const server::Config config =
      load({"--kafka", "0.0.0.0:0", "--shards=3", "--busy-poll", "adaptive"}).value();
  EXPECT_EQ(config.kafka_address, (server::HostPort{"0.0.0.0", 0}));
  EXPECT_EQ(config.runtime.shards, 3u);
  EXPECT_EQ(config.runtime.busy_poll, server::BusyPoll::kAdaptive);
}

TEST(ServeOptionsTest, ASwitchNeedsNoValue) {
  EXPECT_FALSE(load({}).value().websocket.echo);
  EXPECT_TRUE(load({"--echo"}).value().websocket.echo);
  EXPECT_TRUE(load({"--echo", "--shards", "3"}).value().websocket.echo);
  EXPECT_EQ(load({"--echo", "--shards", "3"}).value().runtime.shards, 3u);
  EXPECT_TRUE(load({"--echo", "true"}).value().websocket.echo);
  EXPECT_FALSE(load({"--auto-create-topics", "false"}).value().broker.auto_create_topics);
  EXPECT_FALSE(load({"--echo=false"}).value().websocket.echo);
}

TEST(ServeOptionsTest, NamesAnUnknownOptionAndTheNearestSetting) {
  EXPECT_EQ(load({"--shard", "3"}).error().message,
            "unknown option '--shard'; did you mean '--shards'?");
}

TEST(ServeOptionsTest, ReadsTheFileThatTheOptionElseTheVariableNames) {
  const std::string path = ::testing::TempDir() + "serve_options_test.toml";
  std::ofstream(path) << "shards = 7\nnum-partitions = 2\n";
  const std::string variable = "DUOLOG_CONFIG=" + path;
  EXPECT_EQ(load({}, {variable.c_str()}).value().runtime.shards, 7u);
  EXPECT_EQ(load({"--config", path, "--shards", "1"}).value().runtime.shards, 1u);
  EXPECT_EQ(load({"--config", path, "--shards", "1"}).value().broker.num_partitions, 2);
  EXPECT_THAT(load({"--config", "/nonexistent"}, {variable.c_str()}).error().message,
              HasSubstr("/nonexistent"));
}

TEST(ServeOptionsTest, HelpShowsEverySettingWithItsFormAndDefault) {
  CLI::App app;
  ServeOptions options;
  options.add_to(app);
  EXPECT_THAT(app.help(), HasSubstr("--kafka HOST:PORT=127.0.0.1:9092"));
  EXPECT_THAT(app.help(), HasSubstr("--busy-poll never|adaptive|always=never"));
}

}  // namespace
}  // namespace duolog::tools
