#include "net/ws/frame_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ws/frame_stream.h"

namespace duolog::ws {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const FrameParserConfig kClient{.role = Role::kClient};

// RFC 6455 section 5.7, as the side that receives each of them.
TEST(FrameParserTest, ReadsTheExamplesOfTheRfc) {
  EXPECT_THAT(
      events_of(stream_of({0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58})),
      ElementsAre("text Hello"));
  EXPECT_THAT(
      events_of(stream_of({0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58})),
      ElementsAre("pong Hello"));
  EXPECT_THAT(events_of(stream_of({0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F}), kClient),
              ElementsAre("text Hello"));
  EXPECT_THAT(events_of(stream_of({0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F}), kClient),
              ElementsAre("text Hello"));
  EXPECT_THAT(events_of(stream_of({0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F}), kClient),
              ElementsAre("ping Hello"));
  for (const std::size_t size : {256u, 65536u}) {
    Stream stream = size == 256 ? stream_of({0x82, 0x7E, 0x01, 0x00})
                                : stream_of({0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0});
    stream.resize(stream.size() + size, 'b');
    EXPECT_THAT(events_of(stream, kClient), ElementsAre("binary " + std::string(size, 'b')));
  }
}

TEST(FrameParserTest, DeliversAMessageWithinTheSliceAsAView) {
  Stream stream = one_frame(Opcode::kBinary, true, "payload");
  FrameParser parser;
  MutableBytes input(stream);
  const FrameEvent event = parser.next(input);
  EXPECT_EQ(event.payload.data(), stream.data() + 6);
  EXPECT_EQ(parser.buffer_bytes(), 0u);
  EXPECT_TRUE(input.empty());
}

TEST(FrameParserTest, GivesOneEventACallAndLeavesTheRestOfTheSlice) {
  Stream stream = one_frame(Opcode::kText, true, "a");
  const std::size_t first = stream.size();
  append_frame(stream, Opcode::kText, true, "b");
  FrameParser parser;
  MutableBytes input(stream);
  EXPECT_EQ(describe(parser.next(input)), "text a");
  EXPECT_EQ(input.data(), stream.data() + first);
  EXPECT_EQ(describe(parser.next(input)), "text b");
  EXPECT_EQ(describe(parser.next(input)), "need more");
}

TEST(FrameParserTest, AssemblesFragmentsAlsoEmptyOnes) {
  Stream stream;
  append_frame(stream, Opcode::kText, false, "");
  append_frame(stream, Opcode::kContinuation, false, "Hel");
  append_frame(stream, Opcode::kContinuation, false, "");
  append_frame(stream, Opcode::kContinuation, true, "lo");
  append_frame(stream, Opcode::kBinary, false, "x");
  append_frame(stream, Opcode::kContinuation, true, "");
  append_frame(stream, Opcode::kBinary, true, "");
  EXPECT_THAT(events_of(stream), ElementsAre("text Hello", "binary x", "binary "));
}

TEST(FrameParserTest, DeliversControlFramesBetweenFragmentsAtOnce) {
  Stream stream;
  append_frame(stream, Opcode::kText, false, "Hel");
  append_frame(stream, Opcode::kPing, true, "p");
  EXPECT_THAT(events_of(stream), ElementsAre("ping p"));
  append_frame(stream, Opcode::kPong, true, "q");
  append_frame(stream, Opcode::kContinuation, true, "lo");
  EXPECT_THAT(events_of(stream), ElementsAre("ping p", "pong q", "text Hello"));
}

TEST(FrameParserTest, DeliversEveryPingInOrder) {
  Stream stream;
  Events expected;
  for (int i = 0; i < 100; ++i) {
    append_frame(stream, Opcode::kPing, true, std::to_string(i));
    expected.push_back("ping " + std::to_string(i));
  }
  EXPECT_EQ(events_of(stream), expected);
  EXPECT_EQ(events_in_slices(stream, 1), expected);
}

TEST(FrameParserTest, AcceptsAControlFrameOf125Bytes) {
  const std::string payload(125, 'p');
  const Stream stream = one_frame(Opcode::kPing, true, payload);
  EXPECT_THAT(events_of(stream), ElementsAre("ping " + payload));
  EXPECT_THAT(events_in_slices(stream, 7), ElementsAre("ping " + payload));
}

TEST(FrameParserTest, DeliversAValidMessageBeforeTheBadFrameBehindIt) {
  Stream stream = one_frame(Opcode::kText, true, "good");
  append_bytes(stream, {0x83, 0x80, 0, 0, 0, 0});
  EXPECT_THAT(events_of(stream), ElementsAre("text good", "error 1002 reserved opcode"));
}

TEST(FrameParserTest, SwallowsWhatFollowsAnError) {
  Stream stream = raw_header(0x83, 0);
  append_frame(stream, Opcode::kText, true, "ignored");
  EXPECT_THAT(events_of(stream), ElementsAre("error 1002 reserved opcode"));
}

TEST(FrameParserTest, SwallowsWhatFollowsAClose) {
  Stream stream = one_frame(Opcode::kClose, true,
                            std::string_view("\x03\xE8"
                                             "bye"));
  append_frame(stream, Opcode::kText, true, "ignored");
  EXPECT_THAT(events_of(stream), ElementsAre("close 1000 bye"));
  FrameParser parser;
  Events events;
  feed_slice(parser, stream, events);
  EXPECT_TRUE(parser.finished());
}

TEST(FrameParserTest, RefusesReservedOpcodes) {
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    EXPECT_THAT(events_of(raw_header(0x80 | opcode, 0)), ElementsAre("error 1002 reserved opcode"))
        << opcode;
  }
}

