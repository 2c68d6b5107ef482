#include "net/ws/utf8.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace duolog::ws {
namespace {

// A second opinion that shares nothing with the validator: decode by bit patterns, then judge the
// code point.
bool decodes(const std::vector<std::uint8_t>& text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::uint8_t lead = text[i];
    std::size_t more = 0;
    if ((lead & 0x80) == 0)
      more = 0;
    else if ((lead & 0xE0) == 0xC0)
      more = 1;
    else if ((lead & 0xF0) == 0xE0)
      more = 2;
    else if ((lead & 0xF8) == 0xF0)
      more = 3;
    else
      return false;
    if (i + more >= text.size()) return false;
    std::uint32_t point = more == 0 ? lead : lead & (0x3Fu >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      if ((text[i + k] & 0xC0) != 0x80) return false;
      point = point << 6 | (text[i + k] & 0x3Fu);
    }
    static constexpr std::array<std::uint32_t, 4> kLeast = {0, 0x80, 0x800, 0x10000};
    if (point < kLeast[more] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) {
      return false;
    }
    i += more + 1;
  }
  return true;
}

bool valid(std::string_view text) { return is_valid_utf8(as_bytes(text)); }

TEST(Utf8Test, AgreesWithADecoderOnEverySequenceOfUpToThreeBytes) {
  std::vector<std::uint8_t> text;
  for (std::uint32_t a = 0; a < 256; ++a) {
    text = {static_cast<std::uint8_t>(a)};
    ASSERT_EQ(is_valid_utf8(text), decodes(text)) << a;
    for (std::uint32_t b = 0; b < 256; ++b) {
      text = {static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b)};
      ASSERT_EQ(is_valid_utf8(text), decodes(text)) << a << " " << b;
      text.push_back(0);
      for (std::uint32_t c = 0; c < 256; ++c) {
        text[2] = static_cast<std::uint8_t>(c);
        if (is_valid_utf8(text) != decodes(text)) FAIL() << a << " " << b << " " << c;
      }
    }
  }
}

TEST(Utf8Test, AgreesWithADecoderOnFourByteSequences) {
  static constexpr std::array<std::uint8_t, 8> kEdges = {0x00, 0x7F, 0x80, 0x8F,
                                                         0x90, 0xBF, 0xC0, 0xFF};
  for (std::uint32_t a = 0xEF; a < 256; ++a) {
    for (std::uint32_t b = 0; b < 256; ++b) {
      for (const std::uint8_t c : kEdges) {
        for (const std::uint8_t d : kEdges) {
          const std::vector<std::uint8_t> text = {static_cast<std::uint8_t>(a),
                                                  static_cast<std::uint8_t>(b), c, d};
          if (is_valid_utf8(text) != decodes(text))
            FAIL() << a << " " << b << " " << +c << " " << +d;
        }
      }
    }
  }
}

TEST(Utf8Test, AcceptsTheFirstAndTheLastCharacterOfEachLength) {
  EXPECT_TRUE(valid(""));
  EXPECT_TRUE(valid(std::string_view("\0", 1)));
  EXPECT_TRUE(valid("\x7F"));
  EXPECT_TRUE(valid("\xC2\x80"));
  EXPECT_TRUE(valid("\xDF\xBF"));
  EXPECT_TRUE(valid("\xE0\xA0\x80"));
  EXPECT_TRUE(valid("\xEF\xBF\xBF"));
  EXPECT_TRUE(valid("\xF0\x90\x80\x80"));
  EXPECT_TRUE(valid("\xF4\x8F\xBF\xBF"));
}

TEST(Utf8Test, RefusesSurrogates) {
  EXPECT_TRUE(valid("\xED\x9F\xBF"));
  EXPECT_FALSE(valid("\xED\xA0\x80"));
  EXPECT_FALSE(valid("\xED\xBF\xBF"));
  EXPECT_TRUE(valid("\xEE\x80\x80"));
}

TEST(Utf8Test, RefusesOverlongForms) {
  EXPECT_FALSE(valid("\xC0\x80"));
  EXPECT_FALSE(valid("\xC1\xBF"));
  EXPECT_FALSE(valid("\xE0\x9F\xBF"));
  EXPECT_FALSE(valid("\xF0\x8F\xBF\xBF"));
}

TEST(Utf8Test, RefusesWhatLiesAboveTheLastCodePoint) {
  EXPECT_FALSE(valid("\xF4\x90\x80\x80"));
  EXPECT_FALSE(valid("\xF5\x80\x80\x80"));
  EXPECT_FALSE(valid("\xFF"));
}

TEST(Utf8Test, RefusesACharacterThatIsCutShort) {
  EXPECT_FALSE(valid("\xC3"));
  EXPECT_FALSE(valid("\xE2\x82"));
  EXPECT_FALSE(valid("\xF0\x9F\x98"));
  EXPECT_FALSE(valid("\xE2\x82 "));
}

TEST(Utf8Test, FailsAtTheByteThatBreaksTheText) {
  const std::string text = "\xF4\x90\x80\x80";  // the second byte already leaves the range
  Utf8Validator validator;
  EXPECT_TRUE(validator.feed(as_bytes(text).subspan(0, 1)));
  EXPECT_FALSE(validator.feed(as_bytes(text).subspan(1, 1)));
}

TEST(Utf8Test, GoesOnInsideACharacterThatSlicesCut) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Utf8Validator validator;
    EXPECT_TRUE(validator.feed(as_bytes(text).first(cut))) << cut;
    EXPECT_TRUE(validator.feed(as_bytes(text).subspan(cut))) << cut;
    EXPECT_TRUE(validator.complete());
  }
}

TEST(Utf8Test, FindsOneBadByteAtEveryPlaceOfALongText) {
  for (std::size_t size = 1; size < 70; ++size) {
    std::string text(size, 'x');
    EXPECT_TRUE(valid(text));
    for (std::size_t at = 0; at < size; ++at) {
      text[at] = '\x80';
      EXPECT_FALSE(valid(text)) << size << " " << at;
      text[at] = 'x';
    }
  }
}

TEST(Utf8Test, StartsAfreshAfterAReset) {
  Utf8Validator validator;
  EXPECT_TRUE(validator.feed(as_bytes("\xE2\x82")));
  EXPECT_FALSE(validator.complete());
  validator.reset();
  EXPECT_TRUE(validator.complete());
  EXPECT_TRUE(validator.feed(as_bytes("a")));
}

}  // namespace
}  // namespace duolog::ws
