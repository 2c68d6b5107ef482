#include "storage/codec.h"

#include <algorithm>
#include <cstring>

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "engine/base/check.h"

namespace duolog::storage {
namespace {

constexpr std::size_t kMaxInputBytes = 1U << 30;
constexpr std::size_t kFirstGuessBytes = 16U << 10;
constexpr std::size_t kGuessedRatio = 4;
// Of a size that the input declares, what is allocated before anything has come of it.
constexpr std::size_t kBelievedBytes = 512U << 10;
constexpr std::size_t kBelievedRatio = 16;

std::unexpected<Error> too_large(std::size_t limit_bytes) {
  return fail(Errc::kTooLarge, "inflates to more than " + std::to_string(limit_bytes) + " bytes");
}
std::unexpected<Error> damaged(const char* codec) {
  return fail(Errc::kCorrupt, std::string("damaged ") + codec + " data");
}

// Makes `out` larger, within the limit, and all of it usable. False when it is at the limit.
bool grow(Buffer& out, std::size_t limit_bytes) {
  if (out.size() >= limit_bytes) return false;
  const std::size_t wanted = std::min(limit_bytes, std::max(2 * out.size(), kFirstGuessBytes));
  out.reserve(wanted);
  out.resize(wanted);
  return true;
}

// The first size to try for the output of `input_bytes`.
void first_guess(Buffer& out, std::size_t input_bytes, std::size_t limit_bytes) {
  out.clear();
  const std::size_t wanted =
      std::min(limit_bytes, std::max(kGuessedRatio * input_bytes, kFirstGuessBytes));
  out.reserve(wanted);
  out.resize(wanted);
}

enum class Progress : std::uint8_t { kMore, kEnd, kDamaged };

// Drives a streaming decoder: step(to, room, produced) writes at most `room` bytes. At the limit
// it offers one byte of its own instead, to tell an output that just fits from one that does not.
template <class Step>
Result<void> pump(const char* codec, std::size_t limit_bytes, Buffer& out, Step step) {
  std::size_t filled = 0;
  for (;;) {
    std::uint8_t beyond = 0;
    const bool at_limit = filled == out.size() && !grow(out, limit_bytes);
    std::uint8_t* to = at_limit ? &beyond : out.data() + filled;
    std::size_t produced = 0;
    const Progress progress = step(to, at_limit ? 1 : out.size() - filled, produced);
    if (progress == Progress::kDamaged) return damaged(codec);
    if (at_limit && produced > 0) return too_large(limit_bytes);
    filled += produced;
    if (progress == Progress::kEnd) break;
  }
  out.resize(filled);
  return {};
}

class GzipDecoder {
 public:
  GzipDecoder() { CHECK(inflateInit2(&stream_, kGzipOnly) == Z_OK); }
  ~GzipDecoder() { inflateEnd(&stream_); }
  GzipDecoder(const GzipDecoder&) = delete;
  GzipDecoder& operator=(const GzipDecoder&) = delete;

  void start(Bytes input) {
    inflateReset(&stream_);
    stream_.next_in = const_cast<Bytef*>(input.data());  // zlib only reads it
    stream_.avail_in = static_cast<uInt>(input.size());
  }
  Progress step(std::uint8_t* to, std::size_t room, std::size_t& produced) {
    stream_.next_out = to;
    const auto offered = static_cast<uInt>(std::min<std::size_t>(room, kMaxInputBytes));
    stream_.avail_out = offered;
    const int outcome = inflate(&stream_, Z_NO_FLUSH);
    produced = offered - stream_.avail_out;
    if (outcome == Z_OK) return Progress::kMore;
    if (outcome != Z_STREAM_END) return Progress::kDamaged;  // Z_BUF_ERROR: it is cut off
    if (stream_.avail_in == 0) return Progress::kEnd;
    inflateReset(&stream_);  // another member follows
    return Progress::kMore;
  }

