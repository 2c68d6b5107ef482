// SegmentRewrite: one cleaned segment out of one or several that follow each other.
//
// The last batch stays, be it without a record, so that where the segment ends can be told from
// what is in it; and so does the last one of each producer that is still known, as in Kafka.
// The segments are pinned by whoever owns it. Blocking; janitors, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/base/buffer.h"
#include "engine/base/result.h"
#include "storage/cleaner/compaction.h"
#include "storage/cleaner/key_offsets.h"
#include "storage/cleaner/segment_swap.h"
#include "storage/cleaner/segment_walk.h"
#include "storage/segment_index.h"

namespace duolog::storage {

// By producer id: the first offset of the last batch that it has in the log.
using LastBatches = std::unordered_map<std::int64_t, Offset>;

class SegmentRewrite {
 public:
  // `group`: sealed, all of them before the next one's base offset or `end`; at least one. The
  // others outlive it.
  SegmentRewrite(Files& files, std::vector<Segment*> group, Offset end, const KeyOffsets& keys,
                 const CompactionRules& rules, const LastBatches& last_batches);
  ~SegmentRewrite();
  SegmentRewrite(const SegmentRewrite&) = delete;
  SegmentRewrite& operator=(const SegmentRewrite&) = delete;

  enum class Step : std::uint8_t {
    kMore,
    kWritten,    // it is in cleaned_path(), flushed: commit
    kUnchanged,  // nothing went: leave what there is
    kDamaged,    // something cannot be read, and has been told: leave what there is
  };
  // Reads about `max_bytes` more, and writes what stays of it.
  [[nodiscard]] Result<Step> step(std::uint64_t max_bytes);
  // Removes what it has written, and is done with.
  void discard();
  // Swaps the files. The segments are mapped and indexed, so that who reads them goes on; another
  // Segment takes their place. kUnflushed as everywhere; any other error: see half_done().
  [[nodiscard]] Result<void> commit();
  // The swap counts, and the files are not as they should be: the next start makes them so.
  [[nodiscard]] bool half_done() const { return half_done_; }

  [[nodiscard]] const std::vector<Segment*>& group() const { return group_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return written_bytes_; }
  [[nodiscard]] std::uint64_t read_bytes() const { return read_bytes_; }
  [[nodiscard]] const std::vector<IndexEntry>& index() const { return index_; }
  [[nodiscard]] const IndexEntry& last() const { return last_; }

 private:
  [[nodiscard]] Result<void> add(const SegmentWalk& walk, bool is_last);
  [[nodiscard]] Result<void> write_out();
  [[nodiscard]] bool at_the_end() const;

  Files& files_;
  const std::vector<Segment*> group_;
  const Offset end_;
  const KeyOffsets& keys_;
  const CompactionRules rules_;
  const LastBatches& last_batches_;
  CompactionScratch scratch_;
  Buffer out_;
  FileId file_ = kNoFile;
  std::size_t at_ = 0;
  std::unique_ptr<SegmentWalk> walk_;
  std::uint64_t read_bytes_ = 0;
  std::uint64_t written_bytes_ = 0;
  std::uint64_t flushed_bytes_ = 0;
  bool changed_ = false;
  bool committed_ = false;
  bool half_done_ = false;
  std::vector<IndexEntry> index_;
  IndexEntry last_;  // its timestamp fields are those of the whole segment
};

}  // namespace duolog::storage
