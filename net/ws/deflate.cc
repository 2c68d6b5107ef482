#include "net/ws/deflate.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>
#include <vector>

#include <zlib.h>

#include "engine/base/check.h"
#include "engine/base/text.h"

namespace duolog::ws {
namespace {

constexpr std::string_view kExtension = "permessage-deflate";
// What a flushed deflate stream ends with, and what a message leaves out (section 7.2.1).
constexpr std::array<std::uint8_t, 4> kFlushed = {0x00, 0x00, 0xff, 0xff};
// zlib's raw streams cannot use a window of 2^8 bytes. Without any reference to earlier bytes a
// stream fits every window.
constexpr int kLeastZlibBits = 9;
constexpr int kMemoryLevel = 7;
constexpr int kAtBlockEnd = 128;  // of z_stream::data_type
constexpr std::size_t kGrowBytes = 16U << 10;

// The part before the next `separator`, which it takes off `rest`.
std::string_view take_until(std::string_view& rest, char separator) {
  const auto end = std::min(rest.find(separator), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return trimmed(part);
}

// 8 to 15, in decimal, without leading zeros, perhaps in quotes (section 7.1.2).
std::optional<int> window_bits(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  if (value.empty() || value.front() == '0') return std::nullopt;
  int bits = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), bits);
  if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
  if (bits < kMinWindowBits || bits > kMaxWindowBits) return std::nullopt;
  return bits;
}

// What one offer asks for.
struct Offer {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  std::optional<int> server_max_window_bits;
  std::optional<int> client_max_window_bits;

  // False: unknown, doubled, or with a wrong value.
  [[nodiscard]] bool take(std::string_view parameter);

 private:
  std::vector<std::string_view> seen_;
};

bool Offer::take(std::string_view parameter) {
  const bool has_value = parameter.find('=') != std::string_view::npos;
  std::string_view rest = parameter;
  const std::string_view name = take_until(rest, '=');
  const std::string_view value = trimmed(rest);
  if (std::ranges::find(seen_, name) != seen_.end()) return false;
  seen_.push_back(name);
  if (name == "server_no_context_takeover" && !has_value) {
    server_no_context_takeover = true;
  } else if (name == "client_no_context_takeover" && !has_value) {
    client_no_context_takeover = true;
  } else if (name == "server_max_window_bits" && has_value) {
    server_max_window_bits = window_bits(value);
    return server_max_window_bits.has_value();
  } else if (name == "client_max_window_bits") {
    if (!has_value) return true;  // it would do as it is told
    client_max_window_bits = window_bits(value);
    return client_max_window_bits.has_value();
  } else {
    return false;
  }
  return true;
}

std::optional<Offer> parse_offer(std::string_view extension) {
  if (take_until(extension, ';') != kExtension) return std::nullopt;
  Offer offer;
  while (!extension.empty()) {
    if (!offer.take(take_until(extension, ';'))) return std::nullopt;
  }
  return offer;
}

DeflateAgreement agree(const Offer& offer, DeflatePreferences preferences) {
  DeflateAgreement agreement{.parameters = {}, .response = std::string(kExtension)};
  DeflateParameters& parameters = agreement.parameters;
  parameters.server_no_context_takeover =
      offer.server_no_context_takeover || preferences.server_no_context_takeover;
  parameters.client_no_context_takeover =
      offer.client_no_context_takeover || preferences.client_no_context_takeover;
  if (parameters.server_no_context_takeover) agreement.response += "; server_no_context_takeover";
  if (parameters.client_no_context_takeover) agreement.response += "; client_no_context_takeover";
  if (offer.server_max_window_bits) {
    parameters.server_max_window_bits = *offer.server_max_window_bits;
    agreement.response +=
        "; server_max_window_bits=" + std::to_string(parameters.server_max_window_bits);
  }
  if (offer.client_max_window_bits) {
    parameters.client_max_window_bits = *offer.client_max_window_bits;
    agreement.response +=
        "; client_max_window_bits=" + std::to_string(parameters.client_max_window_bits);
  }
  return agreement;
}

}  // namespace

std::optional<DeflateAgreement> negotiate_deflate(std::span<const std::string_view> extensions,
                                                  DeflatePreferences preferences) {
  for (const std::string_view extension : extensions) {
    if (const auto offer = parse_offer(extension)) return agree(*offer, preferences);
  }
  return std::nullopt;
}

// ---- Inflater ----------------------------------------------------------------------------------

Inflater::Inflater(const DeflateParameters& parameters)
    : stream_(std::make_unique<z_stream>()),
      keeps_context_(!parameters.client_no_context_takeover) {
  // Some compressors use 2^9 where 2^8 was agreed.
  const int bits = std::max(parameters.client_max_window_bits, kLeastZlibBits);
  CHECK(inflateInit2(stream_.get(), -bits) == Z_OK);
}