 private:
  static constexpr int kGzipOnly = 16 + MAX_WBITS;
  z_stream stream_{};
};

class Lz4Decoder {
 public:
  Lz4Decoder() { CHECK(!LZ4F_isError(LZ4F_createDecompressionContext(&context_, LZ4F_VERSION))); }
  ~Lz4Decoder() { LZ4F_freeDecompressionContext(context_); }
  Lz4Decoder(const Lz4Decoder&) = delete;
  Lz4Decoder& operator=(const Lz4Decoder&) = delete;

  void start(Bytes input) {
    LZ4F_resetDecompressionContext(context_);
    left_ = input;
  }
  Progress step(std::uint8_t* to, std::size_t room, std::size_t& produced) {
    produced = room;
    std::size_t consumed = left_.size();
    const std::size_t wanted =
        LZ4F_decompress(context_, to, &produced, left_.data(), &consumed, nullptr);
    if (LZ4F_isError(wanted)) return Progress::kDamaged;
    left_ = left_.subspan(consumed);
    if (wanted == 0 && left_.empty()) return Progress::kEnd;
    if (consumed == 0 && produced == 0) return Progress::kDamaged;  // it is cut off
    return Progress::kMore;
  }

 private:
  LZ4F_dctx* context_ = nullptr;
  Bytes left_;
};

template <class Decoder>
Result<void> inflate_stream(const char* codec, Bytes input, std::size_t limit_bytes, Buffer& out) {
  thread_local Decoder decoder;
  first_guess(out, input.size(), limit_bytes);
  decoder.start(input);
  return pump(codec, limit_bytes, out,
              [](std::uint8_t* to, std::size_t room, std::size_t& produced) {
                return decoder.step(to, room, produced);
              });
}

// Zstandard is inflated in one piece, again with twice the room when that was too little: its
// streaming decoder would first allocate the window that the input declares, up to 128 MiB.
Result<void> inflate_zstd(Bytes input, std::size_t limit_bytes, Buffer& out) {
  struct Context {
    ZSTD_DCtx* context = ZSTD_createDCtx();
    ~Context() { ZSTD_freeDCtx(context); }
  };
  thread_local Context decoder;
  CHECK(decoder.context != nullptr);
  first_guess(out, input.size(), limit_bytes);
  if (input.empty()) return damaged("zstd");
  // Most frames declare what they inflate to: a promise that is checked when they do, so that one
  // beyond the limit need not be begun, and one within it is inflated once.
  const unsigned long long declared = ZSTD_getFrameContentSize(input.data(), input.size());
  if (declared < ZSTD_CONTENTSIZE_ERROR) {
    if (declared > limit_bytes) return too_large(limit_bytes);
    const auto believed =
        std::min<std::size_t>(declared, std::max(kBelievedBytes, kBelievedRatio * input.size()));
    out.reserve(believed);
    if (believed > out.size()) out.resize(believed);
  }
  for (;;) {
    const std::size_t outcome =
        ZSTD_decompressDCtx(decoder.context, out.data(), out.size(), input.data(), input.size());
    if (!ZSTD_isError(outcome)) {
      out.resize(outcome);
      return {};
    }
    if (ZSTD_getErrorCode(outcome) != ZSTD_error_dstSize_tooSmall) return damaged("zstd");
    if (!grow(out, limit_bytes)) return too_large(limit_bytes);
  }
}

// Appends one raw block to what `out` already holds.
Result<void> inflate_snappy_block(Bytes block, std::size_t limit_bytes, Buffer& out) {
  // A copy of 64 bytes takes three bytes of input: what declares more is not worth the memory.
  constexpr std::size_t kMaxRatio = 32;
  const auto* data = reinterpret_cast<const char*>(block.data());
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(data, block.size(), &size)) return damaged("snappy");
  if (size > limit_bytes - out.size()) return too_large(limit_bytes);
  if (size > kMaxRatio * block.size()) return damaged("snappy");
  const std::size_t before = out.size();
  const std::size_t after = before + size;
  if (after > out.capacity()) {
    out.reserve(std::min(limit_bytes, std::max(after, 2 * out.capacity())));
  }
  out.resize(after);
  if (!snappy::RawUncompress(data, block.size(), reinterpret_cast<char*>(out.data() + before))) {
    return damaged("snappy");
  }
  return {};
}

// snappy-java's framing, which Kafka's Java clients write: magic, two versions, then blocks with a
// 4-byte length each.
constexpr std::uint8_t kXerialMagic[] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
constexpr std::size_t kXerialHeaderBytes = 16;

Result<void> inflate_snappy(Bytes input, std::size_t limit_bytes, Buffer& out) {
  out.clear();
  if (input.size() < kXerialHeaderBytes ||
      std::memcmp(input.data(), kXerialMagic, sizeof kXerialMagic) != 0) {
    return inflate_snappy_block(input, limit_bytes, out);
  }
  input = input.subspan(kXerialHeaderBytes);
  while (!input.empty()) {
    if (input.size() < sizeof(std::uint32_t)) return damaged("snappy");
    const std::size_t size = load_be<std::uint32_t>(input.data());
    input = input.subspan(sizeof(std::uint32_t));
    if (size > input.size()) return damaged("snappy");
    auto inflated = inflate_snappy_block(input.first(size), limit_bytes, out);
    if (!inflated) return inflated;
    input = input.subspan(size);
  }
  return {};
}

std::size_t deflate_gzip(Bytes input, Buffer& out) {
  constexpr int kGzipOnly = 16 + MAX_WBITS;
  constexpr int kDefaultMemory = 8;
  z_stream stream{};
  CHECK(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipOnly, kDefaultMemory,
                     Z_DEFAULT_STRATEGY) == Z_OK);
  out.resize(deflateBound(&stream, static_cast<uLong>(input.size())));
  stream.next_in = const_cast<Bytef*>(input.data());  // zlib only reads it
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);  // deflateBound made room
  const std::size_t size = stream.total_out;
  deflateEnd(&stream);
  return size;
}

}  // namespace

