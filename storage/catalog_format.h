// The bytes of a catalog file: its header, and entries in checksummed frames. See catalog.md.
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"

namespace duolog::storage {

using TopicConfigs = std::map<std::string, std::string, std::less<>>;

// A topic that exists.
struct TopicRecord {
  std::string name;
  Uuid id;
  std::int32_t partition_count = 1;
  TopicConfigs configs;
  // The first offset that is still there, for partitions where that is not 0.
  std::map<PartitionId, Offset> log_starts;

  bool operator==(const TopicRecord&) const = default;
};

// A topic that was deleted, remembered as long as a journal may mention it.
struct DeletedTopic {
  std::string name;
  Uuid id;
  std::int32_t partition_count = 0;

  bool operator==(const DeletedTopic&) const = default;
};

// The entries. Their place in CatalogEntry, from 1, is their type on disk.
struct ClusterIdEntry {
  Uuid id;
};
struct IncarnationEntry {
  LeaderEpoch incarnation;
};
struct TopicDeletedEntry {
  Uuid id;
};
struct TopicConfigsEntry {
  Uuid id;
  TopicConfigs configs;
};
struct LogStartEntry {
  Uuid id;
  PartitionId partition;
  Offset offset;
};
struct PartitionsAddedEntry {
  Uuid id;
  std::int32_t partition_count = 0;
};
struct DeletedForgottenEntry {
  Uuid id;
};
struct NextProducerIdEntry {
  std::int64_t next_producer_id = 0;
};
// The configuration of what is no topic: a broker (no name: every broker), a group ... None: it has
// none any more.
struct ResourceConfigsEntry {
  std::int32_t resource_type = 0;  // Kafka's code
  std::string name;
  TopicConfigs configs;
};

using CatalogEntry =
    std::variant<ClusterIdEntry, IncarnationEntry, TopicRecord, TopicDeletedEntry,
                 TopicConfigsEntry, LogStartEntry, PartitionsAddedEntry, DeletedTopic,
                 DeletedForgottenEntry, NextProducerIdEntry, ResourceConfigsEntry>;

inline constexpr std::size_t kCatalogHeaderBytes = 48;
inline constexpr std::size_t kCatalogFrameBytes = 20;
inline constexpr std::size_t kMaxCatalogPayloadBytes = 1 << 20;

struct CatalogHeader {
  std::uint64_t generation = 0;      // the n of catalog-<n>.log
  std::uint64_t first_sequence = 0;  // of the first entry
  std::uint64_t snapshot_bytes = 0;  // the file was durable up to here before it got its name
};

struct CatalogFrame {
  std::uint64_t sequence = 0;
  std::uint32_t type = 0;
  Bytes payload;
  [[nodiscard]] std::size_t size_bytes() const { return kCatalogFrameBytes + payload.size(); }
};

void encode_header(const CatalogHeader& header, std::vector<std::uint8_t>& out);
// kCorrupt when it is damaged or no header, kUnsupported when it is of a newer format.
[[nodiscard]] Result<CatalogHeader> decode_header(Bytes file);

// Appends a frame. kTooLarge, and nothing appended, beyond kMaxCatalogPayloadBytes.
[[nodiscard]] Result<void> encode_entry(std::uint64_t sequence, const CatalogEntry& entry,
                                        std::vector<std::uint8_t>& out);
// The frame that begins at the first byte, if there is a whole one with the right checksum.
[[nodiscard]] std::optional<CatalogFrame> read_frame(Bytes bytes);
// kUnsupported for a type that this build does not know, kCorrupt for a payload of another form.
[[nodiscard]] Result<CatalogEntry> decode_entry(const CatalogFrame& frame);

}  // namespace duolog::storage
