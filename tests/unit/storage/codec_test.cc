#include "storage/codec.h"

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <zstd.h>

namespace duolog::storage {
namespace {

using namespace std::string_literals;

constexpr std::array kCodecs = {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd};

std::string noise(std::size_t size) {
  std::mt19937 random(static_cast<unsigned>(size));
  std::string text(size, '\0');
  for (auto& c : text) c = static_cast<char>(random());
  return text;
}

std::string text_of(Bytes bytes) { return std::string(as_text(bytes)); }

std::string compressed(Codec codec, std::string_view text) {
  Buffer out;
  EXPECT_TRUE(compress(codec, as_bytes(text), out));
  return text_of(out);
}

Result<std::string> inflated(Codec codec, std::string_view input,
                             std::size_t limit_bytes = kMaxInflatedBytes) {
  // A copy of exactly its size on the heap, so that a sanitizer sees any read beyond it.
  const std::vector<std::uint8_t> exact(input.begin(), input.end());
  Buffer out;
  const auto result = decompress(codec, exact, limit_bytes, out);
  EXPECT_LE(out.capacity(), limit_bytes);
  if (!result) return std::unexpected(result.error());
  return text_of(out);
}

std::string xerial(const std::vector<std::string_view>& blocks) {
  std::string framed = "\x82SNAPPY\0\0\0\0\1\0\0\0\1"s;
  for (const auto block : blocks) {
    const std::string raw = compressed(Codec::kSnappy, block);
    std::array<std::uint8_t, 4> size{};
    store_be<std::uint32_t>(size.data(), static_cast<std::uint32_t>(raw.size()));
    framed += as_text(size);
    framed += raw;
  }
  return framed;
}

TEST(CodecTest, EveryCodecRoundTripsTextsOfEverySize) {
  for (const Codec codec : kCodecs) {
    for (const std::size_t size : {0U, 1U, 100U, 16'384U, 65'537U, 3'000'000U}) {
      for (const auto& text : {std::string(size, 'x'), noise(size)}) {
        const auto back = inflated(codec, compressed(codec, text));
        ASSERT_TRUE(back) << static_cast<int>(codec) << " " << size << back.error().message;
        ASSERT_TRUE(*back == text) << static_cast<int>(codec) << " " << size;
      }
    }
  }
}

TEST(CodecTest, NoneCopiesWithinTheLimit) {
  EXPECT_EQ(inflated(Codec::kNone, "abc").value(), "abc");
  EXPECT_EQ(inflated(Codec::kNone, "abc", 2).error().code, Errc::kTooLarge);
}

TEST(CodecTest, UnknownCodecsAreUnsupported) {
  Buffer out;
  EXPECT_EQ(inflated(static_cast<Codec>(5), "abc").error().code, Errc::kUnsupported);
  EXPECT_EQ(compress(static_cast<Codec>(7), as_bytes("abc"), out).error().code, Errc::kUnsupported);
}

TEST(CodecTest, TheLimitIsTheLastSizeThatPasses) {
  const std::string text = noise(50'000) + std::string(50'000, 'x');
  for (const Codec codec : kCodecs) {
    const std::string input = compressed(codec, text);
    EXPECT_TRUE(inflated(codec, input, text.size())) << static_cast<int>(codec);
    const auto refused = inflated(codec, input, text.size() - 1);
    ASSERT_FALSE(refused) << static_cast<int>(codec);
    EXPECT_EQ(refused.error().code, Errc::kTooLarge) << static_cast<int>(codec);
    EXPECT_FALSE(inflated(codec, input, 0));
    EXPECT_TRUE(inflated(codec, compressed(codec, ""), 0)) << static_cast<int>(codec);
  }
}

// `inflated` checks that the output never took more memory than the limit.
TEST(CodecTest, ABombIsRefusedAtTheLimit) {
  const std::string zeros(64U << 20, '\0');
  for (const Codec codec : kCodecs) {
    const auto refused = inflated(codec, compressed(codec, zeros), 1U << 20);
    ASSERT_FALSE(refused) << static_cast<int>(codec);
    EXPECT_EQ(refused.error().code, Errc::kTooLarge) << static_cast<int>(codec);
  }
}

TEST(CodecTest, DeclaredSizesAreNotBelieved) {
  // Snappy: 60 MiB declared, two bytes of data.
  Buffer out;
  const std::string snappy = "\x80\x80\x80\x1e\x04z"s;
  EXPECT_FALSE(decompress(Codec::kSnappy, as_bytes(snappy), kMaxInflatedBytes, out));
  EXPECT_LT(out.capacity(), 1U << 20);
  // Zstandard: a frame that declares 60 MiB and holds one raw block of one byte.
  Buffer other;
  const std::string zstd = "\x28\xb5\x2f\xfd\xa0\0\0\xc0\x03\x09\0\0z"s;
  EXPECT_FALSE(decompress(Codec::kZstd, as_bytes(zstd), kMaxInflatedBytes, other));
  EXPECT_LT(other.capacity(), 1U << 20);
}

TEST(CodecTest, TruncationsAreCorrupt) {
  for (const Codec codec : kCodecs) {
    const std::string input = compressed(codec, noise(300) + std::string(300, 'x'));
    for (std::size_t size = 0; size < input.size(); ++size) {
      const auto refused = inflated(codec, input.substr(0, size));
      ASSERT_FALSE(refused) << static_cast<int>(codec) << " " << size;
      ASSERT_EQ(refused.error().code, Errc::kCorrupt) << static_cast<int>(codec) << " " << size;
    }
  }
}

TEST(CodecTest, DamageNeverReadsOrWritesOutOfBounds) {
  std::mt19937 random(7);
  for (const Codec codec : kCodecs) {
    const std::string input = compressed(codec, noise(300) + std::string(3000, 'x'));
    for (int round = 0; round < 2000; ++round) {
      std::string damaged = input;
      for (int i = 0; i < 3; ++i) damaged[random() % damaged.size()] = static_cast<char>(random());
      const auto result = inflated(codec, damaged, 1U << 20);
      if (!result) {
        ASSERT_NE(result.error().code, Errc::kUnsupported);
      }
    }
  }
}

TEST(GzipTest, MembersOneAfterTheOtherAreOneText) {
  const std::string two = compressed(Codec::kGzip, "hello, ") + compressed(Codec::kGzip, "world");
  EXPECT_EQ(inflated(Codec::kGzip, two).value(), "hello, world");
  EXPECT_EQ(inflated(Codec::kGzip, two + "junk").error().code, Errc::kCorrupt);
}

TEST(SnappyTest, ReadsTheFramingOfSnappyJava) {
  const std::string big = noise(70'000);
  EXPECT_EQ(inflated(Codec::kSnappy, xerial({"hello, ", "", "world"})).value(), "hello, world");
  EXPECT_EQ(inflated(Codec::kSnappy, xerial({big, big})).value(), big + big);
  EXPECT_EQ(inflated(Codec::kSnappy, xerial({})).value(), "");
}

TEST(SnappyTest, RefusesATornFraming) {
  const std::string framed = xerial({"hello, ", "world"});
  const std::size_t first_block_end = xerial({"hello, "}).size();
  for (std::size_t size = 0; size < framed.size(); ++size) {
    if (size == xerial({}).size() || size == first_block_end) continue;  // whole framings
    ASSERT_FALSE(inflated(Codec::kSnappy, framed.substr(0, size))) << size;
  }
  EXPECT_EQ(inflated(Codec::kSnappy, framed, 11).error().code, Errc::kTooLarge);
  EXPECT_TRUE(inflated(Codec::kSnappy, framed, 12));
}

TEST(Lz4Test, ReadsBlocksOfEverySizeWithChecksumsAndFramesInARow) {
  const std::string text = noise(200'000) + std::string(200'000, 'x');
  std::string frames;
  for (const auto block : {LZ4F_max64KB, LZ4F_max256KB, LZ4F_max1MB, LZ4F_max4MB}) {
    LZ4F_preferences_t preferences{};
    preferences.frameInfo.blockSizeID = block;
    preferences.frameInfo.blockMode = LZ4F_blockIndependent;
    preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
    std::string frame(LZ4F_compressFrameBound(text.size(), &preferences), '\0');
    frame.resize(
        LZ4F_compressFrame(frame.data(), frame.size(), text.data(), text.size(), &preferences));
    EXPECT_TRUE(inflated(Codec::kLz4, frame).value() == text);
    frames += frame;
  }
  EXPECT_TRUE(inflated(Codec::kLz4, frames).value() == text + text + text + text);
}

// As librdkafka and the Java client write it: a stream whose size is not known at its start.
TEST(ZstdTest, ReadsFramesWithoutContentSize) {
  const std::string text = noise(300'000) + std::string(5'000'000, 'x');
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::string frame(ZSTD_compressBound(text.size()), '\0');
  ZSTD_outBuffer out{frame.data(), frame.size(), 0};
  for (std::size_t at = 0; at < text.size(); at += 100'000) {
    ZSTD_inBuffer in{text.data() + at, 100'000, 0};
    ASSERT_FALSE(ZSTD_isError(ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush)));
  }
  ZSTD_inBuffer nothing{nullptr, 0, 0};
  ASSERT_EQ(ZSTD_compressStream2(context, &out, &nothing, ZSTD_e_end), 0U);
  ZSTD_freeCCtx(context);
  frame.resize(out.pos);
  ASSERT_EQ(ZSTD_getFrameContentSize(frame.data(), frame.size()), ZSTD_CONTENTSIZE_UNKNOWN);
  EXPECT_TRUE(inflated(Codec::kZstd, frame).value() == text);
  EXPECT_EQ(inflated(Codec::kZstd, frame, 1U << 20).error().code, Errc::kTooLarge);
  EXPECT_TRUE(inflated(Codec::kZstd, frame + frame).value() == text + text);
  EXPECT_EQ(inflated(Codec::kZstd, frame + "junk").error().code, Errc::kCorrupt);
}

}  // namespace
}  // namespace duolog::storage
