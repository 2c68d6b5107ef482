// EncodeScratch: what encoding a batch needs besides the batch: memory to inflate it into, and a
// stream to compress what readers get, each message by itself (RFC 7692 without context takeover),
// so that one compressed form serves them all.
//
// Owned by a BatchCache; one thread. The memory of large batches is given back by `trim`.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/base/buffer.h"
#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "net/ws/deflate.h"
#include "storage/codec.h"
#include "storage/record_batch.h"

namespace duolog::session {

class EncodeScratch {
 public:
  // Smaller ones are not worth compressing.
  static constexpr std::size_t kLeastDeflatedBytes = 512;
  // What readers of compressed messages have to agree to.
  static constexpr ws::DeflateParameters kAgreement = {.server_no_context_takeover = true,
                                                       .client_no_context_takeover = true};

  Buffer inflated;
  // What the batch's records inflate to, if somebody has done it before. Set for one batch.
  Bytes inflated_before;

  // The records of `batch`, inflated if they are compressed; as storage::decompress fails. Valid
  // until the next batch.
  [[nodiscard]] Result<Bytes> records_of(const storage::BatchHeader& header, Bytes batch,
                                         std::size_t max_inflated_bytes) {
    const Bytes records = storage::records_of(batch, header);
    if (header.codec() == storage::Codec::kNone) return records;
    if (!inflated_before.empty()) return inflated_before;
    auto done = storage::decompress(header.codec(), records, max_inflated_bytes, inflated);
    if (!done) return std::unexpected(std::move(done).error());
    return Bytes(inflated);
  }

  // The payload of a compressed message, valid until the next one.
  [[nodiscard]] Bytes deflate(Bytes message) {
    if (!deflater_) deflater_ = std::make_unique<ws::Deflater>(kAgreement);
    deflater_->deflate(message, deflated_);
    return deflated_;
  }
  void trim() {
    if (inflated.capacity() > kKeptBytes) inflated = Buffer();
    if (deflated_.capacity() > kKeptBytes) deflated_ = Buffer();
  }

 private:
  static constexpr std::size_t kKeptBytes = 256U << 10;
  Buffer deflated_;
  std::unique_ptr<ws::Deflater> deflater_;
};

}  // namespace duolog::session
