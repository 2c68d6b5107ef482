// InflatedBatches: the records of compressed batches as they were when their producers' requests
// were looked into, for those who read them right away: inflated once for both.
//
// Only of partitions that somebody has inflated a batch of lately, on this shard. A batch is known
// by its topic's id, partition, base offset and CRC: it is the one that was produced, whatever has
// become of the log since.
//
// One for each shard, owned by its Broker and used by its thread. Limits: kMaxBytes of what is
// kept, as much of what is on its way into a log, kMaxBatches, kMaxBatchBytes of one. It never
// fails: what is not here is inflated again.
#pragma once

#include <array>
#include <cstdint>
#include <deque>

#include "engine/base/buffer.h"
#include "engine/base/bytes.h"
#include "engine/base/ids.h"
#include "engine/base/uuid.h"

namespace duolog::broker {

class InflatedBatches {
 public:
  static constexpr std::size_t kMaxBytes = 4U << 20;
  static constexpr std::size_t kMaxBatches = 64;
  static constexpr std::size_t kMaxBatchBytes = 1U << 20;
  static constexpr std::uint64_t kKeepNs = 5'000'000'000;

  struct Source {
    Uuid topic;
    PartitionId partition{};
    bool operator==(const Source&) const = default;
  };

  // Somebody reads compressed batches of it here.
  void want(const Source& source, std::uint64_t now_ns) {
    wanted_[slot(source)] = {source, now_ns};
  }
  [[nodiscard]] bool wanted(const Source& source, std::uint64_t now_ns) const {
    const Wanted& entry = wanted_[slot(source)];
    return entry.source == source && entry.since_ns != 0 && now_ns - entry.since_ns < kKeepNs;
  }

  // For a batch that is about to be looked into and appended, `packed_bytes` as it is: how much of
  // what it inflates to may be held until its offset is known. 0: nothing. Ends with `give_back`.
  [[nodiscard]] std::size_t take_room(const Source& source, std::size_t packed_bytes,
                                      std::uint64_t now_ns);
  void give_back(std::size_t room_bytes) { pending_bytes_ -= room_bytes; }

  void keep(const Source& source, Offset base_offset, std::uint32_t crc, Buffer records,
            std::uint64_t now_ns);
  // Its records, until the next call of `keep` or `expire`; nothing if they are not here.
  [[nodiscard]] Bytes find(const Source& source, Offset base_offset, std::uint32_t crc) const;
  // Gives up what has been here for kKeepNs.
  void expire(std::uint64_t now_ns);

 private:
  struct Wanted {
    Source source;
    std::uint64_t since_ns = 0;
  };
  struct Kept {
    Source source;
    Offset base_offset;
    std::uint32_t crc = 0;
    std::uint64_t since_ns = 0;
    Buffer records;
  };

  [[nodiscard]] static std::size_t slot(const Source& source) {
    return (std::hash<Uuid>()(source.topic) + static_cast<std::size_t>(source.partition.value)) %
           kMaxBatches;
  }
  void drop_oldest();

  std::array<Wanted, kMaxBatches> wanted_{};
  std::deque<Kept> kept_;  // the oldest first
  std::size_t kept_bytes_ = 0;
  std::size_t pending_bytes_ = 0;
};

}  // namespace duolog::broker
