// What CommandParser refuses, and what it says then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "net/push/command_parser.h"
#include "net/push/reply.h"

namespace duolog::push {
namespace {

using ::testing::StartsWith;
using namespace std::string_literals;

// "107: why", or "command 3" of what is not refused. With an id, "107 of 4: why".
std::string refusal(std::string_view object) {
  CommandParser parser;
  if (const Command* command = parser.parse(object)) {
    return "command " + std::to_string(command->what.index());
  }
  const Refusal& refusal = parser.refusal();
  return std::to_string(static_cast<int>(refusal.code)) +
         (refusal.id ? " of " + std::to_string(*refusal.id) : "") + ": " + refusal.message;
}

std::string refusal_of(std::string_view command) {
  return refusal(R"({"id":1,)" + std::string(command) + "}");
}
std::string refusal_of_subscribe(std::string_view more) {
  return refusal_of(R"("subscribe":{"sid":1,"topic":"t",)" + std::string(more) + "}");
}
std::string refusal_of_record(std::string_view record) {
  return refusal_of(R"("publish":{"topic":"t","records":[{},)" + std::string(record) + "]}");
}

TEST(CommandRefusalTest, RefusesWhatIsNoJson) {
  for (const auto& text : {""s,
                           " "s,
                           "x"s,
                           "{"s,
                           R"({"id":1,"ping":{})"s,
                           R"({"id":1,"ping":{}}})"s,
                           R"({"id":1,"ping":{}} {})"s,
                           R"({"id":1,"ping":{}},)"s,
                           R"({"id":1,"ping":{},})"s,
                           R"({"id":01,"ping":{}})"s,
                           R"({'id':1,"ping":{}})"s,
                           R"({"id":1 "ping":{}})"s,
                           R"({"id":1,"ping":{},"x":[}})"s,
                           R"({"id":1,"ping":{},"x":nul})"s,
                           R"({"id":1,"ping":{},"x":NaN})"s,
                           "{\"id\":1,\"ping\":{}}\0"s,
                           "{\"id\":1,\0\"ping\":{}}"s,
                           "{\"id\":1,\"pi\0ng\":{}}"s,
                           "\xEF\xBB\xBF{\"id\":1,\"ping\":{}}"s,
                           "{\"id\":1,\"ping\":{},\"x\":\"\xFF\"}"s,
                           "{\"id\":1,\"ping\":{},\"x\":\"\xED\xA0\x80\"}"s,
                           "{\"id\":1,\"ping\":{},\"x\":\"\n\"}"s,
                           R"({"id":1,"ping":{},"x":"\ud800"})"s,
                           R"({"id":1,"ping":{},"x":"\udc00"})"s,
                           R"({"id":1,"ping":{},"x":"\ud800\u0041"})"s,
                           R"({"id":1,"ping":{},"x":"\x41"})"s,
                           R"({"id":1,"ping":{},"x":1e999})"s,
                           R"({"id":1,"ping":{},"x":123456789012345678901234567890})"s}) {
    EXPECT_THAT(refusal(text), StartsWith("107: not JSON: ")) << text;
  }
}

TEST(CommandRefusalTest, RefusesEveryPrefixOfACommand) {
  const std::string command =
      R"({"id":4,"publish":{"topic":"orders","records":[{"key":"u1","value":"\u00e9\ud83d\ude00"},)"
      R"({"value_b64":"AAEC","partition":2,"headers":[["k",null]]}],"ack":"durable"}})";
  ASSERT_EQ(refusal(command), "command 7");
  for (std::size_t size = 0; size < command.size(); ++size) {
    const std::string prefix = command.substr(0, size);  // its own memory
    ASSERT_THAT(refusal(prefix), StartsWith("107: not JSON: ")) << prefix;
  }
}

TEST(CommandRefusalTest, RefusesWhatIsTooDeep) {
  const auto nested = [](std::size_t depth, std::string_view open, std::string_view close) {
    std::string text = R"({"id":1,"ping":{},"x":)";
    for (std::size_t i = 0; i < depth; ++i) text += open;
    text += "1";
    for (std::size_t i = 0; i < depth; ++i) text += close;
    return text + "}";
  };
  EXPECT_EQ(refusal(nested(CommandParser::kMaxDepth - 1, "[", "]")), "command 8");
  EXPECT_EQ(refusal(nested(CommandParser::kMaxDepth, "[", "]")), "106: JSON: deeper than 64");
  EXPECT_EQ(refusal(nested(10'000, "[", "]")), "106: JSON: deeper than 64");
  EXPECT_EQ(refusal(nested(10'000, "{\"a\":", "}")), "106: JSON: deeper than 64");
  EXPECT_THAT(refusal(std::string(10'000, '[')), StartsWith("107: not JSON: "));
}

TEST(CommandRefusalTest, RefusesWhatIsNoCommand) {
  EXPECT_EQ(refusal("[]"), "107: JSON: a command is an object");
  EXPECT_EQ(refusal("1"), "107: JSON: a command is an object");
  EXPECT_EQ(refusal("{}"), "107: id: missing");
  EXPECT_EQ(refusal(R"({"ping":{}})"), "107: id: missing");
  EXPECT_EQ(refusal(R"({"id":null,"ping":{}})"), "107: id: missing");
  EXPECT_EQ(refusal(R"({"id":7})"), "107 of 7: JSON: no command beside the id");
  EXPECT_EQ(refusal(R"({"id":7,"ping":null})"), "107 of 7: JSON: no command beside the id");
  EXPECT_EQ(refusal(R"({"id":7,"ping":[]})"), "107 of 7: ping: must be an object");
  EXPECT_EQ(refusal(R"({"id":7,"ping":{},"pause":{"sid":1}})"),
            "107 of 7: pause: there is another command beside it");
}

TEST(CommandRefusalTest, RefusesAnIdThatIsNoWholeNumber) {
  for (const char* id : {"-1", "1.0", "1e3", "9007199254740992", "18446744073709551615", "\"1\"",
                         "true", "[1]", "{}"}) {
    EXPECT_EQ(refusal(R"({"ping":{},"id":)" + std::string(id) + "}"),
              "107: id: must be a whole number from 0 to 9007199254740991");
  }
}

TEST(CommandRefusalTest, NamesAnUnknownCommandUpToALimit) {
  EXPECT_EQ(refusal_of(R"("what":{})"), "104 of 1: unknown command: what");
  EXPECT_EQ(refusal_of(R"("x":1,"y":{})"), "104 of 1: unknown command: x");
  std::string name = std::string(63, 'x') + "\xE2\x82\xAC" + std::string(1000, 'y');
  EXPECT_EQ(refusal_of("\"" + name + "\":{}"),
            "104 of 1: unknown command: " + std::string(63, 'x'));
}

TEST(CommandRefusalTest, RefusesMembersThatAreGivenTwice) {
  EXPECT_EQ(refusal(R"({"id":1,"ping":{},"id":1})"), "107: id: given twice");
  EXPECT_EQ(refusal(R"({"id":1,"ping":{},"ping":{}})"), "107: ping: given twice");
  EXPECT_EQ(refusal_of(R"("pause":{"sid":1,"\u0073id":1})"), "107 of 1: pause.sid: given twice");
  EXPECT_EQ(refusal_of_subscribe(R"("topic":null)"), "107 of 1: subscribe.topic: given twice");
  EXPECT_EQ(refusal_of_subscribe(R"("from":{"timestamp":1,"timestamp":1})"),
            "107 of 1: subscribe.from.timestamp: given twice");
  EXPECT_EQ(refusal_of_subscribe(R"("positions":{"0":"1","1":"1","00":"2"})"),
            "107 of 1: subscribe.positions: a partition is given twice");
  EXPECT_EQ(refusal_of_subscribe(R"("partitions":[1,0,1])"),
            "107 of 1: subscribe.partitions: a partition is given twice");
  EXPECT_EQ(refusal_of_record(R"({"value":"a","value":"b"})"),
            "107 of 1: publish.records[1].value: given twice");
  EXPECT_EQ(refusal_of_record(R"({"key":null,"key_b64":"AAEC"})"),
            "107 of 1: publish.records[1].key_b64: given twice, also without _b64");
}

TEST(CommandRefusalTest, RefusesWrongMembersOfSubscribe) {
  EXPECT_EQ(refusal_of(R"("subscribe":{"sid":1})"), "107 of 1: subscribe.topic: missing");
  EXPECT_EQ(refusal_of(R"("subscribe":{"topic":"t"})"), "107 of 1: subscribe.sid: missing");
  EXPECT_EQ(refusal_of(R"("subscribe":{"sid":4294967296,"topic":"t"})"),
            "107 of 1: subscribe.sid: must be a whole number from 0 to 4294967295");
  EXPECT_EQ(refusal_of(R"("subscribe":{"sid":1,"topic":1})"),
            "107 of 1: subscribe.topic: must be a string");
  for (const char* epoch : {"-1", "2147483648", "\"4\""}) {
    EXPECT_EQ(refusal_of_subscribe("\"epoch\":" + std::string(epoch)),
              "107 of 1: subscribe.epoch: must be a whole number from 0 to 2147483647");
  }
  EXPECT_EQ(refusal_of_subscribe(R"("topic_id":"b1c0")"),
            "107 of 1: subscribe.topic_id: an id has 22 characters");
  EXPECT_EQ(refusal_of_subscribe(R"("topic_id":7)"),
            "107 of 1: subscribe.topic_id: must be a string");
  EXPECT_EQ(refusal_of_subscribe(R"("credit":{"records":-1})"),
            "107 of 1: subscribe.credit.records: must be a whole number from 0 to "
            "9007199254740991");
  EXPECT_EQ(refusal_of_subscribe(R"("credit":5)"), "107 of 1: subscribe.credit: must be an object");
  EXPECT_EQ(refusal_of(R"("credit":{"sid":1,"byte":2})"),
            "107 of 1: credit: of neither records nor bytes");
}

TEST(CommandRefusalTest, RefusesWrongPlacesToBeginAt) {
  for (const char* from :
       {R"("")", R"("newest")", R"("-")", R"("--1")", R"("+1")", R"(" 1")", R"("1 ")", R"("1.0")",
        R"("0x1")", R"("9223372036854775808")", R"("-9223372036854775808")", "-1", "1.5",
        "9007199254740992", "true", "[]"}) {
    EXPECT_THAT(refusal_of_subscribe("\"from\":" + std::string(from)),
                StartsWith("107 of 1: subscribe.from: must be \"latest\""))
        << from;
  }
  EXPECT_EQ(refusal_of_subscribe(R"("from":{})"), "107 of 1: subscribe.from.timestamp: missing");
  EXPECT_THAT(refusal_of_subscribe(R"("from":{"timestamp":"1"})"),
              StartsWith("107 of 1: subscribe.from.timestamp: must be a whole number"));
}

TEST(CommandRefusalTest, RefusesWrongPartitions) {
  for (const char* positions :
       {R"({"x":"1"})", R"({"":"1"})", R"({"-1":"1"})", R"({"0":"-1"})", R"({"2147483648":"1"})",
        R"({"0":null})", R"({"0":1.5})", R"({"0":9007199254740992})", R"({"0":["1"]})"}) {
    EXPECT_EQ(refusal_of_subscribe("\"positions\":" + std::string(positions)),
              "107 of 1: subscribe.positions: must be offsets by partition, like {\"0\":\"8812\"}")
        << positions;
  }
  EXPECT_EQ(refusal_of_subscribe(R"("positions":[])"),
            "107 of 1: subscribe.positions: must be an object");
  EXPECT_EQ(refusal_of_subscribe(R"("partitions":{})"),
            "107 of 1: subscribe.partitions: must be an array");
  EXPECT_EQ(refusal_of(R"("offsets":{"topic":"t","partitions":[0,2147483648]})"),
            "107 of 1: offsets.partitions[1]: must be a whole number from 0 to 2147483647");
}

TEST(CommandRefusalTest, RefusesWrongRecords) {
  EXPECT_EQ(refusal_of(R"("publish":{"records":[{}]})"), "107 of 1: publish.topic: missing");
  EXPECT_EQ(refusal_of(R"("publish":{"topic":"t"})"), "107 of 1: publish.records: missing");
  EXPECT_EQ(refusal_of(R"("publish":{"topic":"t","records":[]})"),
            "107 of 1: publish.records: there are none");
  EXPECT_EQ(refusal_of(R"("publish":{"topic":"t","records":{}})"),
            "107 of 1: publish.records: must be an array");
  EXPECT_EQ(refusal_of(R"("publish":{"topic":"t","records":[{}],"ack":"all"})"),
            "107 of 1: publish.ack: must be none, appended or durable");
  const std::string at = "107 of 1: publish.records[1]";
  EXPECT_EQ(refusal_of_record("1"), at + ": must be an object");
  EXPECT_EQ(refusal_of_record(R"({"value":1})"), at + ".value: must be a string");
  EXPECT_EQ(refusal_of_record(R"({"value":{}})"), at + ".value: must be a string");
  EXPECT_EQ(refusal_of_record(R"({"key_b64":"AAE"})"),
            at + ".key_b64: must be base64, with its padding");
  EXPECT_EQ(refusal_of_record(R"({"partition":-1})"),
            at + ".partition: must be a whole number from 0 to 2147483647");
  EXPECT_THAT(refusal_of_record(R"({"t":"1790000000000"})"),
              StartsWith(at + ".t: must be a whole"));
  EXPECT_EQ(refusal_of_record(R"({"headers":{"k":"v"}})"), at + ".headers: must be an array");
  for (const char* header :
       {"1", "[]", R"(["k"])", R"(["k","v",1])", R"([null,"v"])", R"([1,"v"])"}) {
    EXPECT_EQ(refusal_of_record(R"({"headers":[["a","b"],)" + std::string(header) + "]}"),
              at + ".headers[1]: must be [key, value]");
  }
  EXPECT_EQ(refusal_of_record(R"({"headers":[["k",1]]})"), at + ".headers[0].v: must be a string");
  EXPECT_EQ(refusal_of_record(R"({"headers":[["k",{"v_b64":"?"}]]})"),
            at + ".headers[0].v_b64: must be base64, with its padding");
}

TEST(CommandRefusalTest, LimitsRecordsAndPartitions) {
  const auto list = [](std::size_t count, auto element) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += (i == 0 ? "" : ",") + element(i);
    return text;
  };
  const auto publish = [&](std::size_t count) {
    return refusal_of(R"("publish":{"topic":"t","records":[)" +
                      list(count, [](std::size_t) { return "{}"s; }) + "]}");
  };
  EXPECT_EQ(publish(CommandParser::kMaxRecords), "command 7");
  EXPECT_EQ(publish(CommandParser::kMaxRecords + 1), "106 of 1: publish.records: more than 10000");
  const auto partitions = [&](std::size_t count) {
    return refusal_of_subscribe("\"partitions\":[" +
                                list(count, [](std::size_t i) { return std::to_string(i); }) + "]");
  };
  EXPECT_EQ(partitions(CommandParser::kMaxPartitions), "command 1");
  EXPECT_EQ(partitions(CommandParser::kMaxPartitions + 1),
            "106 of 1: subscribe.partitions: more than 10000 partitions");
  const auto positions = [&](std::size_t count) {
    return refusal_of_subscribe(
        "\"positions\":{" +
        list(count, [](std::size_t i) { return "\"" + std::to_string(i) + "\":\"1\""; }) + "}");
  };
  EXPECT_EQ(positions(CommandParser::kMaxPartitions), "command 1");
  EXPECT_EQ(positions(CommandParser::kMaxPartitions + 1),
            "106 of 1: subscribe.positions: more than 10000 partitions");
}

TEST(CommandRefusalTest, AnswersEveryRefusalWithValidJson) {
  for (const auto& text : {R"({"id":1,"a\"\\\u0000\u001f\u00e9":{}})"s, R"({"id":2,"x":)"s, "\xFF"s,
                           R"({"id":3,"pause":{"sid":"\n"}})"s}) {
    CommandParser parser;
    ASSERT_FALSE(parser.parse(text));
    const Refusal& refusal = parser.refusal();
    std::string reply;
    append_error(reply, refusal.id, {.code = refusal.code, .message = refusal.message});
    const auto json = nlohmann::json::parse(reply);
    EXPECT_EQ(json["error"]["message"], refusal.message) << reply;
    EXPECT_EQ(json["error"]["code"], static_cast<int>(refusal.code));
  }
}

}  // namespace
}  // namespace duolog::push
