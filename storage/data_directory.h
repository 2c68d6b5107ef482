// DataDirectory: the right to use a data directory, and the layout of it.
//
//   duolog.lock    held while a process uses the directory
//   duolog.format  the version of everything below; "duolog 2\n"
//   meta/          the catalog (catalog.md)
//   journal/       the shards' journals (journal_format.md)
//   topics/        <topic>-<partition>/ with their segments
//   deleted/       what deleted topics left, until it is unlinked
//
// The server owns it from its first step to its last: the lock goes with the object. Blocking, at
// start only, one thread; afterwards immutable, so that any thread may ask for the paths.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/result.h"
#include "storage/disk.h"

namespace duolog::storage {

// The format that this build writes, and the only one that it reads.
inline constexpr std::uint32_t kDataFormatVersion = 2;

class DataDirectory {
 public:
  // Locks the directory and makes sure that it is Duolog's. A missing one is created (its parent
  // is not) and an empty one initialised; `lost+found` and what an interrupted initialisation left
  // count as empty. On an error nothing in the directory has been touched, unless it was being
  // initialised. `files` must outlive the object.
  // Errors: kNotFound (no parent), kInvalid (not a directory, or not Duolog's), kUnsupported
  // (another format), kBusy (in use by another process), kCorrupt (a part of it is missing),
  // kNoSpace, kIo (not writable, or the disk fails).
  [[nodiscard]] static Result<DataDirectory> open(Files& files, std::string path);

  // Looks, and touches and locks nothing: true when `path` is a data directory of this format,
  // false when it counts as an empty one. The errors are those of `open`.
  [[nodiscard]] static Result<bool> is_one(Files& files, const std::string& path);

  ~DataDirectory();
  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&& other) noexcept;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string meta() const { return path_ + "/meta"; }
  [[nodiscard]] std::string journal() const { return path_ + "/journal"; }
  // Made when there is the first: kept_journals.h.
  [[nodiscard]] std::string kept_journals() const { return path_ + "/kept-journals"; }
  [[nodiscard]] std::string topics() const { return path_ + "/topics"; }
  [[nodiscard]] std::string deleted() const { return path_ + "/deleted"; }

 private:
  DataDirectory(Files& files, std::string path, FileId lock);

  Files* files_;
  std::string path_;
  FileId lock_;
};

}  // namespace duolog::storage
