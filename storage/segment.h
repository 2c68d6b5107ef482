// Segment: one segment file and what of it is in memory.
//
// A segment's bytes are found in one of two places: in *chunks* (the tail: memory that appends
// were copied to, shared with readers until it is given back) or in the *mapping* of the file,
// in windows that a janitor has read in and checked.
//
// The owner shard appends, writes and seals; every shard reads. Bytes below the log's published
// positions never change, in either place. A segment is freed through the owner's RetireList,
// once no janitor job pins it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/chunk_pool.h"
#include "storage/damage.h"
#include "storage/disk.h"
#include "storage/segment_index.h"

namespace duolog::storage {

inline constexpr std::uint64_t kWindowBytes = 1 * kMiB;  // populated at once; CRC-checked once

// A batch larger than a segment is meant to be makes the segment larger, by this much at the most.
inline constexpr std::uint64_t kSegmentHeadroomBytes = 128 * kMiB;
[[nodiscard]] inline std::uint64_t segment_limit_bytes(std::uint64_t segment_bytes) {
  return align_up(segment_bytes, kBlockBytes) + kSegmentHeadroomBytes;
}

class Segment {
 public:
  // `max_bytes`: the largest size the file may reach. `directory` is the partition's. `compacted`:
  // it has been cleaned (cleaner/), so that offsets may be missing within it.
  Segment(std::string directory, Offset base_offset, Position base_position,
          std::uint64_t max_bytes, bool compacted = false);
  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  const std::string directory;
  const Offset base_offset;
  const Position base_position;  // of the file's first byte in the partition's log
  const std::uint64_t max_bytes;
  const bool compacted;

  // Whether a batch that begins at `found` may be the one behind those that end before `expected`.
  [[nodiscard]] bool may_follow(Offset expected, Offset found) const {
    return found == expected || (compacted && found > expected);
  }

  [[nodiscard]] std::string log_path() const;

  SegmentIndex index;
  // A sealed segment found at start has no index in memory until somebody needs it.
  std::atomic<bool> index_loaded{true};
  std::atomic<std::int64_t> max_timestamp{-1};
  std::atomic<std::uint32_t> max_timestamp_offset{
      0};  // relative last offset of the batch that has it
  // What a batch appended now would be noted with, but for its own place.
  [[nodiscard]] IndexEntry last_entry() const {
    return {0, 0, max_timestamp.load(std::memory_order_relaxed),
            max_timestamp_offset.load(std::memory_order_relaxed)};
  }

  // ---- Any shard -------------------------------------------------------------------------------

  // Contiguous memory that holds the file's bytes from `at` on: its start, and how far it reaches
  // (to the end of the chunk or window; the caller bounds it by published positions). Null when
  // neither a chunk nor a populated window holds it.
  struct Piece {
    const std::uint8_t* data = nullptr;
    std::uint64_t size_bytes = 0;
  };
  [[nodiscard]] Piece find(std::uint64_t at) const;
  // How far from `at` on the mapping is populated, within the window of `at`; 0: not at `at`.
  [[nodiscard]] std::uint64_t ready_bytes(std::uint64_t at) const;
  [[nodiscard]] bool in_chunks(std::uint64_t at) const;

  // How much of the file is final: written, and never written again. What was taken out of the
  // chunks lies below.
  std::atomic<std::uint64_t> stable_bytes{0};

  // Its file has its final size, which is `stable_bytes`: set after that.
  std::atomic<bool> sealed{false};

  // What was found damaged of what is on disk.
  Damages damages;
  // Of its first batch, the first record's; known once somebody has asked (cleaner/dirty.h).
  static constexpr std::int64_t kUnknownTimestamp = -2;
  std::atomic<std::int64_t> first_timestamp{kUnknownTimestamp};
  // Something in it cannot be read: it is not cleaned, so that nothing of it is lost.
  std::atomic<bool> uncleanable{false};

  // From here on the disk did not give what is mapped (Files::map), or kNotCorrupt: not looked at
  // again before the next start. What was loaded may be zeros if this is before its end.
  std::atomic<std::uint64_t> lost_at{kNotCorrupt};
  // After a load of what is before `end`, which `find` gave: whether that was what is in the file.
  [[nodiscard]] bool was_read(std::uint64_t end) const {
    std::atomic_signal_fence(std::memory_order_seq_cst);  // the handler ran within the load
    return lost_at.load(std::memory_order_relaxed) >= end;
  }

  // ---- Owner -----------------------------------------------------------------------------------

  bool being_cleaned = false;         // what becomes of it is decided when that has ended
  FileId file = kNoFile;              // direct; open while the segment is written
  std::uint64_t allocated_bytes = 0;  // space the file system has promised

  // Puts a chunk (64 KiB for the file's bytes from number * kChunkBytes on) in place; those before
  // `first_byte` (of the chunk, block-aligned) are not in it.
  void set_chunk(std::uint64_t number, std::uint8_t* chunk, std::uint64_t first_byte);
  // Puts a small block in place: only [block_start, block_start + 4 KiB) of the file.
  void set_small(std::uint64_t number, std::uint8_t* block, std::uint64_t block_start);
  struct Slot {
    std::uint8_t* memory = nullptr;  // a chunk, or a small block
    std::uint64_t first_byte = 0;    // within the chunk, that `memory` begins with
    bool small = false;
  };
  [[nodiscard]] Slot slot(std::uint64_t number) const;
  // Takes the memory out of sight. The caller retires it.
  [[nodiscard]] Slot clear_slot(std::uint64_t number);
  // Memory for writing at `at`; its chunk must be in place.
  [[nodiscard]] std::uint8_t* writable(std::uint64_t at);

  // ---- Janitor ---------------------------------------------------------------------------------

  std::atomic<int> pins{0};  // jobs and half-sent responses that use this segment
  std::mutex load_mutex;     // held while the index is loaded

  // Maps the file if it is not mapped yet. Blocking.
  [[nodiscard]] Result<Mapping> ensure_mapped(Files& files);
  // [start of the window that holds `from`, to) has been populated and checked.
  void mark_ready(std::uint64_t from, std::uint64_t to);
  // Unmaps; before destruction, when nobody reads any more.
  void unmap(Files& files);

 private:
  // A leaf covers 16 MiB. Slots hold the address that byte 0 of the chunk would have; the low
  // bits (addresses are block-aligned) say which block of the chunk memory begins with, and
  // whether that is a small block.
  static constexpr std::uint64_t kLeafChunks = 256;
  struct Leaf {
    std::atomic<std::uint64_t> slots[kLeafChunks] = {};
  };
  [[nodiscard]] std::uint64_t load_slot(std::uint64_t number) const;
  void store_slot(std::uint64_t number, std::uint64_t value);

  const std::uint64_t leaf_count_;
  const std::uint64_t window_count_;
  std::unique_ptr<std::atomic<Leaf*>[]> leaves_;
  std::unique_ptr<std::atomic<std::uint16_t>[]> windows_;  // blocks ready, from the window's start
  std::mutex map_mutex_;
  std::atomic<const std::uint8_t*> mapped_{nullptr};
  std::uint64_t mapped_bytes_ = 0;
};

// "00000000000000001234" + suffix: Kafka's names for the files of a segment.
[[nodiscard]] std::string segment_file_name(Offset base_offset, const char* suffix);

}  // namespace duolog::storage
