#include <gtest/gtest.h>

#include "tests/unit/kafka/message_cases.h"

namespace duolog::kafka::test {
namespace {

TEST(MessageTest, EveryVersionOfEveryMessageRoundTrips) {
  constexpr int kRounds = 50;
  for_each_version([](const MessageCase& message, std::int16_t version) {
    for (int round = 0; round < kRounds; ++round) {
      const std::uint64_t round_seed = seed() + static_cast<std::uint64_t>(round);
      Rng rng(round_seed);
      EXPECT_TRUE(message.round_trips(rng, version))
          << message.name << " v" << version << " DUOLOG_SEED=" << round_seed;
    }
  });
}

// A copy of exactly the right size, so that AddressSanitizer sees every byte read beyond it.
Result<void> decode_copy(const MessageCase& message, std::int16_t version, Bytes bytes) {
  const std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
  return message.decode(copy, version);
}

TEST(MessageTest, EveryTruncationIsAnErrorThatNamesTheMessage) {
  for_each_version([](const MessageCase& message, std::int16_t version) {
    Rng rng(seed());
    const auto bytes = message.random(rng, version);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto decoded = decode_copy(message, version, Bytes(bytes).first(size));
      ASSERT_FALSE(decoded) << message.name << " v" << version << " of " << size << " bytes";
      EXPECT_TRUE(decoded.error().message.starts_with(message.name)) << decoded.error().message;
    }
  });
}

TEST(MessageTest, BytesBehindTheMessageArePassedOver) {
  for_each_version([](const MessageCase& message, std::int16_t version) {
    Rng rng(seed());
    auto bytes = message.random(rng, version);
    bytes.insert(bytes.end(), {0, 0xff, 0x7f});
    EXPECT_TRUE(message.decode(bytes, version)) << message.name << " v" << version;
  });
}

// What is decoded from a damaged message, if anything, is still a message.
TEST(MessageTest, DamagedMessagesAreDecodedOrRefusedAndNothingElse) {
  constexpr int kRounds = 40;
  std::size_t refused = 0;
  for_each_version([&](const MessageCase& message, std::int16_t version) {
    Rng rng(seed() + static_cast<std::uint64_t>(version));
    for (int round = 0; round < kRounds; ++round) {
      auto bytes = message.random(rng, version);
      if (bytes.empty()) continue;
      constexpr std::uint8_t kNasty[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
      for (std::size_t change = 0; change <= rng() % 4; ++change) {
        bytes[rng() % bytes.size()] = kNasty[rng() % std::size(kNasty)];
      }
      if (!decode_copy(message, version, bytes)) ++refused;
    }
  });
  EXPECT_GT(refused, 0U);
}

TEST(MessageTest, VersionsOutsideTheRangeAreUnsupported) {
  for (const MessageCase& message : message_cases()) {
    for (int version : {message.versions.first - 1, message.versions.last + 1}) {
      const auto decoded = message.decode({}, static_cast<std::int16_t>(version));
      ASSERT_FALSE(decoded);
      EXPECT_EQ(decoded.error().code, Errc::kUnsupported) << message.name;
    }
  }
}

}  // namespace
}  // namespace duolog::kafka::test