Inflater::~Inflater() {
  if (stream_) inflateEnd(stream_.get());
}
Inflater::Inflater(Inflater&&) noexcept = default;
Inflater& Inflater::operator=(Inflater&& other) noexcept {
  std::swap(stream_, other.stream_);
  std::swap(keeps_context_, other.keeps_context_);
  return *this;
}

Result<void> Inflater::inflate(Bytes payload, std::size_t max_bytes, Buffer& out) {
  CHECK(max_bytes < std::numeric_limits<std::size_t>::max());  // one more is asked for
  out.clear();
  if (payload.empty()) return {};  // some send nothing for an empty message
  auto inflated = feed(payload, max_bytes, out);
  if (inflated) inflated = feed(kFlushed, max_bytes, out);
  if (inflated && (stream_->data_type & kAtBlockEnd) == 0) {
    return fail(Errc::kInvalid, "the compressed message ends within a block");
  }
  if (inflated && !keeps_context_) CHECK(inflateReset(stream_.get()) == Z_OK);
  return inflated;
}

Result<void> Inflater::feed(Bytes bytes, std::size_t max_bytes, Buffer& out) {
  z_stream& stream = *stream_;
  while (true) {
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    const Bytes piece = bytes.first(std::min(bytes.size(), kMost));
    stream.next_in = const_cast<Bytef*>(piece.data());  // zlib only reads it
    stream.avail_in = static_cast<uInt>(piece.size());
    // One byte more than allowed, so that a message at the limit is told from one beyond.
    const std::size_t room =
        std::min(std::max(kGrowBytes, 2 * piece.size()), max_bytes + 1 - out.size());
    const std::size_t before = out.size();
    out.resize(before + room);
    stream.next_out = out.data() + before;
    stream.avail_out = static_cast<uInt>(room);
    const int status = ::inflate(&stream, Z_SYNC_FLUSH);
    out.resize(before + room - stream.avail_out);
    if (status != Z_OK && status != Z_BUF_ERROR && status != Z_STREAM_END) {
      return fail(Errc::kInvalid, "the compressed message is damaged");
    }
    if (out.size() > max_bytes) return fail(Errc::kTooLarge, "inflated, the message is too large");
    bytes = bytes.subspan(piece.size() - stream.avail_in);
    // A final block (section 7.2.3.4) ends the stream, but neither the message nor the context.
    if (status == Z_STREAM_END) CHECK(inflateResetKeep(&stream) == Z_OK);
    if (bytes.empty() && stream.avail_out > 0) return {};
  }
}

// ---- Deflater ----------------------------------------------------------------------------------

Deflater::Deflater(const DeflateParameters& parameters)
    : stream_(std::make_unique<z_stream>()),
      keeps_context_(!parameters.server_no_context_takeover) {
  const int bits = parameters.server_max_window_bits;
  const int strategy = bits < kLeastZlibBits ? Z_HUFFMAN_ONLY : Z_DEFAULT_STRATEGY;
  CHECK(deflateInit2(stream_.get(), Z_BEST_SPEED, Z_DEFLATED, -std::max(bits, kLeastZlibBits),
                     kMemoryLevel, strategy) == Z_OK);
}

Deflater::~Deflater() {
  if (stream_) deflateEnd(stream_.get());
}
Deflater::Deflater(Deflater&&) noexcept = default;
Deflater& Deflater::operator=(Deflater&& other) noexcept {
  std::swap(stream_, other.stream_);
  std::swap(keeps_context_, other.keeps_context_);
  return *this;
}

void Deflater::deflate(Bytes message, Buffer& out) {
  out.clear();
  z_stream& stream = *stream_;
  while (!message.empty()) {
    constexpr std::size_t kMost = 1U << 30;
    const Bytes piece = message.first(std::min(message.size(), kMost));
    message = message.subspan(piece.size());
    stream.next_in = const_cast<Bytef*>(piece.data());  // zlib only reads it
    stream.avail_in = static_cast<uInt>(piece.size());
    do {
      const std::size_t before = out.size();
      const std::size_t room = std::max(kGrowBytes, piece.size() / 2);
      out.resize(before + room);
      stream.next_out = out.data() + before;
      stream.avail_out = static_cast<uInt>(room);
      const int flush = message.empty() ? Z_SYNC_FLUSH : Z_NO_FLUSH;
      const int status = ::deflate(&stream, flush);
      CHECK(status == Z_OK || status == Z_BUF_ERROR);
      out.resize(before + room - stream.avail_out);
    } while (stream.avail_out == 0);
  }
  if (out.empty()) {  // zlib flushes nothing twice; section 7.2.3.6
    out.append(std::array<std::uint8_t, 1>{0});
  } else {
    CHECK(out.size() > kFlushed.size());
    out.resize(out.size() - kFlushed.size());
  }
  if (!keeps_context_) CHECK(deflateReset(&stream) == Z_OK);
}

}  // namespace duolog::ws
