// The parts of `duolog log dump`: each prints a file of one kind. False: something is damaged.
#pragma once

#include <string>

#include "engine/base/result.h"
#include "storage/disk.h"
#include "tools/duolog/client/json_bytes.h"

namespace duolog::tools {

// Prints what each line says, as JSON or for people: "batch position=0 base_offset=0 ...".
class DumpLines {
 public:
  DumpLines(bool json, bool records) : json_(json), records_(records) {}

  void print(const OrderedJson& line) const;
  [[nodiscard]] bool with_records() const { return records_; }

 private:
  bool json_;
  bool records_;
};

[[nodiscard]] Result<bool> dump_segment(storage::Files& files, const std::string& path,
                                        const DumpLines& lines);
[[nodiscard]] Result<bool> dump_journal(storage::Files& files, const std::string& path,
                                        const DumpLines& lines);
[[nodiscard]] Result<bool> dump_catalog(storage::Files& files, const std::string& path,
                                        const DumpLines& lines);
[[nodiscard]] Result<bool> dump_checkpoint(storage::Files& files, const std::string& path,
                                           const DumpLines& lines);
// `.index` or `.timeindex`; its hash beside it is asked.
[[nodiscard]] Result<bool> dump_index(storage::Files& files, const std::string& path,
                                      const DumpLines& lines);

}  // namespace duolog::tools
