#include "storage/journal_format.h"

#include <cstring>

#include "storage/disk.h"
#include "storage/hash.h"

namespace duolog::storage {
namespace {

constexpr std::size_t kHashAt = 72;

}  // namespace

std::uint64_t GroupHeader::size_in_file() const {
  return align_up(kGroupHeaderBytes + body_bytes, kBlockBytes);
}

void encode_entry_header(const JournalEntry& entry, std::uint8_t* at) {
  std::memset(at, 0, kEntryHeaderBytes);
  at[0] = static_cast<std::uint8_t>(entry.kind);
  store_le<std::int32_t>(at + 4, entry.partition.value);
  std::memcpy(at + 8, entry.topic_id.bytes.data(), entry.topic_id.bytes.size());
  store_le<std::int64_t>(at + 24, entry.segment.value);
  store_le<std::uint64_t>(at + 32, entry.position);
  store_le<std::uint64_t>(at + 40, entry.size_bytes);
  store_le<std::uint64_t>(at + 48, entry.hash);
  store_le<std::uint64_t>(at + 56, entry.whole);
}

std::uint64_t seal_group(GroupHeader header, std::uint8_t* group) {
  store_le<std::uint32_t>(group, kGroupMagic);
  store_le<std::uint32_t>(group + 4, kGroupVersion);
  store_le<std::uint32_t>(group + 8, header.incarnation);
  store_le<std::uint32_t>(group + 12, header.entry_count);
  store_le<std::uint64_t>(group + 16, header.generation);
  store_le<std::uint64_t>(group + 24, header.sequence);
  store_le<std::uint64_t>(group + 32, header.body_bytes);
  store_le<std::uint64_t>(group + 40, header.previous_hash);
  store_le<std::uint64_t>(group + 48, header.flushed);
  store_le<std::uint64_t>(group + 56, header.oldest);
  store_le<std::uint64_t>(group + 64, header.secret);
  store_le<std::uint64_t>(group + kHashAt, 0);
  const auto hash = xxh3({group, kGroupHeaderBytes + header.body_bytes});
  store_le<std::uint64_t>(group + kHashAt, hash);
  return hash;
}

std::optional<std::uint32_t> group_version(Bytes bytes) {
  if (bytes.size() < kGroupHeaderBytes) return std::nullopt;
  if (load_le<std::uint32_t>(bytes.data()) != kGroupMagic) return std::nullopt;
  return load_le<std::uint32_t>(bytes.data() + 4);
}

std::optional<GroupHeader> read_group_header(Bytes bytes) {
  if (group_version(bytes) != kGroupVersion) return std::nullopt;
  const std::uint8_t* at = bytes.data();
  GroupHeader header;
  header.incarnation = load_le<std::uint32_t>(at + 8);
  header.entry_count = load_le<std::uint32_t>(at + 12);
  header.generation = load_le<std::uint64_t>(at + 16);
  header.sequence = load_le<std::uint64_t>(at + 24);
  header.body_bytes = load_le<std::uint64_t>(at + 32);
  header.previous_hash = load_le<std::uint64_t>(at + 40);
  header.flushed = load_le<std::uint64_t>(at + 48);
  header.oldest = load_le<std::uint64_t>(at + 56);
  header.secret = load_le<std::uint64_t>(at + 64);
  header.hash = load_le<std::uint64_t>(at + kHashAt);
  return header;
}

std::optional<GroupHeader> read_group(Bytes bytes) {
  const auto header = read_group_header(bytes);
  if (!header || header->body_bytes > bytes.size() - kGroupHeaderBytes) return std::nullopt;
  std::uint8_t cleared[kGroupHeaderBytes];
  std::memcpy(cleared, bytes.data(), kGroupHeaderBytes);
  store_le<std::uint64_t>(cleared + kHashAt, 0);
  Hasher hasher;
  hasher.update({cleared, kGroupHeaderBytes});
  hasher.update(bytes.subspan(kGroupHeaderBytes, header->body_bytes));
  if (hasher.digest() != header->hash) return std::nullopt;
  return header;
}

Result<bool> EntryReader::next(JournalEntry& entry) {
  if (left_ == 0) {
    if (!body_.empty()) return fail(Errc::kCorrupt, "bytes after a journal group's last entry");
    return false;
  }
  if (body_.size() < kEntryHeaderBytes) return fail(Errc::kCorrupt, "journal entry cut short");
  const std::uint8_t* at = body_.data();
  entry.kind = static_cast<EntryKind>(at[0]);
  entry.partition = PartitionId(load_le<std::int32_t>(at + 4));
  std::memcpy(entry.topic_id.bytes.data(), at + 8, entry.topic_id.bytes.size());
  entry.segment = Offset(load_le<std::int64_t>(at + 24));
  entry.position = load_le<std::uint64_t>(at + 32);
  entry.size_bytes = load_le<std::uint64_t>(at + 40);
  entry.hash = load_le<std::uint64_t>(at + 48);
  entry.whole = load_le<std::uint64_t>(at + 56);
  body_ = body_.subspan(kEntryHeaderBytes);
  entry.bytes = {};
  switch (entry.kind) {
    case EntryKind::kRedo:
      if (entry.size_bytes > body_.size()) return fail(Errc::kCorrupt, "journal entry too long");
      entry.bytes = body_.first(entry.size_bytes);
      body_ = body_.subspan(entry.size_bytes);
      break;
    case EntryKind::kExtent:
      break;
    default:
      return fail(Errc::kCorrupt, "journal entry of unknown kind");
  }
  --left_;
  return true;
}

}  // namespace duolog::storage
