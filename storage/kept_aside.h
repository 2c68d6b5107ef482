// KeptAside: where a repair puts what it takes out of a data directory, and says where that was.
//
// A directory with the files and bytes, numbered, and `manifest`: a line each, tab-separated: the
// file in here, where it came from, the position in it, how many bytes, why. What is kept is
// durable, manifest and all, when a function has returned. Made with the first thing that is kept;
// never removed by anybody. Blocking, one thread.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/result.h"
#include "storage/disk.h"

namespace duolog::storage {

class KeptAside {
 public:
  // `directory` need not be there, its parent is.
  KeptAside(Files& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}
  ~KeptAside();
  KeptAside(const KeptAside&) = delete;
  KeptAside& operator=(const KeptAside&) = delete;

  // Copies bytes of a file. kNoSpace, kIo, kUnflushed; nothing may be taken out then.
  [[nodiscard]] Result<void> keep(const std::string& path, std::uint64_t position,
                                  std::uint64_t size_bytes, const std::string& why);
  // A whole file.
  [[nodiscard]] Result<void> keep_file(const std::string& path, const std::string& why);

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] bool is_made() const { return manifest_ != kNoFile; }

 private:
  [[nodiscard]] Result<void> begin();
  [[nodiscard]] Result<void> copy(const std::string& path, std::uint64_t position,
                                  std::uint64_t size_bytes, const std::string& to);

  Files& files_;
  std::string directory_;
  FileId manifest_ = kNoFile;
  std::uint64_t manifest_end_ = 0;
  int kept_ = 0;
};

}  // namespace duolog::storage
