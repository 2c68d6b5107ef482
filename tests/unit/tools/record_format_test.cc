#include "tools/duolog/client/record_format.h"

#include <gtest/gtest.h>

namespace duolog::tools {
namespace {

std::string formatted(std::string_view format, const RecordView& record) {
  std::string text;
  RecordFormat::parse(format).value().append(record, text);
  return text;
}

std::string json(const RecordView& record) {
  std::string text;
  append_json(record, text);
  return text;
}

TEST(RecordFormatTest, FillsEveryPlaceholder) {
  const RecordView record{"t", 3, 42, 1700, "key", "value", {{"a", "1"}, {"b", std::nullopt}}};
  EXPECT_EQ(formatted("{topic} {partition} {offset} {timestamp} {key} {value} {headers}", record),
            "t 3 42 1700 key value a=1,b=");
}

TEST(RecordFormatTest, KnowsEscapesAndBraces) {
  EXPECT_EQ(formatted(R"(a\tb\n\\{{x}}\q)", {}), "a\tb\n\\{x}\\q");
}

TEST(RecordFormatTest, PrintsNullAsNothing) { EXPECT_EQ(formatted("[{key}{value}]", {}), "[]"); }

TEST(RecordFormatTest, NamesAPlaceholderThatItDoesNotKnow) {
  for (const char* format : {"{colour}", "{key", "{", "{}"}) {
    const Result<RecordFormat> parsed = RecordFormat::parse(format);
    ASSERT_FALSE(parsed.has_value()) << format;
    EXPECT_NE(parsed.error().message.find(format[1] == 'c' ? "'{colour'" : "'{"),
              std::string::npos);
  }
}

TEST(RecordJsonTest, TellsNullFromEmpty) {
  RecordView record{"t", 0, 1, 2, std::nullopt, "", {}};
  EXPECT_EQ(
      json(record),
      R"({"topic":"t","partition":0,"offset":1,"timestamp":2,"key":null,"value":"","headers":[]})"
      "\n");
}

TEST(RecordJsonTest, EncodesWhatIsNotUtf8AsBase64) {
  RecordView record{"t", 0, 1, 2, "k", "\xff\xfe", {{"h", "\xc3"}}};
  EXPECT_EQ(json(record),
            R"({"topic":"t","partition":0,"offset":1,"timestamp":2,"key":"k","value_b64":"//4=",)"
            R"("headers":[{"k":"h","v_b64":"ww=="}]})"
            "\n");
}

}  // namespace
}  // namespace duolog::tools
