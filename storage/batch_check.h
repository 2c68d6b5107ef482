// BatchCheck: a janitor's look at the batches of a segment's mapping, window by window: which of
// them are what was appended, and where it goes on behind one that is not.
//
// A batch is good if its CRC matches, and if what the CRC does not cover (its base offset and its
// length) leads on from its predecessor and does not pass the next batch that the index knows. The
// leader epoch is covered by neither.
//
// Behind a damaged batch the next one is where its length says, if there is a good one; else the
// next entry of the index. Bytes are not searched for what looks like a batch: those of a record
// are a client's, and may look like anything. Blocking.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "engine/base/result.h"
#include "storage/disk.h"
#include "storage/record_batch.h"
#include "storage/segment.h"

namespace duolog::storage {

// Where a good batch begins, in a file.
struct GoodBatch {
  std::uint64_t position = 0;
  Offset base_offset;
};

// Where a good batch behind a damaged one may be.
struct DamagedBytes {
  const std::uint8_t* file = nullptr;  // in memory, from its first byte on
  std::uint64_t from = 0;              // where the damaged batch begins
  std::uint64_t to = 0;                // where to stop
  Offset first;                        // the offset that is expected at `from`
  Offset last;                         // what is found ends before it, or with it
  // Before bytes up to the position are looked at, which is at most `to`.
  std::function<Result<void>(std::uint64_t)> load;
};
// The batch that stands where the length of the damaged one says; nothing if there is no good one.
[[nodiscard]] Result<std::optional<GoodBatch>> find_good_batch(const DamagedBytes& where);

class BatchCheck {
 public:
  // `starts`: SegmentIndex::starts() of all windows that will be asked for. `stable_bytes`: what of
  // the file is final; `sealed`: that it ends there. `starts` and `segment` outlive it.
  BatchCheck(Files& files, Segment& segment, Mapping mapping, std::span<const BatchStart> starts,
             std::uint64_t stable_bytes, bool sealed)
      : files_(files),
        segment_(segment),
        mapping_(mapping),
        starts_(starts),
        stable_bytes_(stable_bytes),
        sealed_(sealed) {}

  // Reads [from, to) into memory and checks every batch that ends there; notes what is damaged.
  // Errors: what the disk does not give, naming the file.
  [[nodiscard]] Result<void> window(std::uint64_t from, std::uint64_t to);

 private:
  struct Walk {
    std::uint64_t position = 0;
    Offset expected;
  };
  // kEarlier: what is wrong may lie in batches before the window, of which only lengths were read.
  enum class Walked : std::uint8_t { kDone, kEarlier };
  [[nodiscard]] Result<Walked> walk(Walk at, std::uint64_t from, std::uint64_t to, bool all);
  [[nodiscard]] const Damage* known(std::uint64_t position) const;
  [[nodiscard]] bool pass(const Damage& damage, Walk& at) const;
  [[nodiscard]] Result<void> note(const Walk& at);
  [[nodiscard]] const BatchStart* start_after(std::uint64_t position) const;
  [[nodiscard]] Result<void> load(std::uint64_t from, std::uint64_t to);

  Files& files_;
  Segment& segment_;
  const Mapping mapping_;
  const std::span<const BatchStart> starts_;
  const std::uint64_t stable_bytes_;
  const bool sealed_;
};

}  // namespace duolog::storage
