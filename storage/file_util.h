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

// Writes a whole file under a temporary name, flushed, then renames it to `path`. The rename is
// durable once the caller has synced the directory.
[[nodiscard]] Result<void> replace_file(Files& files, const std::string& path, Bytes content);

[[nodiscard]] Result<std::vector<std::uint8_t>> read_file(Files& files, const std::string& path);

}  // namespace duolog::storage
