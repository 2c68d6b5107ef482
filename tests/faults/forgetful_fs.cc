// A file system that forgets what was not flushed, and fails when it is told to.
//
//   forgetful_fs BACKING MOUNTPOINT        ends with `kill -USR1`, which forgets, or with an
//   unmount
//
// It passes everything on to BACKING/root, and remembers how to take it back: the bytes that a
// write or a truncation has replaced until the file is flushed (fsync, fdatasync, a write with
// O_DSYNC), and what a name stood for until its directory is flushed. SIGUSR1 takes all of that
// back, newest first, and ends: a loss of power in which nothing that was not flushed has got to
// the disk. A flush that fails takes back what it should have flushed, as the kernel forgets dirty
// pages then. What is taken back behind a file's old end reads as zeros: the file does not get
// shorter again.
//
// What is written to /.faults of the mount is an order: "OPERATION ERRNO COUNT WORD". From then on,
// each `write` or `flush` (of a directory as well) of a path that has WORD in it fails with ERRNO,
// COUNT times; 0 times: no more. It is answered when it is in force, and read back it says how many
// have failed.
//
// One thread. Not kept: what rmdir removes, renames from one directory to another, attributes.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FUSE_USE_VERSION 35
#include <fuse.h>

namespace {

const std::string kFaults = "/.faults";

// What takes a change back, until `what` (an inode's number, a directory's path) is flushed.
struct Change {
  std::string what;
  std::function<void()> take_back;
  std::string aside;  // a file that is only kept for that; empty: none
};

struct Fault {
  std::string operation;
  int error = 0;
  std::uint64_t left = 0;
  std::string word;
  std::uint64_t failed = 0;
};

std::string backing;
std::list<Change> changes;
std::uint64_t kept_aside = 0;
Fault fault;
volatile std::sig_atomic_t forget = 0;

std::string real(const std::string& path) { return backing + "/root" + path; }
std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }
int outcome(std::int64_t result) { return result < 0 ? -errno : static_cast<int>(result); }
int descriptor(const fuse_file_info* file) { return static_cast<int>(file->fh); }

std::string inode(int file) {
  struct stat found{};
  return ::fstat(file, &found) == 0 ? std::to_string(found.st_ino) : std::string();
}

void flushed(const std::string& what) {
  changes.remove_if([&](const Change& change) {
    if (change.what != what) return false;
    if (!change.aside.empty()) ::unlink(change.aside.c_str());
    return true;
  });
}

// Of everything, if `what` is empty.
void take_back(const std::string& what) {
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    if (what.empty() || change->what == what) change->take_back();
  }
  changes.remove_if([&](const Change& change) { return what.empty() || change.what == what; });
}

// The error with which this operation has to fail; 0: it need not.
int fault_of(const char* operation, const std::string& path) {
  if (fault.left == 0 || fault.operation != operation) return 0;
  if (path.find(fault.word) == std::string::npos) return 0;
  --fault.left;
  ++fault.failed;
  return fault.error;
}

// The bytes that are about to be replaced.
void keep_bytes(int file, std::size_t count, off_t offset) {
  std::vector<char> bytes(count);
  const ssize_t got = ::pread(file, bytes.data(), count, offset);
  if (got < 0) return;
  const std::string what = inode(file);
  // A descriptor of its own: the file may have no name any more when it is needed.
  const int again = ::open(("/proc/self/fd/" + std::to_string(file)).c_str(), O_WRONLY | O_CLOEXEC);
  if (again < 0) return;
  const auto own = std::shared_ptr<void>(nullptr, [again](void*) { ::close(again); });
  changes.push_back({what,
                     [again, own, offset, bytes = std::move(bytes)] {
                       (void)!::pwrite(again, bytes.data(), bytes.size(), offset);
                     },
                     {}});
}

// The file that a name stands for, if any, under another name for as long as it may come back.
std::string keep_file(const std::string& path) {
  const std::string aside = backing + "/aside/" + std::to_string(++kept_aside);
  return ::link(real(path).c_str(), aside.c_str()) == 0 ? aside : std::string();
}

int flush_of(const std::string& path, const std::string& what) {
  if (const int error = fault_of("flush", path); error != 0) {
    take_back(what);
    return -error;
  }
  flushed(what);
  return 0;
}

