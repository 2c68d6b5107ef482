// FeedBatch: one record batch as the WebSocket frames that carry its values.
//
// The frames of a batch form a *stream*: a run of bytes that depends only on the batch and the
// format, so that a place in it means the same however often the batch is encoded. Short payloads
// and those of compressed batches lie in the stream's own memory, long ones stay in the log:
//
//   stream   | header, payload, header, payload, header |   payload   | header | payload | ...
//            |<------------- inline_bytes ------------->|<- the log ->|
//            |<-------------------- a Piece ------------------------->|<---- a Piece --->|
//
// Not sent are control batches and null values. A payload over kMaxFrameBytes goes out in several
// frames, so that a control frame never waits for more than that. Owned by the FeedCache; one
// thread.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/buffer.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "engine/session/live/encode_scratch.h"
#include "storage/record_batch.h"

namespace duolog::session {

class FeedBatch {
 public:
  static constexpr std::uint32_t kMaxFrameBytes = 256U << 10;  // of payload
  // Copying this much costs less than one more iovec for each of the readers.
  static constexpr std::size_t kInlinePayloadBytes = 256;

  // For the BatchCache: long payloads of an uncompressed batch stay in the log.
  struct Format {
    bool binary = false;    // all messages; else those that are not valid UTF-8
    bool deflated = false;  // compressed where it is worth it
    bool operator==(const Format&) const = default;
  };
  [[nodiscard]] static constexpr bool holds_payloads(Format format) { return format.deflated; }

  // A run of the stream: `inline_size` bytes of inline memory, then `log_size` bytes of the batch.
  // It ends where a frame ends.
  struct Piece {
    std::uint32_t stream_at = 0;
    std::uint32_t inline_at = 0;
    std::uint32_t inline_size = 0;
    std::uint32_t log_at = 0;  // from the batch's first byte
    std::uint32_t log_size = 0;

    [[nodiscard]] std::uint32_t size() const { return inline_size + log_size; }
    [[nodiscard]] std::uint32_t end() const { return stream_at + size(); }
  };

  // Replaces the content by the frames of `batch`, whose header is `header`. `scratch`
  // is for inflating, to at most `max_inflated_bytes`, and for compressing. Errors, before which
  // the content is unspecified: kCorrupt, kTooLarge, kUnsupported.
  [[nodiscard]] Result<void> encode(const storage::BatchHeader& header, Bytes batch, Format format,
                                    std::size_t max_inflated_bytes, EncodeScratch& scratch);

  [[nodiscard]] std::uint32_t size_bytes() const { return size_; }  // of the stream
  [[nodiscard]] std::uint32_t message_count() const { return message_count_; }
  [[nodiscard]] const std::vector<Piece>& pieces() const { return pieces_; }
  [[nodiscard]] Bytes inline_bytes() const { return inline_; }
  // The piece that holds the stream's byte `at`, which is before its end.
  [[nodiscard]] const Piece* piece_at(std::uint32_t at) const;

  // The end of the frame that begins at `frame`.
  [[nodiscard]] std::uint32_t frame_end(std::uint32_t frame) const;
  // Where the frame begins that holds the byte `at`, or `at` itself where one begins; looks from
  // the frame at `from` on.
  [[nodiscard]] std::uint32_t frame_at(std::uint32_t from, std::uint32_t at) const;
  // The latest end of a frame at most `limit` bytes behind the frame that begins at `from`; `from`
  // itself when its first frame is larger.
  [[nodiscard]] std::uint32_t last_frame_end(std::uint32_t from, std::uint64_t limit) const;
  // Messages whose last byte lies in (from, to]; `frame` begins the frame that holds `from`.
  [[nodiscard]] std::uint32_t messages_ending(std::uint32_t frame, std::uint32_t from,
                                              std::uint32_t to) const;
  // Where the first message begins whose record is at or after `offset`; the end without any.
  [[nodiscard]] std::uint32_t stream_at(Offset offset) const;

  // The first offset that a reader has not had of it, who has had `at` bytes, whole frames, of the
  // stream; -1 within a message.
  [[nodiscard]] Offset offset_at(std::uint32_t at) const;
  [[nodiscard]] Offset next_offset() const { return next_offset_; }

  // Heap memory, for the cache's accounting.
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct Survey;
  [[nodiscard]] Result<Survey> survey(const storage::BatchHeader& header, Bytes records) const;
  [[nodiscard]] std::uint8_t first_byte(std::uint32_t frame) const;
  void add_message(Bytes value, const std::uint8_t* batch_start, Format format,
                   EncodeScratch& scratch);
  void add_frame(std::uint8_t opcode, bool fin, bool rsv1, Bytes payload,
                 const std::uint8_t* log_payload, const std::uint8_t* batch_start);

  Buffer inline_;
  std::vector<Piece> pieces_;
  // Offset deltas of the messages; empty when they are 0, 1, 2, ...
  std::vector<std::int32_t> deltas_;
  Offset base_offset_;
  Offset next_offset_;
  std::uint32_t size_ = 0;
  std::uint32_t message_count_ = 0;
  bool payloads_in_log_ = false;
};

}  // namespace duolog::session
