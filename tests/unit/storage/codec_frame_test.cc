#include "storage/codec_frame.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <zstd.h>

namespace duolog::storage {
namespace {

using Octets = std::vector<std::uint8_t>;

Octets packed_text(Codec codec, std::size_t size = 200'000) {
  Buffer out;
  EXPECT_TRUE(compress(codec, as_bytes(std::string(size, 'x')), out));
  return {out.begin(), out.end()};
}

Octets lz4_with(const LZ4F_frameInfo_t& info) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo = info;
  const std::string text(200'000, 'x');
  Octets frame(LZ4F_compressFrameBound(text.size(), &preferences));
  frame.resize(
      LZ4F_compressFrame(frame.data(), frame.size(), text.data(), text.size(), &preferences));
  return frame;
}

TEST(CodecFrameTest, WhatCompressMakesIsForEveryReader) {
  for (const Codec codec : {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{200'000}}) {
      EXPECT_TRUE(check_frame(codec, packed_text(codec, size))) << static_cast<int>(codec);
    }
  }
}

TEST(CodecFrameTest, AnLz4FrameMayHaveChecksumsAndASizeButNoLinkedBlocks) {
  LZ4F_frameInfo_t info{};
  info.blockMode = LZ4F_blockIndependent;
  info.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  info.blockChecksumFlag = LZ4F_blockChecksumEnabled;
  info.contentSize = 200'000;
  EXPECT_TRUE(check_frame(Codec::kLz4, lz4_with(info)));
  info.blockMode = LZ4F_blockLinked;
  EXPECT_EQ(check_frame(Codec::kLz4, lz4_with(info)).error().code, Errc::kCorrupt);
  info.blockMode = LZ4F_blockIndependent;
  info.dictID = 7;
  EXPECT_EQ(check_frame(Codec::kLz4, lz4_with(info)).error().code, Errc::kCorrupt);
}

TEST(CodecFrameTest, AnLz4FrameIsTheOnlyOneAndWhole) {
  const Octets frame = packed_text(Codec::kLz4);
  Octets twice = frame;
  twice.insert(twice.end(), frame.begin(), frame.end());
  EXPECT_FALSE(check_frame(Codec::kLz4, twice));
  for (std::size_t size = 0; size < frame.size(); ++size) {
    EXPECT_FALSE(check_frame(Codec::kLz4, Bytes(frame).first(size))) << size;
  }
}

TEST(CodecFrameTest, AZstdWindowIsAtMost128MiBInEveryFrame) {
  const auto frame = [](int window_log, std::uint8_t eighths) {
    const auto window = static_cast<std::uint8_t>((window_log - 10) << 3 | eighths);
    return Octets{0x28, 0xB5, 0x2F, 0xFD, 0, window, 1 | (1 << 3), 0, 0, 'x'};
  };
  EXPECT_TRUE(check_frame(Codec::kZstd, frame(27, 0)));
  EXPECT_FALSE(check_frame(Codec::kZstd, frame(27, 1)));
  EXPECT_FALSE(check_frame(Codec::kZstd, frame(28, 0)));
  Octets second = packed_text(Codec::kZstd);
  const Octets wide = frame(31, 0);
  second.insert(second.end(), wide.begin(), wide.end());
  EXPECT_FALSE(check_frame(Codec::kZstd, second));
}

TEST(CodecFrameTest, WhatAZstdFrameDeclaresBeyondTheLimitIsNotInflated) {
  const std::string text(1 << 20, 'x');
  const Octets frame = packed_text(Codec::kZstd, text.size());
  Buffer out;
  EXPECT_EQ(decompress(Codec::kZstd, frame, text.size() - 1, out).error().code, Errc::kTooLarge);
  EXPECT_LE(out.capacity(), std::size_t{16} << 10);  // a first guess, and no more
  EXPECT_TRUE(decompress(Codec::kZstd, frame, text.size(), out));
  EXPECT_EQ(out.size(), text.size());
}

}  // namespace
}  // namespace duolog::storage