TEST(FrameParserTest, RefusesReservedBits) {
  for (const int bits : {0x10, 0x20, 0x30, 0x40, 0x70}) {
    EXPECT_THAT(events_of(raw_header(0x81 | bits, 0)), ElementsAre("error 1002 reserved bit set"))
        << bits;
  }
}

TEST(FrameParserTest, RefusesAnUnmaskedFrameFromAClient) {
  EXPECT_THAT(events_of(stream_of({0x81, 0x01, 'a'})),
              ElementsAre("error 1002 unmasked frame from a client"));
}

TEST(FrameParserTest, RefusesAMaskedFrameFromAServer) {
  EXPECT_THAT(events_of(one_frame(Opcode::kText, true, "a"), kClient),
              ElementsAre("error 1002 masked frame from a server"));
}

TEST(FrameParserTest, RefusesAFragmentedControlFrame) {
  for (const int opcode : {8, 9, 10}) {
    EXPECT_THAT(events_of(raw_header(opcode, 0)),
                ElementsAre("error 1002 fragmented control frame"));
  }
}

TEST(FrameParserTest, RefusesAControlFrameOver125Bytes) {
  for (const int opcode : {0x88, 0x89, 0x8A}) {
    EXPECT_THAT(events_of(raw_header(opcode, 126, {0, 126})),
                ElementsAre("error 1002 control frame over 125 bytes"));
    EXPECT_THAT(events_of(raw_header(opcode, 127, {0, 0, 0, 0, 0, 0, 0, 1})),
                ElementsAre("error 1002 control frame over 125 bytes"));
  }
}

TEST(FrameParserTest, RefusesAContinuationOfNoMessage) {
  EXPECT_THAT(events_of(one_frame(Opcode::kContinuation, true, "x")),
              ElementsAre("error 1002 continuation of no message"));
  Stream stream = one_frame(Opcode::kText, true, "whole");
  append_frame(stream, Opcode::kContinuation, false, "x");
  EXPECT_THAT(events_of(stream),
              ElementsAre("text whole", "error 1002 continuation of no message"));
}

TEST(FrameParserTest, RefusesANewMessageInsideAFragmentedOne) {
  Stream stream = one_frame(Opcode::kText, false, "x");
  append_frame(stream, Opcode::kBinary, true, "y");
  EXPECT_THAT(events_of(stream), ElementsAre("error 1002 new message inside a fragmented one"));
}

TEST(FrameParserTest, RefusesA64BitLengthWithTheHighBit) {
  EXPECT_THAT(events_of(raw_header(0x82, 127, {0x80, 0, 0, 0, 0, 0, 0, 1})),
              ElementsAre("error 1002 64-bit length with the high bit set"));
  EXPECT_THAT(events_of(raw_header(0x82, 127, {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})),
              ElementsAre("error 1002 64-bit length with the high bit set"));
}

