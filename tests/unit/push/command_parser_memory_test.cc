#include <string>

#include <gtest/gtest.h>

#include "net/push/command_parser.h"
#include "tests/unit/memory/allocations.h"

namespace duolog::push {
namespace {

std::string publish_of(std::size_t records) {
  std::string text = R"({"id":4,"publish":{"topic":"orders","records":[)";
  for (std::size_t i = 0; i < records; ++i) {
    text += i == 0 ? "" : ",";
    text += R"({"key":"u1","value_b64":"AAEC","headers":[["k","v"]]})";
  }
  return text + "]}}";
}

TEST(CommandParserMemoryTest, AllocatesNothingOnceItIsWarm) {
  const std::string publish = publish_of(40);
  const std::string subscribe =
      R"({"id":3,"subscribe":{"sid":8,"topic":"trades","positions":{"3":"120","0":"8812"},)"
      R"("partitions":[3,0],"topic_id":"b1c0AAAAAAAAAAAAAAAAAA","epoch":4}})";
  CommandParser parser;
  ASSERT_TRUE(parser.parse(publish) && parser.parse(subscribe));
  const std::size_t before = allocations();
  bool parsed = true;
  for (int i = 0; i < 100; ++i) {
    parsed = parsed && parser.parse(publish) != nullptr && parser.parse(subscribe) != nullptr;
  }
  const std::size_t after = allocations();
  EXPECT_TRUE(parsed);
  EXPECT_EQ(after, before);
}

TEST(CommandParserMemoryTest, KeepsNoMoreThanItsLimitAfterALargeCommand) {
  const std::string large = publish_of(CommandParser::kMaxRecords);
  const std::size_t before = live_bytes();
  CommandParser parser;
  ASSERT_TRUE(parser.parse(large)) << parser.refusal().message;
  EXPECT_GT(live_bytes() - before, CommandParser::kKeptBytes);
  ASSERT_TRUE(parser.parse(R"({"id":6,"ping":{}})"));
  EXPECT_LE(live_bytes() - before, CommandParser::kKeptBytes);
}

}  // namespace
}  // namespace duolog::push