void* fs_init(fuse_conn_info* /*connection*/, fuse_config* config) {
  config->hard_remove = 1;  // open files without a name stay without one
  return nullptr;
}

// ---- Names

int fs_getattr(const char* path, struct stat* found, fuse_file_info* file) {
  if (path == kFaults) {
    *found = {};
    found->st_mode = S_IFREG | 0600;
    found->st_nlink = 1;
    found->st_size = 4096;
    return 0;
  }
  if (file != nullptr) return outcome(::fstat(descriptor(file), found));
  return outcome(::lstat(real(path).c_str(), found));
}

int fs_readdir(const char* path, void* buffer, fuse_fill_dir_t fill, off_t /*offset*/,
               fuse_file_info* /*file*/, fuse_readdir_flags /*flags*/) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(real(path), error)) {
    fill(buffer, entry.path().filename().c_str(), nullptr, 0, fuse_fill_dir_flags{});
  }
  return -error.value();
}

int fs_mkdir(const char* path, mode_t mode) {
  if (::mkdir(real(path).c_str(), mode) != 0) return -errno;
  changes.push_back({directory_of(path),
                     [name = real(path)] {
                       std::error_code ignored;
                       std::filesystem::remove_all(name, ignored);
                     },
                     {}});
  return 0;
}

int fs_rmdir(const char* path) { return outcome(::rmdir(real(path).c_str())); }

int fs_unlink(const char* path) {
  const std::string aside = keep_file(path);
  if (::unlink(real(path).c_str()) != 0) return -errno;
  changes.push_back({directory_of(path),
                     [aside, name = real(path)] { ::rename(aside.c_str(), name.c_str()); }, aside});
  return 0;
}

int fs_rename(const char* from, const char* to, unsigned flags) {
  if (flags != 0) return -EINVAL;
  const std::string aside = keep_file(to);
  if (::rename(real(from).c_str(), real(to).c_str()) != 0) return -errno;
  changes.push_back({directory_of(to),
                     [aside, old_name = real(from), new_name = real(to)] {
                       ::rename(new_name.c_str(), old_name.c_str());
                       if (!aside.empty()) ::rename(aside.c_str(), new_name.c_str());
                     },
                     aside});
  return 0;
}

int fs_fsyncdir(const char* path, int /*data*/, fuse_file_info* /*file*/) {
  const std::string directory = path;
  return flush_of(directory, directory.ends_with('/') ? directory : directory + "/");
}

int fs_statfs(const char* path, struct statvfs* found) {
  return outcome(::statvfs(real(path).c_str(), found));
}

int fs_chmod(const char* path, mode_t mode, fuse_file_info* /*file*/) {
  return outcome(::chmod(real(path).c_str(), mode));
}

int fs_utimens(const char* path, const timespec* times, fuse_file_info* /*file*/) {
  return outcome(::utimensat(AT_FDCWD, real(path).c_str(), times, AT_SYMLINK_NOFOLLOW));
}

// ---- Files

// What is backing is read and written as it comes: alignment and flushes are the mount's own.
int open_real(const char* path, fuse_file_info* file, int more, mode_t mode) {
  const int access = (file->flags & O_ACCMODE) == O_RDONLY ? O_RDONLY : O_RDWR;
  const int opened = ::open(real(path).c_str(), access | more | O_CLOEXEC, mode);
  if (opened < 0) return -errno;
  file->fh = static_cast<std::uint64_t>(opened);
  return 0;
}

int fs_create(const char* path, mode_t mode, fuse_file_info* file) {
  struct stat found{};
  const bool is_new = ::lstat(real(path).c_str(), &found) != 0;
  if (const int error = open_real(path, file, O_CREAT | (file->flags & O_EXCL), mode); error != 0) {
    return error;
  }
  if (is_new) {
    changes.push_back({directory_of(path), [name = real(path)] { ::unlink(name.c_str()); }, {}});
  }
  return 0;
}

int fs_open(const char* path, fuse_file_info* file) {
  if (path == kFaults) {
    file->direct_io = 1;
    return 0;
  }
  return open_real(path, file, 0, 0);
}

int fs_release(const char* path, fuse_file_info* file) {
  if (path == nullptr || path != kFaults) ::close(descriptor(file));
  return 0;
}

