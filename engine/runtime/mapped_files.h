// Mapped files: what becomes of a load from a mapping that the disk does not give.
//
// The kernel says it with SIGBUS, which ends a process: when a page that was evicted cannot be read
// again, or when somebody has cut the file. Here it ends one read: the handler puts a page of zeros
// in that place and notes from which position on nothing of the file can be trusted any more;
// whoever reads looks at that note behind each load. SIGBUS anywhere else stays fatal. What the
// kernel itself reads from a mapping, for a send, fails with EFAULT and no signal.
//
// Process-wide, like the signal. Any thread; `find` of a faulting thread takes no lock. A mapping
// costs a slot of 80 bytes and its path; slots are used again and never freed.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <sys/uio.h>

#include "storage/disk.h"

namespace duolog::runtime {

// From now on a fault within `mapping` lowers `lost_at` to its position, of a page. The first call
// installs the handler. `path`: for messages. `lost_at` outlives the mapping.
void add_mapped_file(storage::Mapping mapping, std::string path,
                     std::atomic<std::uint64_t>& lost_at);
// Before it is unmapped.
void remove_mapped_file(storage::Mapping mapping);

// Asks of every page of `memory` whether it can be read, without a signal, and notes those of
// mapped files that cannot. For who was told EFAULT; a system call a page.
void note_unreadable(std::span<const iovec> memory);

struct LostPage {
  std::string path;
  std::uint64_t position = 0;
};
// Where files have been lost from since the last call.
[[nodiscard]] std::vector<LostPage> take_lost_pages();
// Pages that were lost since the start.
[[nodiscard]] std::uint64_t lost_pages();

}  // namespace duolog::runtime
