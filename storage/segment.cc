#include "storage/segment.h"

#include <algorithm>
#include <cstdio>

#include "engine/base/check.h"

namespace duolog::storage {
namespace {

constexpr std::uint64_t kSmallFlag = 0x800;       // the slot holds a small block
constexpr std::uint64_t kFirstBlockMask = 0x00f;  // which block of the chunk memory begins with
constexpr std::uint64_t kSlotBits = kBlockBytes - 1;

}  // namespace

Segment::Segment(std::string dir, Offset offset, Position position, std::uint64_t limit_bytes,
                 bool is_compacted)
    : directory(std::move(dir)),
      base_offset(offset),
      base_position(position),
      max_bytes(limit_bytes),
      compacted(is_compacted),
      leaf_count_(limit_bytes / (kLeafChunks * kChunkBytes) + 1),
      window_count_(limit_bytes / kWindowBytes + 1),
      leaves_(std::make_unique<std::atomic<Leaf*>[]>(leaf_count_)),
      windows_(std::make_unique<std::atomic<std::uint16_t>[]>(window_count_)) {}

Segment::~Segment() {
  CHECK(pins.load() == 0);
  CHECK(mapped_.load() == nullptr);
  for (std::uint64_t i = 0; i < leaf_count_; ++i) delete leaves_[i].load();
}

std::string Segment::log_path() const {
  return directory + "/" + segment_file_name(base_offset, ".log");
}

std::uint64_t Segment::load_slot(std::uint64_t number) const {
  if (number / kLeafChunks >= leaf_count_) return 0;
  const Leaf* leaf = leaves_[number / kLeafChunks].load(std::memory_order_acquire);
  return leaf ? leaf->slots[number % kLeafChunks].load(std::memory_order_acquire) : 0;
}

void Segment::store_slot(std::uint64_t number, std::uint64_t value) {
  CHECK(number / kLeafChunks < leaf_count_);
  auto& root = leaves_[number / kLeafChunks];
  Leaf* leaf = root.load(std::memory_order_relaxed);
  if (!leaf) {
    leaf = new Leaf;
    root.store(leaf, std::memory_order_release);
  }
  leaf->slots[number % kLeafChunks].store(value, std::memory_order_release);
}

Segment::Piece Segment::find(std::uint64_t at) const {
  const std::uint64_t slot = load_slot(at / kChunkBytes);
  const std::uint64_t in_chunk = at % kChunkBytes;
  if (slot && in_chunk >= (slot & kFirstBlockMask) * kBlockBytes) {
    const auto base = slot & ~kSlotBits;
    const std::uint64_t end =
        (slot & kSmallFlag) ? ((slot & kFirstBlockMask) + 1) * kBlockBytes : kChunkBytes;
    if (in_chunk < end) {
      return {reinterpret_cast<const std::uint8_t*>(base + in_chunk), end - in_chunk};
    }
  }
  if (const std::uint64_t ready = ready_bytes(at)) {
    return {mapped_.load(std::memory_order_acquire) + at, ready};
  }
  return {};
}

std::uint64_t Segment::ready_bytes(std::uint64_t at) const {
  const std::uint64_t window = at / kWindowBytes;
  if (window >= window_count_) return 0;
  const std::uint64_t ready = windows_[window].load(std::memory_order_acquire) * kBlockBytes;
  const std::uint64_t lost = lost_at.load(std::memory_order_relaxed);
  if (ready <= at % kWindowBytes || at >= lost) return 0;
  return std::min(ready - at % kWindowBytes, lost - at);
}

bool Segment::in_chunks(std::uint64_t at) const {
  const std::uint64_t slot = load_slot(at / kChunkBytes);
  return slot && at % kChunkBytes >= (slot & kFirstBlockMask) * kBlockBytes;
}

void Segment::set_chunk(std::uint64_t number, std::uint8_t* chunk, std::uint64_t first_byte) {
  const auto address = reinterpret_cast<std::uint64_t>(chunk);
  CHECK(address % kBlockBytes == 0 && first_byte % kBlockBytes == 0);
  store_slot(number, address | (first_byte / kBlockBytes));
}

void Segment::set_small(std::uint64_t number, std::uint8_t* block, std::uint64_t block_start) {
  const std::uint64_t first = block_start % kChunkBytes;
  const auto address = reinterpret_cast<std::uint64_t>(block);
  CHECK(address % kBlockBytes == 0 && first % kBlockBytes == 0);
  store_slot(number, (address - first) | kSmallFlag | (first / kBlockBytes));
}

Segment::Slot Segment::slot(std::uint64_t number) const {
  const std::uint64_t value = load_slot(number);
  if (!value) return {};
  const std::uint64_t first = (value & kFirstBlockMask) * kBlockBytes;
  return {reinterpret_cast<std::uint8_t*>((value & ~kSlotBits) + first), first,
          (value & kSmallFlag) != 0};
}

Segment::Slot Segment::clear_slot(std::uint64_t number) {
  const Slot old = slot(number);
  if (old.memory) store_slot(number, 0);
  return old;
}

std::uint8_t* Segment::writable(std::uint64_t at) {
  const Piece piece = find(at);
  CHECK(piece.data != nullptr && in_chunks(at));
  return const_cast<std::uint8_t*>(piece.data);
}

Result<Mapping> Segment::ensure_mapped(Files& files) {
  std::lock_guard lock(map_mutex_);
  if (const auto* data = mapped_.load(std::memory_order_relaxed)) {
    return Mapping{data, mapped_bytes_};
  }
  auto opened = files.open(log_path(), OpenMode::kRead);
  if (!opened) return std::unexpected(opened.error());
  auto mapping = files.map(*opened, max_bytes, lost_at);
  files.close(*opened);  // the mapping keeps the file
  if (!mapping) return mapping;
  mapped_bytes_ = mapping->size_bytes;
  mapped_.store(mapping->data, std::memory_order_release);
  return mapping;
}

void Segment::mark_ready(std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t start = align_down(from, kWindowBytes); start < to; start += kWindowBytes) {
    const std::uint64_t bytes = std::min(to - start, kWindowBytes);
    const auto blocks = static_cast<std::uint16_t>((bytes + kBlockBytes - 1) / kBlockBytes);
    auto& window = windows_[start / kWindowBytes];
    std::uint16_t seen = window.load(std::memory_order_relaxed);
    while (seen < blocks &&
           !window.compare_exchange_weak(seen, blocks, std::memory_order_release)) {
    }
  }
}

void Segment::unmap(Files& files) {
  std::lock_guard lock(map_mutex_);
  if (const auto* data = mapped_.exchange(nullptr)) files.unmap({data, mapped_bytes_});
}

std::string segment_file_name(Offset base_offset, const char* suffix) {
  char name[48];
  std::snprintf(name, sizeof name, "%020lld%s", static_cast<long long>(base_offset.value), suffix);
  return name;
}

}  // namespace duolog::storage
