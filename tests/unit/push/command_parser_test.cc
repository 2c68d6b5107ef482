#include "net/push/command_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/uuid.h"

namespace duolog::push {

inline bool operator==(const PartitionOffset& a, const PartitionOffset& b) {
  return a.partition == b.partition && a.offset == b.offset;
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::string_literals;

class CommandParserTest : public ::testing::Test {
 protected:
  // The command of an object, which must be a `What`.
  template <class What>
  What parse(std::string_view object) {
    const Command* const command = parser_.parse(object);
    if (command == nullptr) {
      ADD_FAILURE() << object << " is refused: " << parser_.refusal().message;
      return {};
    }
    id_ = command->id;
    if (const auto* what = std::get_if<What>(&command->what)) return *what;
    ADD_FAILURE() << object << " is command " << command->what.index();
    return {};
  }

  From parse_from(std::string_view from) {
    const auto subscribe = parse<Subscribe>(R"({"id":1,"subscribe":{"sid":1,"topic":"t","from":)" +
                                            std::string(from) + "}}");
    EXPECT_TRUE(subscribe.from) << from;
    return subscribe.from.value_or(From{});
  }

  CommandParser parser_;
  std::uint64_t id_ = 0;
};

TEST_F(CommandParserTest, ReadsHello) {
  auto hello = parse<Hello>(R"({"id":1,"hello":{"client":"screen/1.2","token":null}})");
  EXPECT_EQ(id_, 1u);
  EXPECT_EQ(hello.client, "screen/1.2");
  EXPECT_EQ(hello.token, "");
  hello = parse<Hello>(R"({"id":0,"hello":{"token":"ey.J"}})");
  EXPECT_EQ(hello.client, "");
  EXPECT_EQ(hello.token, "ey.J");
}

TEST_F(CommandParserTest, ReadsSubscribeFromAPlace) {
  const auto subscribe =
      parse<Subscribe>(R"({"id":2,"subscribe":{"sid":7,"topic":"trades","from":"latest"}})");
  EXPECT_EQ(id_, 2u);
  EXPECT_EQ(subscribe.sid, 7u);
  EXPECT_EQ(subscribe.topic, "trades");
  ASSERT_TRUE(subscribe.from);
  EXPECT_EQ(subscribe.from->kind, From::Kind::kLatest);
  EXPECT_THAT(subscribe.positions, IsEmpty());
  EXPECT_THAT(subscribe.partitions, IsEmpty());
  EXPECT_FALSE(subscribe.topic_id || subscribe.epoch);
  EXPECT_FALSE(subscribe.credit.records || subscribe.credit.bytes);
}

TEST_F(CommandParserTest, ReadsSubscribeFromPositions) {
  const auto subscribe = parse<Subscribe>(
      R"({"id":3,"subscribe":{"sid":8,"topic":"trades","positions":{"3":"120","0":8812},)"
      R"("partitions":[5,0,3],"topic_id":"b1c0AAAAAAAAAAAAAAAAAA","epoch":4,)"
      R"("credit":{"records":100,"bytes":65536}}})");
  EXPECT_FALSE(subscribe.from);
  EXPECT_THAT(subscribe.positions, ElementsAre(PartitionOffset{PartitionId(0), Offset(8812)},
                                               PartitionOffset{PartitionId(3), Offset(120)}));
  EXPECT_THAT(subscribe.partitions, ElementsAre(PartitionId(0), PartitionId(3), PartitionId(5)));
  ASSERT_TRUE(subscribe.topic_id);
  EXPECT_EQ(to_text(*subscribe.topic_id), "b1c0AAAAAAAAAAAAAAAAAA");
  EXPECT_EQ(subscribe.epoch, LeaderEpoch(4));
  EXPECT_EQ(subscribe.credit.records, 100u);
  EXPECT_EQ(subscribe.credit.bytes, 65536u);
}

TEST_F(CommandParserTest, ReadsEveryFormOfFrom) {
  const auto expect = [&](std::string_view text, From::Kind kind, std::int64_t value) {
    const From from = parse_from(text);
    EXPECT_EQ(from.kind, kind) << text;
    EXPECT_EQ(from.value, value) << text;
  };
  expect(R"("latest")", From::Kind::kLatest, 0);
  expect(R"("earliest")", From::Kind::kEarliest, 0);
  expect(R"("-100")", From::Kind::kBack, 100);
  expect(R"("-0")", From::Kind::kBack, 0);
  expect(R"("8812")", From::Kind::kOffset, 8812);
  expect(R"("9223372036854775807")", From::Kind::kOffset, 9223372036854775807);
  expect("8812", From::Kind::kOffset, 8812);
  expect("9007199254740991", From::Kind::kOffset, 9007199254740991);
  expect(R"({"timestamp":1790000000000})", From::Kind::kTimestamp, 1790000000000);
}

TEST_F(CommandParserTest, ReadsTheCommandsOfASubscription) {
  EXPECT_EQ(parse<Unsubscribe>(R"({"id":5,"unsubscribe":{"sid":7}})").sid, 7u);
  EXPECT_EQ(parse<Pause>(R"({"id":5,"pause":{"sid":4294967295}})").sid, 4294967295u);
  EXPECT_EQ(parse<Resume>(R"({"id":5,"resume":{"sid":0}})").sid, 0u);
  const auto add = parse<AddCredit>(R"({"id":5,"credit":{"sid":7,"records":100,"bytes":65536}})");
  EXPECT_EQ(add.sid, 7u);
  EXPECT_EQ(add.credit.records, 100u);
  EXPECT_EQ(add.credit.bytes, 65536u);
  EXPECT_FALSE(parse<AddCredit>(R"({"id":5,"credit":{"sid":7,"bytes":1}})").credit.records);
}

TEST_F(CommandParserTest, ReadsOffsetsAndPing) {
  EXPECT_THAT(parse<Offsets>(R"({"id":5,"offsets":{"topic":"trades"}})").partitions, IsEmpty());
  const auto offsets = parse<Offsets>(R"({"id":5,"offsets":{"topic":"trades","partitions":[2]}})");
  EXPECT_EQ(offsets.topic, "trades");
  EXPECT_THAT(offsets.partitions, ElementsAre(PartitionId(2)));
  parse<Ping>(R"({"id":9007199254740991,"ping":{}})");
  EXPECT_EQ(id_, 9007199254740991u);
}

TEST_F(CommandParserTest, ReadsPublish) {
  const auto publish =
      parse<Publish>(R"({"id":4,"publish":{"topic":"orders","records":[{"key":"u1","value":"..."},)"
                     R"({"value_b64":"AAEC","partition":2,"t":1790000000000}],"ack":"durable"}})");
  EXPECT_EQ(publish.topic, "orders");
  EXPECT_EQ(publish.ack, Publish::Ack::kDurable);
  ASSERT_EQ(publish.records.size(), 2u);
  EXPECT_EQ(publish.records[0].key, "u1");
  EXPECT_EQ(publish.records[0].value, "...");
  EXPECT_FALSE(publish.records[0].partition || publish.records[0].timestamp);
  EXPECT_FALSE(publish.records[1].key);
  EXPECT_EQ(publish.records[1].value, "\0\1\2"s);
  EXPECT_EQ(publish.records[1].partition, PartitionId(2));
  EXPECT_EQ(publish.records[1].timestamp, Timestamp(1790000000000));
}

TEST_F(CommandParserTest, ReadsHeadersOfEachRecord) {
  const auto publish = parse<Publish>(
      R"({"id":4,"publish":{"topic":"t","records":[{"headers":[["a","1"],["b",null]]},{},)"
      R"({"headers":[]},{"headers":[["c",{"v_b64":"/w=="}],["c",""]]}]}})");
  ASSERT_EQ(publish.records.size(), 4u);
  const auto first = publish.records[0].headers;
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].key, "a");
  EXPECT_EQ(first[0].value, "1");
  EXPECT_EQ(first[1].key, "b");
  EXPECT_FALSE(first[1].value);
  EXPECT_TRUE(publish.records[1].headers.empty());
  EXPECT_TRUE(publish.records[2].headers.empty());
  const auto last = publish.records[3].headers;
  ASSERT_EQ(last.size(), 2u);
  EXPECT_EQ(last[0].value, "\xFF");
  EXPECT_EQ(last[1].value, "");
}

