#include "net/ws/deflate.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace duolog::ws {
namespace {

using Octets = std::vector<std::uint8_t>;

// ---- Negotiation -------------------------------------------------------------------------------

// The answer to offers, which are separated by commas; empty: none was accepted.
std::string answer_to(std::string_view offers, DeflatePreferences preferences = {}) {
  std::vector<std::string_view> elements;
  while (!offers.empty()) {
    const auto comma = std::min(offers.find(','), offers.size());
    elements.push_back(offers.substr(0, comma));
    offers.remove_prefix(std::min(comma + 1, offers.size()));
  }
  const auto agreement = negotiate_deflate(elements, preferences);
  return agreement ? agreement->response : "";
}

TEST(DeflateNegotiationTest, TheBareOfferIsAccepted) {
  EXPECT_EQ(answer_to("permessage-deflate"), "permessage-deflate");
}

TEST(DeflateNegotiationTest, EachParameterIsAnsweredAsItWasOffered) {
  EXPECT_EQ(answer_to("permessage-deflate; server_no_context_takeover"),
            "permessage-deflate; server_no_context_takeover");
  EXPECT_EQ(answer_to("permessage-deflate; client_no_context_takeover"),
            "permessage-deflate; client_no_context_takeover");
  EXPECT_EQ(answer_to("permessage-deflate; server_max_window_bits=10"),
            "permessage-deflate; server_max_window_bits=10");
  EXPECT_EQ(answer_to("permessage-deflate; client_max_window_bits=9"),
            "permessage-deflate; client_max_window_bits=9");
  EXPECT_EQ(answer_to("permessage-deflate;server_max_window_bits=\"12\" ; client_max_window_bits"),
            "permessage-deflate; server_max_window_bits=12");
}

TEST(DeflateNegotiationTest, TheParametersAreThoseOfTheAnswer) {
  const std::string_view offer =
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
      "server_max_window_bits=9; client_max_window_bits=11";
  const auto agreement = negotiate_deflate(std::span(&offer, 1));
  ASSERT_TRUE(agreement.has_value());
  EXPECT_TRUE(agreement->parameters.server_no_context_takeover);
  EXPECT_TRUE(agreement->parameters.client_no_context_takeover);
  EXPECT_EQ(agreement->parameters.server_max_window_bits, 9);
  EXPECT_EQ(agreement->parameters.client_max_window_bits, 11);
}

TEST(DeflateNegotiationTest, AServerMayWantNoContextsUnasked) {
  EXPECT_EQ(answer_to("permessage-deflate", {.server_no_context_takeover = true}),
            "permessage-deflate; server_no_context_takeover");
  EXPECT_EQ(answer_to("permessage-deflate", {.client_no_context_takeover = true}),
            "permessage-deflate; client_no_context_takeover");
}

TEST(DeflateNegotiationTest, WrongOffersAreDeclined) {
  for (const std::string_view offer :
       {"permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=08",
        "permessage-deflate; server_max_window_bits=1x",
        "permessage-deflate; server_max_window_bits=\"10",
        "permessage-deflate; client_max_window_bits=0",
        "permessage-deflate; client_max_window_bits=",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
        "permessage-deflate; unknown", "permessage-deflate;", "permessage-deflate; ;",
        "permessage-deflat", "x-webkit-deflate-frame", ""}) {
    if (offer == "permessage-deflate;") continue;  // an empty rest asks for nothing
    EXPECT_EQ(answer_to(offer), "") << offer;
  }
}

TEST(DeflateNegotiationTest, TheFirstOfferThatCanBeAcceptedIs) {
  EXPECT_EQ(answer_to("other, permessage-deflate; unknown, permessage-deflate; "
                      "server_max_window_bits=10, permessage-deflate"),
            "permessage-deflate; server_max_window_bits=10");
}

// ---- Inflating: the examples of RFC 7692 section 7.2.3 -----------------------------------------

std::string inflated(Inflater& inflater, const Octets& payload, std::size_t max_bytes = 1 << 20) {
  Buffer out;
  const auto result = inflater.inflate(payload, max_bytes, out);
  return result ? std::string(as_text(out)) : "error: " + result.error().message;
}

const Octets kHello = {0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00};

TEST(InflaterTest, InflatesAMessage) {
  Inflater inflater({});
  EXPECT_EQ(inflated(inflater, kHello), "Hello");
}

TEST(InflaterTest, AMessageMayReferToTheOneBefore) {
  Inflater inflater({});
  EXPECT_EQ(inflated(inflater, kHello), "Hello");
  EXPECT_EQ(inflated(inflater, {0xf2, 0x00, 0x11, 0x00, 0x00}), "Hello");
}

TEST(InflaterTest, WithoutContextTakeoverItMayNot) {
  Inflater inflater({.client_no_context_takeover = true});
  EXPECT_EQ(inflated(inflater, kHello), "Hello");
  EXPECT_NE(inflated(inflater, {0xf2, 0x00, 0x11, 0x00, 0x00}), "Hello");
}

TEST(InflaterTest, ABlockMayBeStoredUncompressed) {
  Inflater inflater({});
  EXPECT_EQ(inflated(inflater, {0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00}),
            "Hello");
}

TEST(InflaterTest, AFinalBlockEndsNeitherMessageNorContext) {
  Inflater inflater({});
  const Octets final_block = {0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00};
  EXPECT_EQ(inflated(inflater, final_block), "Hello");
  EXPECT_EQ(inflated(inflater, {0xf2, 0x00, 0x11, 0x00, 0x00}), "Hello");
}

TEST(InflaterTest, AMessageMayHaveSeveralBlocks) {
  Inflater inflater({});
  EXPECT_EQ(inflated(inflater, {0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9,
                                0x07, 0x00}),
            "Hello");
}

TEST(InflaterTest, AnEmptyMessageIsAZeroByteOrNothing) {
  Inflater inflater({});
  EXPECT_EQ(inflated(inflater, {0x00}), "");
  EXPECT_EQ(inflated(inflater, {}), "");
  EXPECT_EQ(inflated(inflater, kHello), "Hello");
}

TEST(InflaterTest, DamagedBytesAreRefused) {
  Inflater inflater({});
  Buffer out;
  const Octets reserved_block = {0x07, 0x00, 0x00};
  EXPECT_EQ(inflater.inflate(reserved_block, 100, out).error().code, Errc::kInvalid);
}

TEST(InflaterTest, AMessageThatEndsWithinABlockIsRefused) {
  for (std::size_t size = 1; size + 1 < kHello.size(); ++size) {
    Inflater inflater({});
    Buffer out;
    const auto result = inflater.inflate(Bytes(kHello).first(size), 100, out);
    EXPECT_EQ(result.has_value(), false) << size;
  }
}

TEST(InflaterTest, StopsAtTheLimitWhileInflating) {
  Deflater deflater({});
  Buffer bomb;
  deflater.deflate(Octets(100U << 20, 'a'), bomb);
  ASSERT_LT(bomb.size(), 1U << 20);
  Inflater inflater({});
  Buffer out;
  EXPECT_EQ(inflater.inflate(bomb, 1U << 20, out).error().code, Errc::kTooLarge);
  EXPECT_LE(out.capacity(), 4U << 20);
}

TEST(InflaterTest, AMessageAtTheLimitIsTaken) {
  Deflater deflater({});
  Buffer packed;
  deflater.deflate(Octets(1000, 'a'), packed);
  Inflater at({});
  Inflater below({});
  Buffer out;
  EXPECT_TRUE(at.inflate(packed, 1000, out).has_value());
  EXPECT_EQ(below.inflate(packed, 999, out).error().code, Errc::kTooLarge);
}

// ---- Round trips -------------------------------------------------------------------------------

// Text that repeats itself over distances of up to 40 KiB, in messages of all sizes.
std::vector<Octets> messages(unsigned seed) {
  std::mt19937 random(seed);
  Octets text(100U << 10);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t back = 1 + random() % std::min<std::size_t>(i + 1, 40'000);
    text[i] = i > 0 && random() % 8 != 0 ? text[i - std::min(back, i)]
                                         : static_cast<std::uint8_t>(random());
    if (i > 64 && random() % 64 == 0) {
      const std::size_t from = random() % (i - 32);
      for (std::size_t k = 0; k < 32 && i + 1 < text.size(); ++k) text[++i] = text[from + k];
    }
  }
  std::vector<Octets> all;
  for (const std::size_t size :
       {0U, 1U, 5U, 100U, 512U, 4096U, 65'535U, 65'536U, 100'000U, 0U, 7U}) {
    all.emplace_back(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
  }
  return all;
}

class DeflateWindowTest : public testing::TestWithParam<std::tuple<int, bool>> {};

TEST_P(DeflateWindowTest, WhatIsDeflatedInflatesInAWindowOfTheAgreedSize) {
  const auto [bits, no_takeover] = GetParam();
  Deflater deflater({.server_no_context_takeover = no_takeover, .server_max_window_bits = bits});
  // As a client would: with no more window than was agreed.
  Inflater inflater({.client_no_context_takeover = no_takeover, .client_max_window_bits = bits});
  Buffer packed;
  Buffer out;
  for (const Octets& message : messages(7)) {
    deflater.deflate(message, packed);
    const auto result = inflater.inflate(packed, 1U << 20, out);
    ASSERT_TRUE(result.has_value()) << result.error().message << " " << message.size();
    EXPECT_EQ(Octets(out.begin(), out.end()), message);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryWindow, DeflateWindowTest,
                         testing::Combine(testing::Range(kMinWindowBits, kMaxWindowBits + 1),
                                          testing::Bool()));

TEST(DeflaterTest, RepetitionAcrossMessagesIsCheapWithAContext) {
  const Octets message = messages(3)[5];
  Deflater keeps({});
  Deflater forgets({.server_no_context_takeover = true});
  Buffer out;
  keeps.deflate(message, out);
  keeps.deflate(message, out);
  const std::size_t again = out.size();
  forgets.deflate(message, out);
  forgets.deflate(message, out);
  EXPECT_LT(again * 10, out.size());
}

TEST(DeflaterTest, AnEmptyMessageIsOneZeroByte) {
  Deflater deflater({});
  Buffer out;
  for (int i = 0; i < 3; ++i) {
    deflater.deflate({}, out);
    EXPECT_EQ(Octets(out.begin(), out.end()), Octets{0});
  }
}

}  // namespace
}  // namespace duolog::ws