Result<void> decompress(Codec codec, Bytes input, std::size_t limit_bytes, Buffer& out) {
  if (input.size() > kMaxInputBytes) return too_large(limit_bytes);
  switch (codec) {
    case Codec::kNone:
      if (input.size() > limit_bytes) return too_large(limit_bytes);
      out.clear();
      out.append(input);
      return {};
    case Codec::kGzip:
      return inflate_stream<GzipDecoder>("gzip", input, limit_bytes, out);
    case Codec::kSnappy:
      return inflate_snappy(input, limit_bytes, out);
    case Codec::kLz4:
      return inflate_stream<Lz4Decoder>("lz4", input, limit_bytes, out);
    case Codec::kZstd:
      return inflate_zstd(input, limit_bytes, out);
  }
  return fail(Errc::kUnsupported, "unknown codec " + std::to_string(static_cast<int>(codec)));
}

Result<void> compress(Codec codec, Bytes input, Buffer& out) {
  if (input.size() > kMaxInputBytes) return fail(Errc::kTooLarge, "more than 1 GiB to compress");
  constexpr int kZstdLevel = 3;
  std::size_t size = 0;
  out.clear();
  switch (codec) {
    case Codec::kNone:
      out.append(input);
      return {};
    case Codec::kGzip:
      size = deflate_gzip(input, out);
      break;
    case Codec::kSnappy:
      out.resize(snappy::MaxCompressedLength(input.size()));
      snappy::RawCompress(reinterpret_cast<const char*>(input.data()), input.size(),
                          reinterpret_cast<char*>(out.data()), &size);
      break;
    case Codec::kLz4: {
      LZ4F_preferences_t preferences{};
      preferences.frameInfo.blockMode = LZ4F_blockIndependent;  // Java's clients read no other
      out.resize(LZ4F_compressFrameBound(input.size(), &preferences));
      size = LZ4F_compressFrame(out.data(), out.size(), input.data(), input.size(), &preferences);
      CHECK(!LZ4F_isError(size));
      break;
    }
    case Codec::kZstd:
      out.resize(ZSTD_compressBound(input.size()));
      size = ZSTD_compress(out.data(), out.size(), input.data(), input.size(), kZstdLevel);
      CHECK(!ZSTD_isError(size));
      break;
    default:
      return fail(Errc::kUnsupported, "unknown codec " + std::to_string(static_cast<int>(codec)));
  }
  out.resize(size);
  return {};
}

}  // namespace duolog::storage
