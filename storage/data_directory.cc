#include "storage/data_directory.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/bytes.h"

namespace duolog::storage {

namespace {

constexpr std::string_view kLockName = "duolog.lock";
constexpr std::string_view kFormatName = "duolog.format";
constexpr std::string_view kNewFormatName = "duolog.format.tmp";
constexpr std::string_view kFormatPrefix = "duolog ";
constexpr std::array<std::string_view, 4> kSubdirectories{"meta", "journal", "topics", "deleted"};
constexpr std::size_t kMaxFormatBytes = 64;

std::string join(const std::string& directory, std::string_view name) {
  return directory + "/" + std::string(name);
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::unexpected<Error> fail_with(const Error& cause, std::string what) {
  return fail(cause.code, std::move(what) + " (" + cause.message + ")");
}

bool contains(const std::vector<DirectoryEntry>& entries, std::string_view name) {
  return std::any_of(entries.begin(), entries.end(),
                     [name](const DirectoryEntry& entry) { return entry.name == name; });
}

Result<std::uint32_t> read_version(Files& files, const std::string& path) {
  auto file = files.open(path, OpenMode::kRead);
  if (!file) return std::unexpected(file.error());
  std::array<std::uint8_t, kMaxFormatBytes> buffer{};
  auto length = files.read(*file, 0, buffer);
  files.close(*file);
  if (!length) return std::unexpected(length.error());
  const std::string_view text = as_text(Bytes(buffer).first(*length));
  std::uint32_t version = 0;
  const char* end = text.data() + text.size();
  if (text.starts_with(kFormatPrefix)) {
    const auto parsed = std::from_chars(text.data() + kFormatPrefix.size(), end, version);
    if (parsed.ec == std::errc{} && version > 0 && std::string_view(parsed.ptr, end) == "\n") {
      return version;
    }
  }
  return fail(Errc::kCorrupt, path +
                                  " does not say \"duolog <version>\": it is damaged. Restore it "
                                  "from a backup, or write the version that made the directory");
}

// Whether an entry may lie in a directory that has no format file: everything that `initialise`
// makes before the format file, and what a file system puts there itself.
Result<bool> counts_as_empty(Files& files, const std::string& path, const DirectoryEntry& entry) {
  if (entry.name == "lost+found") return entry.is_directory;
  if (entry.name == kLockName || entry.name == kNewFormatName) return !entry.is_directory;
  const auto known = std::find(kSubdirectories.begin(), kSubdirectories.end(), entry.name);
  if (known == kSubdirectories.end() || !entry.is_directory) return false;
  auto inside = files.list(join(path, entry.name));
  if (!inside) return std::unexpected(inside.error());
  return inside->empty();
}

// Looks and touches nothing. True: the directory is Duolog's; false: it counts as empty.
Result<bool> inspect(Files& files, const std::string& path) {
  auto entries = files.list(path);
  if (!entries) {
    return fail_with(entries.error(),
                     "cannot read the data directory " + path +
                         ": with --data-dir, give one that this user may read and write");
  }
  if (!contains(*entries, kFormatName)) {
    for (const DirectoryEntry& entry : *entries) {
      auto empty = counts_as_empty(files, path, entry);
      if (!empty) return std::unexpected(empty.error());
      if (*empty) continue;
      return fail(Errc::kInvalid,
                  path +
                      " is not a data directory of Duolog and is not empty: it "
                      "has " +
                      entry.name + " and no " + std::string(kFormatName) +
                      ". With --data-dir, give an empty or a new one; nothing was changed");
    }
    return false;
  }
  auto version = read_version(files, join(path, kFormatName));
  if (!version) return std::unexpected(version.error());
  if (*version > kDataFormatVersion) {
    return fail(Errc::kUnsupported,
                path + " has format " + std::to_string(*version) + ", this Duolog reads up to " +
                    std::to_string(kDataFormatVersion) +
                    ": start the version that wrote it, or a newer one; nothing was changed");
  }
  if (*version < kDataFormatVersion) {
    return fail(
        Errc::kUnsupported,
        path + " has format " + std::to_string(*version) + ", which this Duolog, of format " +
            std::to_string(kDataFormatVersion) +
            ", cannot read: start the version that wrote it, or give another directory with "
            "--data-dir; nothing was changed");
  }
  for (std::string_view name : kSubdirectories) {
    if (contains(*entries, name)) continue;
    return fail(Errc::kCorrupt, join(path, name) +
                                    " is missing, so that the data directory is not whole: "
                                    "restore it from a backup; nothing was changed");
  }
  return true;
}

Result<void> write_format(Files& files, const std::string& path) {
  const std::string temporary = join(path, kNewFormatName);
  auto file = files.open(temporary, OpenMode::kCreate);
  if (!file) return std::unexpected(file.error());
  const std::string text = std::string(kFormatPrefix) + std::to_string(kDataFormatVersion) + "\n";
  auto written = files.write(*file, 0, as_bytes(text));
  if (written) written = files.sync(*file);
  files.close(*file);
  if (!written) return written;
  if (auto renamed = files.rename(temporary, join(path, kFormatName)); !renamed) return renamed;
  return files.sync_directory(path);
}

// Makes an empty directory Duolog's. The format file comes last, so that a directory that has one
// is whole, and one that was interrupted is begun again.
Result<void> initialise(Files& files, const std::string& path, bool created) {
  // The directory may be the work of a process that was killed before this sync. A parent that
  // this user may not read only matters when the directory is ours.
  if (auto synced = files.sync_directory(parent_of(path)); !synced && created) return synced;
  auto entries = files.list(path);
  if (!entries) return std::unexpected(entries.error());
  if (contains(*entries, kNewFormatName)) {
    if (auto removed = files.remove(join(path, kNewFormatName)); !removed) return removed;
  }
  for (std::string_view name : kSubdirectories) {
    if (contains(*entries, name)) continue;
    if (auto made = files.make_directory(join(path, name)); !made) return made;
  }
  if (auto synced = files.sync_directory(path); !synced) return synced;
  return write_format(files, path);
}

// True when it was made.
Result<bool> make_if_missing(Files& files, const std::string& path) {
  auto entries = files.list(path);
  if (entries || entries.error().code != Errc::kNotFound) return false;  // `inspect` tells more
  auto made = files.make_directory(path);
  if (made || made.error().code == Errc::kExists) return made.has_value();
  const std::string what = "cannot create the data directory " + path + ": ";
  if (auto parent = files.list(parent_of(path));
      !parent && parent.error().code == Errc::kNotFound) {
    return fail(Errc::kNotFound, what + parent_of(path) +
                                     " does not exist; create it, or give another with --data-dir");
  }
  return fail_with(made.error(), what + "make " + parent_of(path) +
                                     " writable for this user, or give another with --data-dir");
}

}  // namespace

Result<DataDirectory> DataDirectory::open(Files& files, std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (path.empty()) return fail(Errc::kInvalid, "the data directory has an empty name");
  auto created = make_if_missing(files, path);
  if (!created) return std::unexpected(created.error());
  if (auto ours = inspect(files, path); !ours) return std::unexpected(ours.error());

  auto lock = files.lock(join(path, kLockName));
  if (!lock && lock.error().code == Errc::kBusy) {
    return fail_with(lock.error(), path +
                                       " is in use by another Duolog process: stop that one, or "
                                       "give this one another with --data-dir");
  }
  if (!lock) {
    return fail_with(lock.error(),
                     "cannot lock the data directory " + path +
                         ": make it writable for this user, or give another with --data-dir");
  }
  DataDirectory directory(files, std::move(path), *lock);
  // Another process may have initialised it before this one got the lock.
  auto ours = inspect(files, directory.path_);
  if (!ours) return std::unexpected(ours.error());
  // A process that was killed may have named the format file and not synced the name: without it,
  // a power loss would turn a directory full of data into one that is not ours.
  auto made =
      *ours ? files.sync_directory(directory.path_) : initialise(files, directory.path_, *created);
  if (!made) {
    return fail_with(made.error(), "cannot initialise the data directory " + directory.path_);
  }
  return directory;
}

Result<bool> DataDirectory::is_one(Files& files, const std::string& path) {
  return inspect(files, path);
}

DataDirectory::DataDirectory(Files& files, std::string path, FileId lock)
    : files_(&files), path_(std::move(path)), lock_(lock) {}

DataDirectory::~DataDirectory() {
  if (lock_ != kNoFile) files_->close(lock_);
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : files_(other.files_),
      path_(std::move(other.path_)),
      lock_(std::exchange(other.lock_, kNoFile)) {}

DataDirectory& DataDirectory::operator=(DataDirectory&& other) noexcept {
  std::swap(files_, other.files_);
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  return *this;
}

}  // namespace duolog::storage
