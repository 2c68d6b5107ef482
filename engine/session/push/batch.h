// PushBatch: one record batch as the items of `records` pushes (net/push/record_json.h).
//
// Any run of items that follow each other is a run of bytes here, so that what each subscriber
// is sent of a batch, from wherever it begins and as far as its credit goes, is encoded once for
// all of them. Control batches have no items. Owned by the PushCache; one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/buffer.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "engine/session/live/encode_scratch.h"
#include "storage/record_batch.h"

namespace duolog::session {

class PushBatch {
 public:
  // For the BatchCache.
  enum class Format : std::uint8_t { kJson, kDeflatedJson };
  [[nodiscard]] static constexpr bool holds_payloads(Format) { return true; }

  // Replaces the content by the items of `batch`, whose header is `header`. `scratch` is for
  // inflating, to at most `max_inflated_bytes`, and for compressing; the items may take
  // kMostExpansion times as much.
  // Errors, before which the content is unspecified: kCorrupt, kTooLarge, kUnsupported.
  static constexpr std::size_t kMostExpansion = 4;
  [[nodiscard]] Result<void> encode(const storage::BatchHeader& header, Bytes batch, Format format,
                                    std::size_t max_inflated_bytes, EncodeScratch& scratch);

  [[nodiscard]] std::uint32_t item_count() const {
    return static_cast<std::uint32_t>(ends_.size());
  }
  // The first item at or after `offset`; item_count() without any.
  [[nodiscard]] std::uint32_t item_at(Offset offset) const;
  [[nodiscard]] Offset offset(std::uint32_t item) const;
  // The offset to go on from behind the items before `end`.
  [[nodiscard]] Offset next_of(std::uint32_t end) const;
  [[nodiscard]] LeaderEpoch epoch() const { return epoch_; }
  // Items [first, end), which are some, with commas between them.
  [[nodiscard]] Bytes text(std::uint32_t first, std::uint32_t end) const;
  // The most items from `first` on, but at least one, whose text takes at most `max_bytes`:
  // where they end.
  [[nodiscard]] std::uint32_t end_within(std::uint32_t first, std::uint64_t max_bytes) const;

  // With kDeflatedJson: the compressed text of the items from `first` on, as many as a message has
  // that nothing else limits. Null: there is none that begins there.
  struct Deflated {
    std::uint32_t first = 0;
    std::uint32_t end = 0;
    std::uint32_t at = 0;  // in deflated_
    std::uint32_t size_bytes = 0;
  };
  [[nodiscard]] const Deflated* deflated_from(std::uint32_t first) const;
  // Whole deflate blocks that end at a byte's boundary, so that others may stand around them.
  [[nodiscard]] Bytes bytes_of(const Deflated& run) const {
    return {deflated_.data() + run.at, run.size_bytes};
  }

  // The most text of a message that has more than one item.
  static constexpr std::uint64_t kMostTextBytes = 64U << 10;

  // Heap memory, for the cache's accounting.
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  [[nodiscard]] std::uint32_t begin_of(std::uint32_t item) const {
    return item == 0 ? 0 : ends_[item - 1] + 1;
  }

  void deflate_runs(EncodeScratch& scratch);

  Buffer text_;
  Buffer deflated_;
  std::vector<Deflated> runs_;
  std::vector<std::uint32_t> ends_;   // of each item's text; a comma follows
  std::vector<std::int32_t> deltas_;  // of the items' offsets; empty when they are 0, 1, 2, ...
  Offset base_offset_;
  Offset end_offset_;  // behind the batch
  LeaderEpoch epoch_;
};

}  // namespace duolog::session
