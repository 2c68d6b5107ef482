#include "engine/session/feed/batch.h"

#include <algorithm>

#include "engine/base/check.h"
#include "net/ws/frame.h"
#include "net/ws/frame_length.h"
#include "net/ws/utf8.h"
#include "storage/record.h"

namespace duolog::session {
namespace {

constexpr std::uint8_t kOpcodeMask = 0x0F;
constexpr std::uint8_t kFinBit = 0x80;
// Inflating leaves scratch memory behind; a large one is given back at once.
constexpr std::size_t kKeptScratchBytes = 256U << 10;

std::size_t frame_header_bytes(std::size_t payload) {
  return payload <= 125 ? 2 : payload <= 0xFFFF ? 4 : 10;
}

std::size_t headers_bytes(std::size_t payload) {
  const std::size_t whole = payload / FeedBatch::kMaxFrameBytes;
  const std::size_t rest = payload % FeedBatch::kMaxFrameBytes;
  return whole * frame_header_bytes(FeedBatch::kMaxFrameBytes) +
         (rest > 0 || whole == 0 ? frame_header_bytes(rest) : 0);
}

}  // namespace

// What the frames of a batch will take, found before any is made.
struct FeedBatch::Survey {
  std::size_t inline_bytes = 0;
  std::size_t log_frames = 0;
  std::int32_t messages = 0;
  bool dense = true;  // record n has offset delta n, and none is skipped before the last message
};

Result<FeedBatch::Survey> FeedBatch::survey(const storage::BatchHeader& header,
                                            Bytes records) const {
  Survey found;
  auto walked = storage::for_each_record(header, records, [&](const storage::Record& record) {
    if (!record.value) return;
    if (record.offset - header.base_offset != found.messages) found.dense = false;
    ++found.messages;
    const std::size_t size = record.value->size();
    found.inline_bytes += headers_bytes(size);
    if (payloads_in_log_ && size > kInlinePayloadBytes) {
      found.log_frames += size / kMaxFrameBytes + 1;
    } else {
      found.inline_bytes += size;
    }
  });
  if (!walked) return std::unexpected(std::move(walked).error());
  return found;
}

Result<void> FeedBatch::encode(const storage::BatchHeader& header, Bytes batch, Format format,
                               std::size_t max_inflated_bytes, EncodeScratch& scratch) {
  inline_.clear();
  pieces_.clear();
  deltas_.clear();
  base_offset_ = header.base_offset;
  next_offset_ = header.next_offset();
  size_ = message_count_ = 0;
  if (header.is_control()) return {};
  const auto all = scratch.records_of(header, batch, max_inflated_bytes);
  if (!all) return std::unexpected(all.error());
  const Bytes records = *all;
  payloads_in_log_ = header.codec() == storage::Codec::kNone;
  auto found = survey(header, records);
  if (!found) return std::unexpected(std::move(found).error());
  // An entry that is used again keeps its memory only if it fits.
  if (inline_.capacity() / 2 > found->inline_bytes + kKeptScratchBytes) inline_ = Buffer();
  inline_.reserve(found->inline_bytes);
  pieces_.reserve(found->log_frames + 1);
  if (!found->dense) deltas_.reserve(static_cast<std::size_t>(found->messages));
  auto encoded = storage::for_each_record(header, records, [&](const storage::Record& record) {
    if (!record.value) return;
    if (!found->dense) {
      deltas_.push_back(static_cast<std::int32_t>(record.offset - header.base_offset));
    }
    add_message(*record.value, batch.data(), format, scratch);
  });
  return encoded;
}

void FeedBatch::add_message(Bytes value, const std::uint8_t* batch_start, Format format,
                            EncodeScratch& scratch) {
  auto opcode =
      !format.binary && ws::is_valid_utf8(value) ? ws::Opcode::kText : ws::Opcode::kBinary;
  bool rsv1 = format.deflated && value.size() >= EncodeScratch::kLeastDeflatedBytes;
  const bool in_log = payloads_in_log_ && !rsv1 && value.size() > kInlinePayloadBytes;
  if (rsv1) value = scratch.deflate(value);
  ++message_count_;
  do {
    const Bytes part = value.first(std::min<std::size_t>(value.size(), kMaxFrameBytes));
    value = value.subspan(part.size());
    add_frame(static_cast<std::uint8_t>(opcode), value.empty(), rsv1, part,
              in_log ? part.data() : nullptr, batch_start);
    opcode = ws::Opcode::kContinuation;
    rsv1 = false;
  } while (!value.empty());
}

void FeedBatch::add_frame(std::uint8_t opcode, bool fin, bool rsv1, Bytes payload,
                          const std::uint8_t* log_payload, const std::uint8_t* batch_start) {
  std::array<std::uint8_t, ws::kMaxFrameHeaderBytes> head;
  const std::size_t head_size =
      ws::encode_frame_header(static_cast<ws::Opcode>(opcode), fin, payload.size(), head, rsv1);
  if (pieces_.empty() || pieces_.back().log_size > 0) {
    pieces_.push_back(
        {.stream_at = size_, .inline_at = static_cast<std::uint32_t>(inline_.size())});
  }
  Piece& piece = pieces_.back();
  inline_.append(Bytes(head).first(head_size));
  std::size_t inline_size = head_size;
  if (log_payload != nullptr) {
    piece.log_at = static_cast<std::uint32_t>(log_payload - batch_start);
    piece.log_size = static_cast<std::uint32_t>(payload.size());
  } else {
    inline_.append(payload);
    inline_size += payload.size();
  }
  piece.inline_size += static_cast<std::uint32_t>(inline_size);
  size_ += static_cast<std::uint32_t>(inline_size) + piece.log_size;
}

const FeedBatch::Piece* FeedBatch::piece_at(std::uint32_t at) const {
  CHECK(at < size_);
  return &*(std::ranges::upper_bound(pieces_, at, {}, &Piece::stream_at) - 1);
}

std::uint32_t FeedBatch::frame_end(std::uint32_t frame) const {
  const Piece& piece = *piece_at(frame);
  const std::uint8_t* head = inline_.data() + piece.inline_at + (frame - piece.stream_at);
  return frame + static_cast<std::uint32_t>(ws::frame_length(head));
}

std::uint32_t FeedBatch::frame_at(std::uint32_t from, std::uint32_t at) const {
  while (from < at) {
    const std::uint32_t end = frame_end(from);
    if (end > at) break;
    from = end;
  }
  return from;
}

std::uint32_t FeedBatch::last_frame_end(std::uint32_t from, std::uint64_t limit) const {
  const std::uint64_t most = from + limit;
  std::uint32_t end = from;
  while (end < size_) {
    // A piece ends where a frame does: whole ones need no look inside.
    const Piece& piece = *piece_at(end);
    const std::uint32_t next = piece.end() <= most ? piece.end() : frame_end(end);
    if (next > most) break;
    end = next;
  }
  return end;
}

std::uint32_t FeedBatch::messages_ending(std::uint32_t frame, std::uint32_t from,
                                         std::uint32_t to) const {
  if (from == 0 && to == size_) return message_count_;
  std::uint32_t messages = 0;
  while (frame < to) {
    const std::uint32_t end = frame_end(frame);
    if (end > to) break;
    if (end > from && (first_byte(frame) & kFinBit) != 0) ++messages;
    frame = end;
  }
  return messages;
}

std::uint8_t FeedBatch::first_byte(std::uint32_t frame) const {
  const Piece& piece = *piece_at(frame);
  return inline_.data()[piece.inline_at + (frame - piece.stream_at)];
}

std::uint32_t FeedBatch::stream_at(Offset offset) const {
  if (offset <= base_offset_) return 0;
  const std::int64_t delta = offset - base_offset_;
  const auto skipped = deltas_.empty() ? std::min<std::int64_t>(delta, message_count_)
                                       : std::ranges::lower_bound(deltas_, delta) - deltas_.begin();
  std::uint32_t at = 0;
  for (std::int64_t passed = 0; at < size_; at = frame_end(at)) {
    const bool starts_message = (first_byte(at) & kOpcodeMask) != 0;
    if (starts_message && passed++ == skipped) break;
  }
  return at;
}

Offset FeedBatch::offset_at(std::uint32_t at) const {
  std::size_t begun = 0;
  std::uint32_t frame = 0;
  for (; frame < at && frame < size_; frame = frame_end(frame)) {
    if ((first_byte(frame) & kOpcodeMask) != 0) ++begun;
  }
  if (frame >= size_) return next_offset_;
  if ((first_byte(frame) & kOpcodeMask) == 0) return Offset(-1);
  return base_offset_ + (deltas_.empty() ? static_cast<std::int64_t>(begun) : deltas_[begun]);
}

std::size_t FeedBatch::memory_bytes() const {
  return inline_.capacity() + pieces_.capacity() * sizeof(Piece) +
         deltas_.capacity() * sizeof(std::int32_t);
}

}  // namespace duolog::session
