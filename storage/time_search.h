// TimeSearch: the first record of a log at or after a time, or the one with the latest time.
//
// The index finds the batch; the batch is inflated, if it is compressed, and its records are read.
// One step never waits: where something is not in memory it says so, and is called again once that
// has been warmed up. Any shard; one search at a time uses `scratch`.
#pragma once

#include <cstdint>

#include "engine/base/buffer.h"
#include "storage/log_reader.h"

namespace duolog::storage {

struct SearchScratch {
  Buffer batch;     // one that is not contiguous in memory
  Buffer inflated;  // its records
};

class TimeSearch {
 public:
  TimeSearch() = default;
  // The first record with a timestamp of at least `timestamp`.
  static TimeSearch at_or_after(Timestamp timestamp) { return TimeSearch(timestamp, false); }
  // The first of those with the largest timestamp.
  static TimeSearch latest() { return TimeSearch(Timestamp(0), true); }

  struct Found {
    ReadStatus status = ReadStatus::kOk;
    Cold cold;  // kCold: warm this up and call again
    bool found = false;
    Offset offset{-1};
    Timestamp timestamp{-1};
    LeaderEpoch leader_epoch{-1};
  };
  [[nodiscard]] Found step(const Log& log, SearchScratch& scratch);

 private:
  TimeSearch(Timestamp timestamp, bool latest) : timestamp_(timestamp), latest_(latest) {}
  [[nodiscard]] Found look_inside(const Log& log, const BatchRead& batch,
                                  SearchScratch& scratch) const;

  Timestamp timestamp_;
  bool latest_ = false;
  Position from_;  // everything before it is too early
};

}  // namespace duolog::storage
