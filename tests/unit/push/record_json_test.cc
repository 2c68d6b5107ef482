#include "net/push/record_json.h"

#include <array>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "net/push/command_parser.h"
#include "net/ws/utf8.h"

namespace duolog::push {
namespace {

using namespace std::string_literals;

struct TestHeader {
  std::string key;
  std::optional<std::string> value;
};
struct TestRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<TestHeader> headers;
};

std::optional<Bytes> bytes_of(const std::optional<std::string>& text) {
  return text ? std::optional(as_bytes(*text)) : std::nullopt;
}

void append_item(Buffer& out, const TestRecord& record) {
  begin_item(out, {.offset = Offset(8812),
                   .timestamp = Timestamp(1790000000000),
                   .key = bytes_of(record.key),
                   .value = bytes_of(record.value)});
  if (!record.headers.empty()) {
    begin_headers(out);
    for (const TestHeader& header : record.headers) {
      append_header(out, &header == record.headers.data(),
                    {.key = header.key, .value = bytes_of(header.value)});
    }
    end_headers(out);
  }
  end_item(out);
}

std::string item_of(const TestRecord& record) {
  Buffer out;
  append_item(out, record);
  return std::string(as_text(out));
}

std::string head_of(const RecordsHead& head) {
  std::array<char, kMaxHeadBytes> text;
  return std::string(text.data(), write_head(head, text));
}

TEST(RecordJsonTest, WritesAPushOfRecords) {
  Buffer out;
  out.append(as_bytes(head_of({.sid = 8,
                               .partition = PartitionId(0),
                               .base = Offset(8812),
                               .next = Offset(8814),
                               .epoch = LeaderEpoch(4)})));
  append_item(out, {.key = "AAPL", .value = "{...}", .headers = {{"k", "v"}}});
  out.append(as_bytes(","));
  append_item(out, {.key = "AAPL", .value = std::nullopt, .headers = {}});
  out.append(as_bytes(kRecordsTail));
  EXPECT_EQ(as_text(out),
            R"({"records":{"sid":8,"partition":0,"base":"8812","next":"8814","epoch":4,"items":[)"
            R"({"o":"8812","t":1790000000000,"key":"AAPL","value":"{...}","headers":[["k","v"]]},)"
            R"({"o":"8812","t":1790000000000,"key":"AAPL","value":null}]}})");
}

TEST(RecordJsonTest, WritesBytesThatAreNoUtf8AsBase64) {
  EXPECT_EQ(item_of({.key = "\xFF", .value = "\0\xFF\2"s, .headers = {{"k", "\xFE"}, {"n", {}}}}),
            R"({"o":"8812","t":1790000000000,"key_b64":"/w==","value_b64":"AP8C",)"
            R"("headers":[["k",{"v_b64":"/g=="}],["n",null]]})");
}

TEST(RecordJsonTest, ReplacesWhatIsNoUtf8InAHeadersKey) {
  EXPECT_EQ(item_of({.key = "", .value = "", .headers = {{"a\xFF\"b", ""}}}),
            R"({"o":"8812","t":1790000000000,"key":"","value":"","headers":[["a)"
            "\xEF\xBF\xBD"
            R"(\"b",""]]})");
}

TEST(RecordJsonTest, WritesTheHeadOfTheLargestNumbers) {
  constexpr auto kMin64 = std::numeric_limits<std::int64_t>::min();
  constexpr auto kMin32 = std::numeric_limits<std::int32_t>::min();
  EXPECT_EQ(head_of({.sid = std::numeric_limits<std::uint32_t>::max(),
                     .partition = PartitionId(kMin32),
                     .base = Offset(kMin64),
                     .next = Offset(kMin64),
                     .epoch = LeaderEpoch(kMin32)}),
            R"({"records":{"sid":4294967295,"partition":-2147483648,"base":"-9223372036854775808",)"
            R"("next":"-9223372036854775808","epoch":-2147483648,"items":[)");
  Buffer out;
  begin_item(out,
             {.offset = Offset(kMin64), .timestamp = Timestamp(kMin64), .key = {}, .value = {}});
  end_item(out);
  EXPECT_EQ(as_text(out),
            R"({"o":"-9223372036854775808","t":-9223372036854775808,"key":null,"value":null})");
}