TEST(FrameParserTest, RefusesLengthsThatAreNotMinimal) {
  EXPECT_THAT(events_of(raw_header(0x82, 126, {0, 125})),
              ElementsAre("error 1002 length not minimally encoded"));
  EXPECT_THAT(events_of(raw_header(0x82, 127, {0, 0, 0, 0, 0, 0, 0xFF, 0xFF})),
              ElementsAre("error 1002 length not minimally encoded"));
  EXPECT_THAT(events_of(raw_header(0x82, 126, {0, 126})), IsEmpty());
  EXPECT_THAT(events_of(raw_header(0x82, 127, {0, 0, 0, 0, 0, 1, 0, 0})), IsEmpty());
}

TEST(FrameParserTest, RefusesADeclaredLengthOverTheLimitAtTheHeaderAndAllocatesNothing) {
  for (const Stream& header :
       {raw_header(0x82, 127, {0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF}),
        raw_header(0x82, 127, {0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}),
        raw_header(0x82, 127, {0, 0, 0, 0, 0, 0x10, 0, 1})}) {
    FrameParser parser;
    Events events;
    feed_slice(parser, header, events);
    EXPECT_THAT(events, ElementsAre("error 1009 message over the size limit"));
    EXPECT_EQ(parser.buffer_bytes(), 0u);
  }
}

TEST(FrameParserTest, AcceptsAMessageOfExactlyTheLimit) {
  const FrameParserConfig config{.max_message_bytes = 1000};
  const std::string payload(1000, 'm');
  EXPECT_THAT(events_of(one_frame(Opcode::kText, true, payload), config),
              ElementsAre("text " + payload));
  EXPECT_THAT(events_of(one_frame(Opcode::kText, true, payload + "m"), config),
              ElementsAre("error 1009 message over the size limit"));
}

TEST(FrameParserTest, BoundsFragmentsByTheMemoryTheyCost) {
  const FrameParserConfig config{.max_message_bytes = 10};
  Stream stream = one_frame(Opcode::kBinary, false, "123456");
  append_frame(stream, Opcode::kContinuation, false, "7890");
  append_frame(stream, Opcode::kPing, true, "a control frame does not count");
  append_frame(stream, Opcode::kContinuation, false, "");
  Stream over = stream;
  append_frame(stream, Opcode::kContinuation, true, "");
  append_frame(over, Opcode::kContinuation, true, "1");
  EXPECT_THAT(events_of(stream, config),
              ElementsAre("ping a control frame does not count", "binary 1234567890"));
  EXPECT_THAT(events_of(over, config), ElementsAre("ping a control frame does not count",
                                                   "error 1009 message over the size limit"));
}

