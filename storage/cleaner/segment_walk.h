// SegmentWalk: a sealed segment's batches, one after the other, each as it was appended.
//
// Of a file that somebody else keeps: its segment is pinned. Blocking; janitors, one at a time.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/base/result.h"
#include "storage/batch_walker.h"
#include "storage/disk.h"
#include "storage/segment.h"

namespace duolog::storage {

class SegmentWalk {
 public:
  SegmentWalk(Files& files, Segment& segment) : files_(files), segment_(segment) {}
  ~SegmentWalk();
  SegmentWalk(const SegmentWalk&) = delete;
  SegmentWalk& operator=(const SegmentWalk&) = delete;

  // Begins at the last batch that the index knows at or before `offset`.
  [[nodiscard]] Result<void> open(Offset offset);

  enum class Step : std::uint8_t { kBatch, kEnd, kDamaged };
  // kDamaged: what stands at position() is not what was appended; it has been told.
  [[nodiscard]] Result<Step> next();
  // What stands at position() has the right CRC, and cannot be read nevertheless: tells of it.
  void tell_unreadable();

  [[nodiscard]] Segment& segment() const { return segment_; }
  [[nodiscard]] const BatchHeader& header() const { return walker_->header(); }
  [[nodiscard]] Bytes batch() const { return walker_->batch(); }  // until the next call
  [[nodiscard]] std::uint64_t position() const { return walker_->position(); }

 private:
  Files& files_;
  Segment& segment_;
  FileId file_ = kNoFile;
  std::unique_ptr<BatchWalker> walker_;
  Offset expected_;
};

}  // namespace duolog::storage
