// A disk whose cache dies with its power: a plugin for nbdkit.
//
//   nbdkit -U SOCKET volatile_disk.so image=FILE seed=N report=FILE [flush=kept|late] [step=FILE]
//
// FILE is what the platters hold. What is written stays in memory until the guest flushes, or until
// it is written again with FUA, and only then goes to FILE. The end of the connection is the loss
// of power: of what was not flushed a part, which the seed picks, has got to the platters by
// itself, each page of 4 KiB whole, not at all, or torn: some of its sectors of 512 bytes. Where a
// page was written more than once, each of its writes has its own luck. A line in the report says
// what became of it.
//
// flush=late is a disk that lies: a flush is answered when what the flush before it was asked for
// is on the platters, and FUA means nothing.
//
// step=FILE holds a number N, if it is there when a connection begins: the N-th write or flush of
// that connection is the last thing the disk hears of, whose effect it still has in its cache. It
// then kills the process at the other end, as it could not make it wait for an answer for ever.
//
// torn=no is a disk with sectors of 4 KiB: no page is torn.
//
// nbdkit calls one function at a time (the thread model below); a cut's dice are the seed's and the
// number of the connection's, so that the same writes have the same fate.
#include <algorithm>
#include <array>
#include <bitset>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_SERIALIZE_ALL_REQUESTS

namespace {

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kSectorBytes = 512;
constexpr std::size_t kSectors = kPageBytes / kSectorBytes;  // of a page

using Sectors = std::bitset<kSectors>;
using Bytes = std::array<char, kPageBytes>;

// One write to a page that is not on the platters: these sectors of it.
struct Write {
  std::uint64_t flush = 0;  // how many flushes there had been
  Sectors sectors;
  Bytes bytes{};
};

struct Settings {
  std::string image;
  std::string report;
  std::string step;
  std::uint64_t seed = 1;
  bool late = false;
  bool torn = true;
};

Settings settings;
std::uint64_t connections = 0;

class Disk {
 public:
  // `file` is closed with it.
  explicit Disk(int file) : file_(file), dice_(settings.seed * 1'000'003 + ++connections) {
    std::ifstream(settings.step) >> last_step_;
  }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  ~Disk() { ::close(file_); }

  [[nodiscard]] std::int64_t size_bytes() const {
    struct stat found{};
    return ::fstat(file_, &found) == 0 ? found.st_size : -1;
  }

  // The disk as the guest sees it. All of these: 0, or -1 with errno set.
  int read(char* to, std::uint64_t count, std::uint64_t offset) {
    if (pread_all(to, count, offset) != 0) return -1;
    for (auto page = cache_.lower_bound(offset / kPageBytes);
         page != cache_.end() && page->first * kPageBytes < offset + count; ++page) {
      for (const Write& write : page->second) overlay(write, page->first, to, count, offset);
    }
    return 0;
  }

  int write(const char* from, std::uint64_t count, std::uint64_t offset, bool fua) {
    if (off_) return refuse(EIO);
    if (offset % kSectorBytes != 0 || count % kSectorBytes != 0) return refuse(EINVAL);
    for (std::uint64_t done = 0; done < count;) {
      const std::uint64_t at = offset + done;
      const std::uint64_t first = at % kPageBytes;
      const std::uint64_t bytes = std::min(kPageBytes - first, count - done);
      Write write{.flush = flushes_, .sectors = {}, .bytes = {}};
      std::memcpy(write.bytes.data() + first, from + done, bytes);
      for (std::uint64_t byte = first; byte < first + bytes; byte += kSectorBytes) {
        write.sectors.set(byte / kSectorBytes);
      }
      if (fua && !settings.late && !off_) {
        if (write_through(at / kPageBytes, write) != 0) return -1;
      } else {
        cache_[at / kPageBytes].push_back(write);
      }
      done += bytes;
    }
    return is_last_step() ? refuse(EIO) : 0;
  }

  int flush() {
    if (is_last_step()) return refuse(EIO);
    ++flushes_;
    // What the flush before this one was asked for, if this disk lies: else everything.
    const std::uint64_t before = flushes_ - (settings.late ? 1 : 0);
    for (auto page = cache_.begin(); page != cache_.end();) {
      std::vector<Write>& writes = page->second;
      std::size_t done = 0;
      for (; done < writes.size() && writes[done].flush < before; ++done) {
        if (store(page->first, writes[done].bytes, writes[done].sectors) != 0) return -1;
      }
      writes.erase(writes.begin(), writes.begin() + static_cast<std::ptrdiff_t>(done));
      page = writes.empty() ? cache_.erase(page) : std::next(page);
    }
    return 0;
  }

  void lose_power() {
    // Some cuts lose nearly all of it, some nearly nothing.
    const std::array<int, 5> chances = {0, 10, 50, 90, 99};
    const int kept_percent = chances[dice_() % chances.size()];
    std::array<std::uint64_t, 3> fates{};  // lost, torn, kept
    for (const auto& [page, writes] : cache_) {
      for (const Write& write : writes) {
        Sectors kept = write.sectors;
        if (settings.torn && dice_() % 8 == 0) {
          kept &= Sectors(dice_());
        } else if (dice_() % 100 >= static_cast<std::uint64_t>(kept_percent)) {
          kept.reset();
        }
        ++fates[kept.none() ? 0 : (kept == write.sectors ? 2 : 1)];
        if (kept.any() && store(page, write.bytes, kept) != 0) std::perror("volatile_disk");
      }
    }
    cache_.clear();
    std::ofstream(settings.report, std::ios::app)
        << (off_ ? "last step " : "step ") << steps_ << ", " << flushes_ << " flushes, " << through_
        << " writes with FUA; not flushed, in 4 KiB: " << fates[0] << " lost, " << fates[1]
        << " torn, " << fates[2] << " kept\n";
  }

