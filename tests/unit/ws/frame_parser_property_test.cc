// Properties of FrameParser: how a stream is cut changes nothing, and no input breaks it.
#include <iterator>
#include <random>

#include <gtest/gtest.h>

#include "tests/unit/ws/frame_stream.h"

namespace duolog::ws {
namespace {

std::uint64_t fresh_seed() { return std::random_device{}(); }

std::string random_text(std::mt19937_64& random) {
  static constexpr std::string_view kPieces[] = {"a",
                                                 "plain ASCII, longer than one block of sixteen",
                                                 "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
  std::string text;
  const std::size_t pieces = random() % (random() % 20 ? 12 : 300);
  for (std::size_t i = 0; i < pieces; ++i) text += kPieces[random() % std::size(kPieces)];
  return text;
}

// Appends a message in random fragments with control frames between them, and the events expected.
void append_random_message(Stream& stream, Events& expected, std::mt19937_64& random) {
  const bool text = random() % 2 == 0;
  const std::string payload = random_text(random);
  std::size_t at = 0;
  bool first = true;
  do {
    const std::size_t take =
        random() % 2 ? payload.size() - at : random() % (payload.size() - at + 1);
    const bool fin = at + take == payload.size() && random() % 4 != 0;
    const Opcode opcode = !first ? Opcode::kContinuation : text ? Opcode::kText : Opcode::kBinary;
    append_masked_frame(stream, opcode, fin, as_bytes(payload).subspan(at, take),
                        static_cast<MaskKey>(random()));
    at += take;
    first = false;
    if (fin) break;
    if (random() % 3 == 0) {
      const std::string ping(random() % 126, 'p');
      append_masked_frame(stream, Opcode::kPing, true, as_bytes(ping),
                          static_cast<MaskKey>(random()));
      expected.push_back("ping " + ping);
    }
  } while (true);
  expected.push_back((text ? "text " : "binary ") + payload);
}

TEST(FrameParserPropertyTest, GivesTheSameEventsHoweverTheStreamIsCut) {
  const std::uint64_t seed = fresh_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 60; ++round) {
    Stream stream;
    Events expected;
    const std::size_t messages = 1 + random() % 8;
    for (std::size_t i = 0; i < messages; ++i) append_random_message(stream, expected, random);
    ASSERT_EQ(events_of(stream), expected);
    ASSERT_EQ(events_in_slices(stream, 1), expected);
    for (int i = 0; i < 10; ++i) ASSERT_EQ(events_in_random_slices(stream, random), expected);
  }
}

TEST(FrameParserPropertyTest, GivesTheSameEventsForDamagedStreamsHoweverTheyAreCut) {
  const std::uint64_t seed = fresh_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const FrameParserConfig config{.max_message_bytes = 2000};
  std::size_t errors = 0;
  for (int round = 0; round < 1500; ++round) {
    Stream stream;
    Events ignored;
    for (int i = 0; i < 3; ++i) append_random_message(stream, ignored, random);
    append_frame(stream, Opcode::kClose, true, "\x03\xE8 bye");
    for (std::size_t i = 0; i < 1 + random() % 3; ++i) {
      stream[random() % stream.size()] = static_cast<std::uint8_t>(random());
    }
    const Events whole = events_of(stream, config);
    if (!whole.empty() && whole.back().starts_with("error")) ++errors;
    ASSERT_EQ(events_in_slices(stream, 1, config), whole);
    ASSERT_EQ(events_in_random_slices(stream, random, config), whole);
  }
  EXPECT_GT(errors, 100u);
}

TEST(FrameParserPropertyTest, SurvivesRandomBytes) {
  const std::uint64_t seed = fresh_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 3000; ++round) {
    Stream stream(random() % 200);
    for (auto& byte : stream) byte = static_cast<std::uint8_t>(random());
    if (stream.size() > 1) {  // get past the first two bytes more often than by chance
      stream[0] &= 0x8F;
      stream[1] |= 0x80;
    }
    ASSERT_EQ(events_in_slices(stream, 1), events_of(stream));
  }
}

}  // namespace
}  // namespace duolog::ws
