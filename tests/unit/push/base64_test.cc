#include "net/push/base64.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace duolog::push {
namespace {

std::string encode(std::string_view bytes) {
  Buffer out;
  append_base64(out, as_bytes(bytes));
  return std::string(as_text(out));
}

// The bytes, or "refused".
std::string decode(std::string text) {
  auto* const place = reinterpret_cast<std::uint8_t*>(text.data());
  const auto size = decode_base64(text, place);
  return size ? text.substr(0, *size) : "refused";
}

// RFC 4648 section 10.
TEST(Base64Test, ConvertsTheExamplesOfTheRfcBothWays) {
  const std::pair<std::string, std::string> examples[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : examples) {
    EXPECT_EQ(encode(bytes), text);
    EXPECT_EQ(decode(text), bytes);
  }
}

TEST(Base64Test, GivesBackRandomBytes) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 1000; ++round) {
    std::string bytes(random() % 100, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    ASSERT_EQ(decode(encode(bytes)), bytes);
  }
}

TEST(Base64Test, RefusesWhatNoEncoderWrites) {
  for (const char* text :
       {"Z",    "Zg",       "Zg=",   "Zm8",  "=",    "==",     "===",   "====",
        "Z===", "Zg==Zg==", "Zm=v",  "Zh==", "Zm9=", "Zm9v\n", " Zm9v", "Zm9v    ",
        "Zm-_", "Zm9\x80",  "Zm9v=", "=Zm9", "Zg=a", "?g==",   "?m8="}) {
    EXPECT_EQ(decode(text), "refused") << text;
  }
  EXPECT_EQ(decode(std::string("Zm9\0", 4)), "refused");
}

}  // namespace
}  // namespace duolog::push