 private:
  // Whether the power goes with this one; whether it has gone already.
  bool is_last_step() {
    if (++steps_ == last_step_) {
      off_ = true;
      const std::int64_t peer = nbdkit_peer_pid();
      if (peer > 0) ::kill(static_cast<pid_t>(peer), SIGKILL);
    }
    return off_;
  }

  static int refuse(int error) {
    errno = error;
    return -1;
  }

  int pread_all(char* to, std::uint64_t count, std::uint64_t offset) const {
    for (std::uint64_t done = 0; done < count;) {
      const ssize_t got =
          ::pread(file_, to + done, count - done, static_cast<off_t>(offset + done));
      if (got <= 0) return got < 0 ? -1 : refuse(EIO);
      done += static_cast<std::uint64_t>(got);
    }
    return 0;
  }

  // What of `write` lies in the `count` bytes from `offset` on.
  static void overlay(const Write& write, std::uint64_t page, char* to, std::uint64_t count,
                      std::uint64_t offset) {
    for (std::size_t i = 0; i < kSectors; ++i) {
      const std::uint64_t from = page * kPageBytes + i * kSectorBytes;
      const std::uint64_t begin = std::max(from, offset);
      const std::uint64_t end = std::min(from + kSectorBytes, offset + count);
      if (!write.sectors[i] || begin >= end) continue;
      std::memcpy(to + (begin - offset), write.bytes.data() + (begin - page * kPageBytes),
                  end - begin);
    }
  }

  // These sectors of a page, to the platters.
  [[nodiscard]] int store(std::uint64_t page, const Bytes& bytes, Sectors sectors) const {
    for (std::size_t i = 0; i < kSectors; ++i) {
      const std::uint64_t at = i * kSectorBytes;
      if (sectors[i] && ::pwrite(file_, bytes.data() + at, kSectorBytes,
                                 static_cast<off_t>(page * kPageBytes + at)) != kSectorBytes) {
        return -1;
      }
    }
    return 0;
  }

  // With FUA: nothing that was written to these sectors before can come after it.
  int write_through(std::uint64_t page, const Write& write) {
    ++through_;
    const auto found = cache_.find(page);
    if (found != cache_.end()) {
      for (Write& older : found->second) older.sectors &= ~write.sectors;
      std::erase_if(found->second, [](const Write& older) { return older.sectors.none(); });
      if (found->second.empty()) cache_.erase(found);
    }
    return store(page, write.bytes, write.sectors);
  }

  int file_;
  std::mt19937_64 dice_;
  std::map<std::uint64_t, std::vector<Write>> cache_;  // by page, each in the order of writing
  std::uint64_t steps_ = 0;
  std::uint64_t last_step_ = 0;  // 0: none
  bool off_ = false;
  std::uint64_t flushes_ = 0;
  std::uint64_t through_ = 0;
};

Disk& disk_of(void* handle) { return *static_cast<Disk*>(handle); }

int config(const char* key, const char* value) {
  const std::string name = key;
  if (name == "image") {
    settings.image = value;
  } else if (name == "report") {
    settings.report = value;
  } else if (name == "step") {
    settings.step = value;
  } else if (name == "seed") {
    settings.seed = std::stoull(value);
  } else if (name == "torn") {
    settings.torn = std::string(value) == "yes";
  } else if (name == "flush") {
    settings.late = std::string(value) == "late";
  } else {
    nbdkit_error("%s: image, report, step, seed, torn or flush", key);
    return -1;
  }
  return 0;
}

void* open_disk(int /*read_only*/) {
  const int file = ::open(settings.image.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) {
    nbdkit_error("%s: %m", settings.image.c_str());
    return nullptr;
  }
  return new Disk(file);
}

void close_disk(void* handle) {
  disk_of(handle).lose_power();
  delete &disk_of(handle);
}

std::int64_t get_size(void* handle) { return disk_of(handle).size_bytes(); }
int yes(void* /*handle*/) { return 1; }
int fua_is_ours(void* /*handle*/) { return NBDKIT_FUA_NATIVE; }

int block_size(void* /*handle*/, std::uint32_t* least, std::uint32_t* best, std::uint32_t* most) {
  *least = kSectorBytes;
  *best = kPageBytes;
  *most = 32U << 20U;
  return 0;
}

int read_disk(void* handle, void* to, std::uint32_t count, std::uint64_t offset,
              std::uint32_t /*flags*/) {
  return disk_of(handle).read(static_cast<char*>(to), count, offset);
}

int write_disk(void* handle, const void* from, std::uint32_t count, std::uint64_t offset,
               std::uint32_t flags) {
  const bool fua = (flags & NBDKIT_FLAG_FUA) != 0;
  return disk_of(handle).write(static_cast<const char*>(from), count, offset, fua);
}

int flush_disk(void* handle, std::uint32_t /*flags*/) { return disk_of(handle).flush(); }

nbdkit_plugin make_plugin() {
  nbdkit_plugin plugin{};
  plugin.name = "volatile-disk";
  plugin.config = config;
  plugin.open = open_disk;
  plugin.close = close_disk;
  plugin.get_size = get_size;
  plugin.can_flush = yes;
  plugin.can_fua = fua_is_ours;
  plugin.block_size = block_size;
  plugin.pread = read_disk;
  plugin.pwrite = write_disk;
  plugin.flush = flush_disk;
  plugin.errno_is_preserved = 1;
  return plugin;
}

nbdkit_plugin plugin = make_plugin();

}  // namespace

NBDKIT_REGISTER_PLUGIN(plugin)
