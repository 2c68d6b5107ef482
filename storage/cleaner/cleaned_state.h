// How far a log has been cleaned: the file `cleaned` beside its segments, as Kafka's
// cleaner-offset-checkpoint. Derived: without it, or when it does not fit, all of the log is dirty.
//
// Little-endian i64: the magic `DLOG_CL1`, the first dirty offset, when that was so (ms since
// 1970), XXH3 of these three. Blocking; janitors.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/disk.h"

namespace duolog::storage {

struct CleanedState {
  Offset first_dirty;           // every record before it has been compared with all before it
  std::int64_t cleaned_ms = 0;  // the time of day; 0: never
};
[[nodiscard]] CleanedState read_cleaned_state(Files& files, const std::string& directory);
[[nodiscard]] Result<void> write_cleaned_state(Files& files, const std::string& directory,
                                               const CleanedState& state);

}  // namespace duolog::storage
