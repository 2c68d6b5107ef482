// Small whole files. Blocking; janitor threads and start-up only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "storage/disk.h"

namespace duolog::storage {

[[nodiscard]] std::string parent_directory(const std::string& path);

// Files::sync and Files::sync_directory, where a failure has to be told from others: kUnflushed.
// The kernel reports it once and then takes for clean what it could not write, so that the next
// flush succeeds: whoever is told stops everything, whatever it was that was to be flushed.
[[nodiscard]] Result<void> flush(Files& files, FileId file);
[[nodiscard]] Result<void> flush_directory(Files& files, const std::string& path);
// Of what may fail without harm: the outcome if it is a failed flush, else success.
[[nodiscard]] Result<void> unless_unflushed(Result<void> outcome);

// Writes a whole file under a temporary name, flushed, then renames it to `path`. The rename is
// durable once the caller has synced the directory. kNever: for what is derived and checked when it
// is read; a power loss may leave anything of it.
enum class Flush : bool { kNever, kBeforeItsName };
[[nodiscard]] Result<void> replace_file(Files& files, const std::string& path, Bytes content,
                                        Flush when = Flush::kBeforeItsName);

[[nodiscard]] Result<std::vector<std::uint8_t>> read_file(Files& files, const std::string& path);

}  // namespace duolog::storage
