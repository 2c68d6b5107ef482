// What janitors do to the files of a partition: create, seal, checkpoint, and index segments.
//
// Blocking and stateless; janitor threads and start-up only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/disk.h"
#include "storage/log.h"
#include "storage/segment.h"

namespace duolog::storage {

// Makes the partition's directory, with its `partition.metadata`, for a log that has no segments
// yet. What another topic has there (one of the same name that was deleted and could not be
// removed, or one that somebody has misplaced) is set aside first: an error if it cannot be, for
// its records must not become this one's.
[[nodiscard]] std::string set_aside(const std::string& directory, const Uuid& owner);
[[nodiscard]] Result<void> make_partition_directory(Files& files, const LogIdentity& identity);

// Creates the segment file under a temporary name, allocates its first bytes, syncs, renames, and
// syncs the directory, which is there. Returns the file, open for direct writes.
[[nodiscard]] Result<FileId> create_segment(Files& files, const std::string& directory,
                                            Offset base_offset, std::uint64_t allocate_bytes);

// The files of a segment's index: Kafka's two, and the hash of what is in them.
inline constexpr std::array kIndexSuffixes{".index", ".timeindex", ".indexhash"};
// An empty file beside a segment that has been cleaned: offsets may be missing within it.
inline constexpr const char* kCompactedSuffix = ".compacted";

// Writes the index of a sealed segment, over an older one; `last` as in LoadedIndex.
[[nodiscard]] Result<void> save_index(Files& files, const std::string& directory,
                                      Offset base_offset, const std::vector<IndexEntry>& index,
                                      IndexEntry last);

// Cuts the file of a full segment to its size, flushed, and writes `.index`, `.timeindex` and, of
// what is in these two, `.indexhash`, if there is space for them.
[[nodiscard]] Result<void> seal_segment(Files& files, FileId file, const Segment& segment,
                                        std::uint64_t size_bytes,
                                        const std::vector<IndexEntry>& index, IndexEntry last);

// The topic id and partition a directory belongs to: `partition.metadata`, as Kafka writes it.
[[nodiscard]] Result<Uuid> read_partition_metadata(Files& files, const std::string& directory);
// Says so, flushed, in place of what is there.
[[nodiscard]] Result<void> write_partition_metadata(Files& files, const std::string& directory,
                                                    const Uuid& topic_id);

// Takes a deleted partition's directory out of the way: moves it to `to` and removes it there, as
// far as that can be done now, or removes it in its place where it cannot be moved. A directory
// that has become another topic's stays. An error: it is still there.
[[nodiscard]] Result<void> bury(Files& files, const Uuid& topic_id, const std::string& from,
                                const std::string& to);

// Removes a directory and the files in it, what says whose it is last.
[[nodiscard]] Result<void> remove_directory(Files& files, const std::string& path);

// The index of a sealed segment: from its files, or, if these are not what was written, rebuilt by
// walking the batches.
struct LoadedIndex {
  std::vector<IndexEntry> entries;
  IndexEntry last;  // its timestamp fields are those of the whole segment
};
[[nodiscard]] Result<LoadedIndex> load_index(Files& files, const Segment& segment);
// Only from its files, unchanged. Nothing when one is missing, or they are not what was written.
[[nodiscard]] Result<std::optional<LoadedIndex>> stored_index(Files& files,
                                                              const std::string& directory,
                                                              Offset base_offset);
// Walks the batches and writes the three files, flushed. Errors: kNoSpace, kIo, kUnflushed.
[[nodiscard]] Result<void> write_index_again(Files& files, const std::string& directory,
                                             Offset base_offset);

// Makes sure that the index of the segment is loaded. Blocking; the segment is pinned.
[[nodiscard]] Result<void> ensure_index(Files& files, Segment& segment);

// Unmaps a sealed segment that nobody reads any more, and removes its files. What cannot be removed
// now is removed at the next start: the log's start is in the catalog.
void remove_segment(Files& files, Segment& segment);

// How far a janitor reads ahead of a reader.
inline constexpr std::uint64_t kWarmAheadBytes = 4 * kMiB;

// Where in the file batches begin, as the index has it: the last one at or before the start of the
// window that holds `at`, those of the windows that are warmed behind it, and the next one. None:
// the index has to be loaded first.
//
// A shard asks, before it sends a janitor: the index of a segment that is appended to changes, and
// what it was goes when every shard has passed a quiescent point. Janitors have none.
using BatchStarts = std::vector<BatchStart>;
[[nodiscard]] BatchStarts batch_starts(const Segment& segment, std::uint64_t at);

// Makes sure that the index of the segment is loaded, and that the window of the mapping that
// holds `at`, up to the segment's stable bytes, is populated and its batches are checked; then
// windows behind it, up to kWarmAheadBytes. A damaged batch is noted in `damages`, told of by
// note_damage(), and is no error here; what the disk does not give is one, which names the file:
// kIo. Blocking; the segment is pinned.
[[nodiscard]] Result<void> warm(Files& files, Segment& segment, std::uint64_t at,
                                BatchStarts starts);

}  // namespace duolog::storage
