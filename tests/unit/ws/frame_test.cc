#include "net/ws/frame.h"

#include <numeric>

#include <gtest/gtest.h>

#include "net/ws/utf8.h"
#include "tests/unit/ws/frame_stream.h"

namespace duolog::ws {
namespace {

Stream header_of(Opcode opcode, bool fin, std::uint64_t length, bool rsv1 = false) {
  std::array<std::uint8_t, kMaxFrameHeaderBytes> out;
  const std::size_t size = encode_frame_header(opcode, fin, length, out, rsv1);
  return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size)};
}

Stream bytes_of(const ControlFrame& frame) { return {frame.bytes().begin(), frame.bytes().end()}; }

// RFC 6455 section 5.7.
TEST(FrameTest, EncodesTheExamplesOfTheRfc) {
  EXPECT_EQ(header_of(Opcode::kText, true, 5), stream_of({0x81, 0x05}));
  EXPECT_EQ(header_of(Opcode::kText, false, 3), stream_of({0x01, 0x03}));
  EXPECT_EQ(header_of(Opcode::kContinuation, true, 2), stream_of({0x80, 0x02}));
  EXPECT_EQ(header_of(Opcode::kBinary, true, 256), stream_of({0x82, 0x7E, 0x01, 0x00}));
  EXPECT_EQ(header_of(Opcode::kBinary, true, 65536),
            stream_of({0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0}));
  EXPECT_EQ(bytes_of(encode_ping(as_bytes("Hello"))),
            stream_of({0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F}));
  EXPECT_EQ(one_frame(Opcode::kText, true, "Hello"),
            stream_of({0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58}));
  EXPECT_EQ(one_frame(Opcode::kPong, true, "Hello"),
            stream_of({0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58}));
}

TEST(FrameTest, UsesTheShortestLengthAtEachBoundary) {
  EXPECT_EQ(header_of(Opcode::kBinary, true, 125).size(), 2u);
  EXPECT_EQ(header_of(Opcode::kBinary, true, 126).size(), 4u);
  EXPECT_EQ(header_of(Opcode::kBinary, true, 65535).size(), 4u);
  EXPECT_EQ(header_of(Opcode::kBinary, true, 65536).size(), 10u);
}

TEST(FrameTest, MarksACompressedMessageWithRsv1) {
  EXPECT_EQ(header_of(Opcode::kText, true, 1, true), stream_of({0xC1, 0x01}));
}

TEST(FrameTest, EncodesACloseWithItsCodeAndReason) {
  EXPECT_EQ(bytes_of(encode_close(close_code::kNormal, "bye")),
            stream_of({0x88, 5, 0x03, 0xE8, 'b', 'y', 'e'}));
  EXPECT_EQ(bytes_of(encode_close(close_code::kNoStatus, "ignored")), stream_of({0x88, 0}));
}

TEST(FrameTest, CutsALongCloseReasonAtACharacter) {
  std::string reason(122, 'x');
  reason +=
      "\xE2\x82\xAC and more";  // bytes 122 to 124: the limit of 123 lies inside the character
  const ControlFrame frame = encode_close(close_code::kNormal, reason);
  EXPECT_EQ(frame.size, 2 + 2 + 122);
  EXPECT_TRUE(is_valid_utf8(frame.bytes().subspan(4)));
  EXPECT_EQ(encode_close(close_code::kNormal, std::string(200, 'x')).size, kMaxControlFrameBytes);
}

TEST(FrameTest, KnowsWhichCloseCodesMayBeOnTheWire) {
  for (const int code : {1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4404, 4999}) {
    EXPECT_TRUE(is_valid_close_code(static_cast<std::uint16_t>(code))) << code;
  }
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
    EXPECT_FALSE(is_valid_close_code(static_cast<std::uint16_t>(code))) << code;
  }
}

TEST(MaskTest, XorsEachByteWithItsKeyByteAtEverySizeAndOffset) {
  const std::array<std::uint8_t, 4> key = {0x37, 0xFA, 0x21, 0x3D};
  for (std::size_t size = 0; size < 70; ++size) {
    for (std::uint64_t offset = 0; offset < 5; ++offset) {
      Stream payload(size);
      std::iota(payload.begin(), payload.end(), std::uint8_t{1});
      Stream expected = payload;
      for (std::size_t i = 0; i < size; ++i) expected[i] ^= key[(i + offset) % 4];
      apply_mask(payload, load_le<std::uint32_t>(key.data()), offset);
      ASSERT_EQ(payload, expected) << size << " at " << offset;
    }
  }
}

TEST(MaskTest, TouchesNothingOutsideOfThePayload) {
  Stream memory(64, 0xAA);
  apply_mask(MutableBytes(memory).subspan(3, 37), kTestKey, 0);
  EXPECT_TRUE(std::all_of(memory.begin(), memory.begin() + 3, [](int b) { return b == 0xAA; }));
  EXPECT_TRUE(std::all_of(memory.begin() + 40, memory.end(), [](int b) { return b == 0xAA; }));
}

}  // namespace
}  // namespace duolog::ws
