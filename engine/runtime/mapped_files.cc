#include "engine/runtime/mapped_files.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/check.h"

namespace duolog::runtime {
namespace {

constexpr std::uint64_t kPageBytes = storage::kBlockBytes;
constexpr std::uint64_t kNothingNew = UINT64_MAX;

struct Slot {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};  // 0: free
  std::atomic<std::atomic<std::uint64_t>*> lost_at{nullptr};
  std::atomic<std::uint64_t> fresh{kNothingNew};  // the lowest position that nobody was told of
  std::string path;
};

// Slots stay where they are, so that a handler may walk them at any time.
struct SlotBlock {
  Slot slots[256];
  std::atomic<SlotBlock*> next{nullptr};
};

std::mutex slots_mutex;  // of who adds, removes and takes
std::atomic<SlotBlock*> first_block{nullptr};
std::atomic<std::uint64_t> lost_page_count{0};

void lower(std::atomic<std::uint64_t>& to, std::uint64_t value) {
  std::uint64_t seen = to.load();
  while (value < seen && !to.compare_exchange_weak(seen, value)) {
  }
}

// The first slot that `wanted` holds for.
template <class Wanted>
Slot* find_slot(Wanted wanted) {
  for (SlotBlock* block = first_block.load(); block != nullptr; block = block->next.load()) {
    for (Slot& slot : block->slots) {
      if (wanted(slot)) return &slot;
    }
  }
  return nullptr;
}

Slot* slot_at(std::uintptr_t address) {
  return find_slot([address](const Slot& slot) {
    return address < slot.end.load() && address >= slot.begin.load();
  });
}

// Async-signal-safe.
bool note_lost(std::uintptr_t address) {
  Slot* slot = slot_at(address);
  if (slot == nullptr) return false;
  const std::uint64_t position = align_down(address - slot->begin.load(), kPageBytes);
  lower(*slot->lost_at.load(), position);
  lower(slot->fresh, position);
  lost_page_count.fetch_add(1);
  return true;
}

void say_fatal(std::uintptr_t address) {
  char line[] = "duolog: SIGBUS at 0x0000000000000000, which is in no segment's mapping: fatal\n";
  constexpr std::size_t kLastDigit = 34;
  static_assert(sizeof line > kLastDigit);
  for (std::size_t at = kLastDigit; address != 0; address >>= 4) {
    line[at--] = "0123456789abcdef"[address & 0xf];
  }
  (void)!write(STDERR_FILENO, line, sizeof line - 1);
}

void on_bus_error(int signal, siginfo_t* info, void* /*context*/) {
  const int error_number = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  void* page = reinterpret_cast<void*>(align_down(address, kPageBytes));
  // Noted first: who finds zeros finds the note.
  const bool ours = info->si_code > 0 && note_lost(address) &&
                    mmap(page, kPageBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                         0) != MAP_FAILED;
  errno = error_number;
  if (ours) return;
  say_fatal(address);
  std::signal(signal, SIG_DFL);
  raise(signal);  // delivered when this returns, if the load itself does not come first
}

void install_handler() {
  struct sigaction action{};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  CHECK(sigaction(SIGBUS, &action, nullptr) == 0);
}

}  // namespace

void add_mapped_file(storage::Mapping mapping, std::string path,
                     std::atomic<std::uint64_t>& lost_at) {
  static std::once_flag installed;
  std::call_once(installed, install_handler);
  const std::lock_guard lock(slots_mutex);
  Slot* slot = find_slot([](const Slot& one) { return one.end.load() == 0; });
  if (slot == nullptr) {
    auto* block = new SlotBlock;  // never freed: a handler may be walking it
    block->next.store(first_block.load());
    first_block.store(block);
    slot = &block->slots[0];
  }
  const auto begin = reinterpret_cast<std::uintptr_t>(mapping.data);
  slot->path = std::move(path);
  slot->lost_at.store(&lost_at);
  slot->fresh.store(kNothingNew);
  slot->begin.store(begin);
  slot->end.store(begin + mapping.size_bytes);
}

void remove_mapped_file(storage::Mapping mapping) {
  const auto begin = reinterpret_cast<std::uintptr_t>(mapping.data);
  const std::lock_guard lock(slots_mutex);
  Slot* slot = find_slot(
      [begin](const Slot& one) { return one.end.load() != 0 && one.begin.load() == begin; });
  CHECK(slot != nullptr);
  slot->end.store(0);  // its begin stays: who asks in between must not find all below it
}

void note_unreadable(std::span<const iovec> memory) {
  for (const iovec& piece : memory) {
    const auto from = reinterpret_cast<std::uintptr_t>(piece.iov_base);
    for (std::uintptr_t at = from; at < from + piece.iov_len;
         at = align_down(at, kPageBytes) + kPageBytes) {
      std::uint8_t byte = 0;
      const iovec into{&byte, 1};
      const iovec one{reinterpret_cast<void*>(at), 1};
      if (process_vm_readv(getpid(), &into, 1, &one, 1, 0) == 1 || errno != EFAULT) continue;
      note_lost(at);
    }
  }
}

std::vector<LostPage> take_lost_pages() {
  std::vector<LostPage> lost;
  const std::lock_guard lock(slots_mutex);
  (void)find_slot([&lost](Slot& slot) {
    if (slot.end.load() == 0) return false;
    const std::uint64_t position = slot.fresh.exchange(kNothingNew);
    if (position != kNothingNew) lost.push_back({slot.path, position});
    return false;
  });
  return lost;
}

std::uint64_t lost_pages() { return lost_page_count.load(); }

}  // namespace duolog::runtime