TEST_F(CommandParserTest, ReadsNullAndEmptyKeysAndValuesApart) {
  const auto publish =
      parse<Publish>(R"({"id":4,"publish":{"topic":"t","records":[{"key":null,"value":null},{},)"
                     R"({"key":"","value":""},{"key_b64":"","value_b64":""}]}})");
  ASSERT_EQ(publish.records.size(), 4u);
  for (const PublishRecord& record : publish.records.first(2)) {
    EXPECT_FALSE(record.key || record.value);
  }
  for (const PublishRecord& record : publish.records.last(2)) {
    EXPECT_EQ(record.key, "");
    EXPECT_EQ(record.value, "");
  }
}

TEST_F(CommandParserTest, ReadsEveryKindOfAck) {
  const auto ack = [&](const std::string& text) {
    return parse<Publish>(R"({"id":4,"publish":{"topic":"t","records":[{}])" + text + "}}").ack;
  };
  EXPECT_EQ(ack(""), Publish::Ack::kDurable);
  EXPECT_EQ(ack(R"(,"ack":null)"), Publish::Ack::kDurable);
  EXPECT_EQ(ack(R"(,"ack":"appended")"), Publish::Ack::kAppended);
  EXPECT_EQ(ack(R"(,"ack":"none")"), Publish::Ack::kNone);
}

TEST_F(CommandParserTest, DecodesEscapes) {
  const auto hello = parse<Hello>(
      R"({"id":1,"\u0068ello":{"client":"\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00"}})");
  EXPECT_EQ(hello.client, "\"\\/\b\f\n\r\t\0\xC3\xA9\xF0\x9F\x98\x80"s);
}

TEST_F(CommandParserTest, IgnoresUnknownMembersAtEveryLevel) {
  const auto publish = parse<Publish>(
      R"( {"x":[{"id":2}],"id":4,"publish":{"x":{"topic":1},"topic":"t","x":1,"records":)"
      R"([{"value":"v","o":"1","headers":[["k",{"v_b64":"","x":[]}]],"x":1.5e3}]},"ping":null} )");
  ASSERT_EQ(publish.records.size(), 1u);
  EXPECT_EQ(publish.records[0].value, "v");
  parse<Ping>(R"({"what":{},"id":4,"ping":{"x":true}})");
}

TEST_F(CommandParserTest, ReadsACommandAfterALargeOneAndAfterARefusal) {
  const std::string value(1 << 20, 'v');
  const auto publish =
      parse<Publish>(R"({"id":4,"publish":{"topic":"t","records":[{"value":")" + value + "\"}]}}");
  ASSERT_EQ(publish.records.size(), 1u);
  EXPECT_EQ(publish.records[0].value, value);
  EXPECT_FALSE(parser_.parse(R"({"id":5,"pause":{}})"));
  EXPECT_EQ(parser_.refusal().id, 5u);
  EXPECT_FALSE(parser_.parse("[1"));
  EXPECT_EQ(parser_.refusal().id, std::nullopt);
  EXPECT_EQ(parse<Pause>(R"({"id":5,"pause":{"sid":6}})").sid, 6u);
}

}  // namespace
}  // namespace duolog::push