// Plain bytes, and now and then one to be escaped, a character of several bytes, or none at all.
std::string random_bytes(std::mt19937_64& random) {
  std::string bytes;
  const bool valid = random() % 2 == 0;
  for (std::size_t i = random() % (random() % 10 ? 40 : 400); i > 0; --i) {
    switch (random() % (valid ? 6 : 7)) {
      case 0:
        bytes += static_cast<char>(random() % 0x80);
        break;
      case 1:
        bytes += "\xE2\x82\xAC";
        break;
      case 6:
        bytes += static_cast<char>(random());
        break;
      default:
        bytes += "plain";
    }
  }
  return bytes;
}
std::optional<std::string> random_field(std::mt19937_64& random) {
  return random() % 5 ? std::optional(random_bytes(random)) : std::nullopt;
}

// A text is itself in nlohmann-json, and base64 otherwise.
void expect_field(const nlohmann::json& object, const std::string& name,
                  const std::optional<std::string>& bytes) {
  if (!bytes) {
    EXPECT_TRUE(object.at(name).is_null());
  } else if (ws::is_valid_utf8(as_bytes(*bytes))) {
    EXPECT_EQ(object.at(name), *bytes);
  } else {
    EXPECT_TRUE(object.at(name + "_b64").is_string());
    EXPECT_FALSE(object.contains(name));
  }
}

// An item has the shape of a record to be published, so that what was written can be read back.
TEST(RecordJsonTest, CanBePublishedAgainWhateverTheRecordIs) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  CommandParser parser;
  for (int round = 0; round < 2000 && !::testing::Test::HasFailure(); ++round) {
    TestRecord record{random_field(random), random_field(random), {}};
    for (std::size_t i = random() % 4; i > 0; --i) {
      record.headers.push_back({"header " + std::to_string(i), random_field(random)});
    }
    const std::string item = item_of(record);
    const auto json = nlohmann::json::parse(item);
    expect_field(json, "key", record.key);
    expect_field(json, "value", record.value);

    const Command* const command =
        parser.parse(R"({"id":1,"publish":{"topic":"t","records":[)" + item + "]}}");
    ASSERT_TRUE(command) << parser.refusal().message;
    const PublishRecord& read = std::get<Publish>(command->what).records[0];
    EXPECT_EQ(read.key, record.key);
    EXPECT_EQ(read.value, record.value);
    EXPECT_EQ(read.timestamp, Timestamp(1790000000000));
    ASSERT_EQ(read.headers.size(), record.headers.size());
    for (std::size_t i = 0; i < record.headers.size(); ++i) {
      EXPECT_EQ(read.headers[i].key, record.headers[i].key);
      EXPECT_EQ(read.headers[i].value, record.headers[i].value);
    }
  }
}

// What nlohmann-json writes, with every escape that it may use, is what the parser reads.
TEST(RecordJsonTest, ReadsWhatAnotherLibraryWrote) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  CommandParser parser;
  for (int round = 0; round < 1000; ++round) {
    const std::string value = random_bytes(random);
    if (!ws::is_valid_utf8(as_bytes(value))) continue;
    const nlohmann::json publish = {
        {"id", 1}, {"publish", {{"topic", "t"}, {"records", {{{"value", value}}}}}}};
    const Command* const command = parser.parse(publish.dump(-1, ' ', round % 2 == 0));
    ASSERT_TRUE(command) << parser.refusal().message;
    ASSERT_EQ(std::get<Publish>(command->what).records[0].value, value);
  }
}

}  // namespace
}  // namespace duolog::push
