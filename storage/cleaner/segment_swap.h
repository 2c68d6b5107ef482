// Swapping a cleaned segment in for those that it was made of, so that a crash at any step leaves
// either these or that.
//
//   <base>.cleaned.tmp        is written and flushed             a crash: removed at the next start
//   <base>.compacted          is made
//   <base>-<end>.swap         is the new name of the first       from here on it counts:
//   .log, .index ... of all   segments in [base, end) go,        a crash: the next start does the
//   but <base>.log                                               same once more
//   <base>.log                is the new name of the .swap
//
// The directory is flushed behind each step. Blocking and stateless; janitors and start-up only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/disk.h"

namespace duolog::storage {

// Segments that begin at or after `base` and before `end` become the one at `base`.
struct Swap {
  Offset base;
  Offset end;
};

// The swap that a file's name says is to be finished, if it is one's.
[[nodiscard]] std::optional<Swap> swap_in(std::string_view name);

// What a cleaned segment is called while it is written.
[[nodiscard]] std::string cleaned_path(const std::string& directory, Offset base);

// Makes what lies at cleaned_path(), flushed, the one that counts. An error but kUnflushed: nothing
// has changed.
[[nodiscard]] Result<void> commit_swap(Files& files, const std::string& directory, Swap swap);
// What is left to do then. An error: the next start does it. Nobody may open the files of these
// segments by name meanwhile.
[[nodiscard]] Result<void> finish_swap(Files& files, const std::string& directory, Swap swap);

// At start, before anything else looks at a partition's files: `entries` are its directory's.
// Whether there was anything to do.
[[nodiscard]] Result<bool> finish_swaps(Files& files, const std::string& directory,
                                        const std::vector<DirectoryEntry>& entries);

}  // namespace duolog::storage
