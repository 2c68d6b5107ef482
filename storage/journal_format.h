// The journal's bytes: groups and entries. The layout is in journal_format.md.
//
// Pure encoding and decoding; no state, any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/base/bytes.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"

namespace duolog::storage {

// "DUOJ" and the version of this layout.
inline constexpr std::uint32_t kGroupMagic = 0x4a4f5544;
inline constexpr std::uint32_t kGroupVersion = 2;
inline constexpr std::uint64_t kGroupHeaderBytes = 80;
inline constexpr std::uint64_t kEntryHeaderBytes = 64;

struct GroupHeader {
  std::uint32_t incarnation = 0;  // of the server's run that wrote it
  std::uint32_t entry_count = 0;
  std::uint64_t generation = 0;  // of the journal file: how often a file of this journal was begun
  std::uint64_t sequence = 0;    // of the group in its journal, from 1
  std::uint64_t body_bytes = 0;  // entries, without header and padding
  std::uint64_t previous_hash = 0;  // of the group with sequence - 1, or 0
  // When this was written: the sequence up to which groups were flushed, and that of the oldest one
  // that was still needed, the first of its file.
  std::uint64_t flushed = 0;
  std::uint64_t oldest = 0;
  // Random, of the server's run. Clients choose what lies in a journal's blocks, and cannot know
  // it.
  std::uint64_t secret = 0;
  std::uint64_t hash = 0;  // XXH3 of header (with this field 0) and body

  // In the file: header and body, padded to blocks.
  [[nodiscard]] std::uint64_t size_in_file() const;
};

enum class EntryKind : std::uint8_t {
  kRedo = 1,    // the bytes themselves follow
  kExtent = 2,  // the bytes are in the segment already; only their hash is here
};

struct JournalEntry {
  EntryKind kind = EntryKind::kRedo;
  Uuid topic_id;
  PartitionId partition;
  Offset segment;              // base offset of the segment file
  std::uint64_t position = 0;  // in the segment file
  std::uint64_t size_bytes = 0;
  std::uint64_t hash = 0;   // kExtent: XXH3 of the bytes
  std::uint64_t whole = 0;  // the segment holds whole batches up to here: they may be acked
  Bytes bytes;              // kRedo, when decoded
};

// Writes the entry's header; a redo entry's bytes come right behind it.
void encode_entry_header(const JournalEntry& entry, std::uint8_t* at);

// Writes the header, computing the hash over it and the body behind it, and returns the hash.
std::uint64_t seal_group(GroupHeader header, std::uint8_t* group);

// The version of what has a group's magic at the start of `bytes`, whole or not.
[[nodiscard]] std::optional<std::uint32_t> group_version(Bytes bytes);
// Decodes, and does not check, the header there. Nothing when it is none of this version.
[[nodiscard]] std::optional<GroupHeader> read_group_header(Bytes bytes);
// Decodes and checks the group there. Nothing when it is not a whole, valid group.
[[nodiscard]] std::optional<GroupHeader> read_group(Bytes bytes);

// Walks the entries of a checked group. False at the end; kCorrupt when they do not fill the body.
class EntryReader {
 public:
  EntryReader(const GroupHeader& header, Bytes group)
      : left_(header.entry_count), body_(group.subspan(kGroupHeaderBytes, header.body_bytes)) {}
  [[nodiscard]] Result<bool> next(JournalEntry& entry);

 private:
  std::uint32_t left_;
  Bytes body_;
};

}  // namespace duolog::storage
