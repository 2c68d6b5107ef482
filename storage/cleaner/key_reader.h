// KeyReader: notes the keys of what is new in a log, oldest first, for as many as there is room.
//
// The segments are pinned by whoever owns it. Blocking; janitors, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/result.h"
#include "storage/cleaner/compaction.h"
#include "storage/cleaner/key_offsets.h"
#include "storage/cleaner/segment_walk.h"

namespace duolog::storage {

class KeyReader {
 public:
  // Sealed segments that follow each other, up to `end`; the first one holds `from`.
  KeyReader(Files& files, std::vector<Segment*> segments, Offset from, Offset end,
            KeyOffsets& keys);

  // Reads about `max_bytes` more. True: keys.end() is where it has come to, and that is all. What
  // is damaged is passed over, to the end of its segment: no key is noted that is not there.
  // Errors: what the disk does not give.
  [[nodiscard]] Result<bool> step(std::uint64_t max_bytes);

  [[nodiscard]] std::uint64_t read_bytes() const { return read_bytes_; }

 private:
  [[nodiscard]] Offset end_of(std::size_t segment) const;
  void pass();

  Files& files_;
  const std::vector<Segment*> segments_;
  const Offset from_;
  const Offset end_;
  KeyOffsets& keys_;
  CompactionScratch scratch_;
  std::size_t at_ = 0;
  std::unique_ptr<SegmentWalk> walk_;
  std::uint64_t read_bytes_ = 0;
};

}  // namespace duolog::storage