TEST(FrameParserTest, HoldsNoMemoryForAFloodOfEmptyFragments) {
  Stream stream = one_frame(Opcode::kBinary, false, "");
  for (int i = 0; i < 100'000; ++i) append_frame(stream, Opcode::kContinuation, false, "");
  FrameParser parser;
  Events events;
  feed_slice(parser, stream, events);
  EXPECT_THAT(events, IsEmpty());
  EXPECT_EQ(parser.buffer_bytes(), 0u);
}

TEST(FrameParserTest, GrowsItsBufferWithWhatArrivesNotWithWhatIsDeclared) {
  Stream stream = raw_header(0x82, 127, {0, 0, 0, 0, 0, 0x10, 0, 0});  // declares 1 MiB
  FrameParser parser;
  Events events;
  feed_slice(parser, stream, events);
  EXPECT_EQ(parser.buffer_bytes(), 0u);
  feed_slice(parser, Stream(100, 0), events);
  EXPECT_LE(parser.buffer_bytes(), 200u);
}

TEST(FrameParserTest, NeverHoldsMoreThanTheLimitWhateverTheFragments) {
  const FrameParserConfig config{.max_message_bytes = 5000};
  FrameParser parser(config);
  Events events;
  feed_slice(parser, one_frame(Opcode::kBinary, false, "x"), events);
  for (int i = 0; i < 4999; ++i) {
    feed_slice(parser, one_frame(Opcode::kContinuation, false, "x"), events);
    ASSERT_LE(parser.buffer_bytes(), 5000u);
  }
  EXPECT_THAT(events, IsEmpty());
}

TEST(FrameParserTest, GivesBackTheBufferOfALargeMessage) {
  FrameParser parser;
  Events events;
  const std::string payload(100'000, 'x');
  const Stream stream = one_frame(Opcode::kText, true, payload);
  feed_slice(parser, Bytes(stream).first(50'000), events);
  EXPECT_GE(parser.buffer_bytes(), 49'000u);
  feed_slice(parser, Bytes(stream).subspan(50'000), events);
  EXPECT_THAT(events, ElementsAre("text " + payload));
  EXPECT_LE(parser.buffer_bytes(), FrameParser::kKeptBufferBytes);
}

TEST(FrameParserTest, CostsAnIdleConnectionUnderTwoKibibytes) {
  EXPECT_LE(sizeof(FrameParser), 300u);
  EXPECT_LE(sizeof(FrameParser) + FrameParser::kKeptBufferBytes, 2048u);
  EXPECT_EQ(FrameParser().buffer_bytes(), 0u);
}

TEST(FrameParserTest, RefusesTextThatIsNotUtf8) {
  EXPECT_THAT(events_of(one_frame(Opcode::kText, true, "\xED\xA0\x80")),
              ElementsAre("error 1007 text is not UTF-8"));
  EXPECT_THAT(events_of(one_frame(Opcode::kText, true, "ab\xE2\x82")),
              ElementsAre("error 1007 text ends inside a character"));
}

TEST(FrameParserTest, LeavesTheBytesOfABinaryMessageAlone) {
  EXPECT_THAT(events_of(one_frame(Opcode::kBinary, true, "\xFF\xFE")),
              ElementsAre("binary \xFF\xFE"));
}

TEST(FrameParserTest, FailsAtTheByteThatBreaksTheTextNotAtTheEndOfTheFrame) {
  const Stream stream = one_frame(Opcode::kText, true, "abc\xFF and much more that never arrives");
  FrameParser parser;
  Events events;
  feed_slice(parser, Bytes(stream).first(6 + 3), events);
  EXPECT_THAT(events, IsEmpty());
  feed_slice(parser, Bytes(stream).subspan(6 + 3, 1), events);
  EXPECT_THAT(events, ElementsAre("error 1007 text is not UTF-8"));
}

TEST(FrameParserTest, AcceptsACharacterCutByFragments) {
  Stream stream = one_frame(Opcode::kText, false, "\xF0\x9F");
  append_frame(stream, Opcode::kPing, true, "\xFF");
  append_frame(stream, Opcode::kContinuation, false, "\x98");
  append_frame(stream, Opcode::kContinuation, true, "\x80");
  EXPECT_THAT(events_of(stream), ElementsAre("ping \xFF", "text \xF0\x9F\x98\x80"));
}

TEST(FrameParserTest, RefusesACharacterThatTheNextFragmentBreaks) {
  Stream stream = one_frame(Opcode::kText, false, "\xF0\x9F");
  append_frame(stream, Opcode::kContinuation, false, "x");
  append_frame(stream, Opcode::kPing, true, "never reached");
  EXPECT_THAT(events_of(stream), ElementsAre("error 1007 text is not UTF-8"));
}

TEST(FrameParserTest, RefusesTheEmptyLastFragmentThatLeavesACharacterUnfinished) {
  Stream stream = one_frame(Opcode::kText, false, "\xF0\x9F");
  append_frame(stream, Opcode::kContinuation, true, "");
  EXPECT_THAT(events_of(stream), ElementsAre("error 1007 text ends inside a character"));
}

TEST(FrameParserTest, ReadsACloseWithoutACode) {
  EXPECT_THAT(events_of(one_frame(Opcode::kClose, true, "")), ElementsAre("close 1005 "));
}

TEST(FrameParserTest, ReadsACloseWithItsReason) {
  EXPECT_THAT(events_of(one_frame(Opcode::kClose, true, "\x11\x34g\xC3\xA9")),
              ElementsAre("close 4404 g\xC3\xA9"));
}

TEST(FrameParserTest, RefusesACloseOfOneByte) {
  EXPECT_THAT(events_of(one_frame(Opcode::kClose, true, "\x03")),
              ElementsAre("error 1002 close frame of one byte"));
}

TEST(FrameParserTest, RefusesInvalidCloseCodes) {
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535}) {
    const std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
    EXPECT_THAT(events_of(one_frame(Opcode::kClose, true, payload)),
                ElementsAre("error 1002 invalid close code"))
        << code;
  }
}

TEST(FrameParserTest, RefusesACloseReasonThatIsNotUtf8) {
  EXPECT_THAT(events_of(one_frame(Opcode::kClose, true, "\x03\xE8\xC3")),
              ElementsAre("error 1007 close reason is not UTF-8"));
}

TEST(FrameParserTest, ReadsACloseInsideAFragmentedMessage) {
  Stream stream = one_frame(Opcode::kText, false, "never finished");
  append_frame(stream, Opcode::kClose, true, "\x03\xE9");
  EXPECT_THAT(events_of(stream), ElementsAre("close 1001 "));
}

TEST(FrameParserTest, RefusesKindsOfMessageThatAreNotAccepted) {
  EXPECT_THAT(events_of(one_frame(Opcode::kBinary, true, "x"), {.accept_binary = false}),
              ElementsAre("error 1003 binary messages are not accepted here"));
  EXPECT_THAT(events_of(one_frame(Opcode::kText, true, "x"), {.accept_text = false}),
              ElementsAre("error 1003 text messages are not accepted here"));
}

TEST(FrameParserTest, MarksCompressedMessagesAndLeavesTheirTextToBeCheckedAfterInflating) {
  const FrameParserConfig config{.rsv1_negotiated = true};
  Stream stream;
  append_masked_frame(stream, Opcode::kText, false, as_bytes("\xFF"), kTestKey, true);
  append_frame(stream, Opcode::kContinuation, true, "\xFE");
  append_masked_frame(stream, Opcode::kBinary, true, {}, kTestKey, true);
  append_frame(stream, Opcode::kText, true, "plain");
  EXPECT_THAT(events_of(stream, config),
              ElementsAre("compressed text \xFF\xFE", "compressed binary ", "text plain"));
}

TEST(FrameParserTest, LetsACompressedMessageBeASixteenthOverTheLimit) {
  const FrameParserConfig config{.rsv1_negotiated = true, .max_message_bytes = 1600};
  const std::string most(1600 + 100 + 64, 'x');
  for (const std::string& payload : {most, most + "x"}) {
    Stream stream;
    append_masked_frame(stream, Opcode::kBinary, true, as_bytes(payload), kTestKey, true);
    EXPECT_THAT(events_of(stream, config),
                ElementsAre(payload == most ? "compressed binary " + most
                                            : "error 1009 message over the size limit"));
  }
  EXPECT_THAT(events_of(one_frame(Opcode::kBinary, true, most), config),
              ElementsAre("error 1009 message over the size limit"));
}

TEST(FrameParserTest, GivesTheMemoryOfAMessageBackWhenAskedTo) {
  FrameParser parser;
  Stream stream = one_frame(Opcode::kBinary, false, std::string(100'000, 'x'));
  append_frame(stream, Opcode::kContinuation, true, "y");
  append_frame(stream, Opcode::kText, true, "next");
  MutableBytes input = stream;
  EXPECT_EQ(parser.next(input).payload.size(), 100'001U);
  EXPECT_GT(parser.buffer_bytes(), 100'000U);
  parser.release();
  EXPECT_LE(parser.buffer_bytes(), FrameParser::kKeptBufferBytes);
  EXPECT_EQ(describe(parser.next(input)), "text next");
}

TEST(FrameParserTest, RefusesRsv1AnywhereButOnAFirstFrame) {
  const FrameParserConfig config{.rsv1_negotiated = true};
  EXPECT_THAT(events_of(raw_header(0xC9, 0), config),
              ElementsAre("error 1002 RSV1 on a control frame"));
  Stream stream = one_frame(Opcode::kText, false, "x");
  append_masked_frame(stream, Opcode::kContinuation, true, as_bytes("y"), kTestKey, true);
  EXPECT_THAT(events_of(stream, config), ElementsAre("error 1002 RSV1 on a continuation"));
}

}  // namespace
}  // namespace duolog::ws