int fs_read(const char* path, char* to, std::size_t count, off_t offset, fuse_file_info* file) {
  if (path == kFaults) {
    const std::string said = std::to_string(fault.failed) + "\n";
    const std::size_t from = std::min(said.size(), static_cast<std::size_t>(offset));
    return static_cast<int>(said.copy(to, count, from));
  }
  return outcome(::pread(descriptor(file), to, count, offset));
}

int fs_write(const char* path, const char* from, std::size_t count, off_t offset,
             fuse_file_info* file) {
  if (path == kFaults) {
    Fault order;
    std::istringstream words(std::string(from, count));
    words >> order.operation >> order.error >> order.left >> order.word;
    fault = order;
    return static_cast<int>(count);
  }
  if (const int error = fault_of("write", path); error != 0) return -error;
  keep_bytes(descriptor(file), count, offset);
  const ssize_t written = ::pwrite(descriptor(file), from, count, offset);
  if (written < 0) return -errno;
  if ((file->flags & (O_SYNC | O_DSYNC)) != 0) {
    if (const int error = flush_of(path, inode(descriptor(file))); error != 0) return error;
  }
  return static_cast<int>(written);
}

int fs_fsync(const char* path, int /*data*/, fuse_file_info* file) {
  return flush_of(path, inode(descriptor(file)));
}

int fs_truncate(const char* path, off_t size, fuse_file_info* file) {
  if (path == kFaults) return 0;
  const int opened =
      file != nullptr ? ::dup(descriptor(file)) : ::open(real(path).c_str(), O_RDWR | O_CLOEXEC);
  if (opened < 0) return -errno;
  struct stat found{};
  if (::fstat(opened, &found) == 0 && found.st_size > size) {
    keep_bytes(opened, static_cast<std::size_t>(found.st_size - size), size);
  }
  const int done = outcome(::ftruncate(opened, size));
  ::close(opened);
  return done;
}

int fs_fallocate(const char* path, int mode, off_t offset, off_t count, fuse_file_info* file) {
  if (const int error = fault_of("allocate", path); error != 0) return -error;
  return outcome(::fallocate(descriptor(file), mode, offset, count));
}

fuse_operations operations() {
  fuse_operations all{};
  all.init = fs_init;
  all.getattr = fs_getattr;
  all.readdir = fs_readdir;
  all.mkdir = fs_mkdir;
  all.rmdir = fs_rmdir;
  all.unlink = fs_unlink;
  all.rename = fs_rename;
  all.fsyncdir = fs_fsyncdir;
  all.statfs = fs_statfs;
  all.chmod = fs_chmod;
  all.utimens = fs_utimens;
  all.create = fs_create;
  all.open = fs_open;
  all.release = fs_release;
  all.read = fs_read;
  all.write = fs_write;
  all.fsync = fs_fsync;
  all.truncate = fs_truncate;
  all.fallocate = fs_fallocate;
  return all;
}

fuse* running = nullptr;

void on_forget(int /*signal*/) {
  forget = 1;
  fuse_exit(running);  // the signal ends the read that it waits in
}

int serve(const std::string& mountpoint) {
  const fuse_operations all = operations();
  std::string name = "forgetful_fs";
  std::string option = "-ofsname=forgetful_fs";
  std::vector<char*> words = {name.data(), option.data(), nullptr};
  fuse_args arguments = FUSE_ARGS_INIT(2, words.data());
  running = fuse_new(&arguments, &all, sizeof all, nullptr);
  if (running == nullptr || fuse_mount(running, mountpoint.c_str()) != 0) return 1;
  fuse_set_signal_handlers(fuse_get_session(running));
  struct sigaction act{};
  act.sa_handler = on_forget;
  ::sigaction(SIGUSR1, &act, nullptr);
  std::printf("mounted\n");
  std::fflush(stdout);
  fuse_loop(running);
  if (forget != 0) take_back("");
  fuse_unmount(running);
  fuse_destroy(running);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("forgetful_fs BACKING MOUNTPOINT\n", stderr);
    return 2;
  }
  backing = argv[1];
  std::error_code error;
  for (const char* folder : {"/root", "/aside"}) {
    std::filesystem::create_directories(backing + folder, error);
  }
  return error ? 1 : serve(argv[2]);
}
