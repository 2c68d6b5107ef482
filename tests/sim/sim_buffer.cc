#include "tests/sim/sim_buffer.h"

#include <algorithm>
#include <cstring>

#include <sys/mman.h>

#include "engine/base/check.h"

namespace duolog::sim {

SimBuffer::SimBuffer(std::uint64_t limit_bytes)
    : limit_bytes_(align_up(limit_bytes, kSimBlockBytes)) {
  void* memory = ::mmap(nullptr, limit_bytes_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(memory != MAP_FAILED);
  data_ = static_cast<std::uint8_t*>(memory);
}

SimBuffer::~SimBuffer() { ::munmap(data_, limit_bytes_); }

void SimBuffer::write(std::uint64_t offset, Bytes bytes) {
  CHECK(offset <= limit_bytes_ && bytes.size() <= limit_bytes_ - offset);
  if (bytes.empty()) return;
  std::memcpy(data_ + offset, bytes.data(), bytes.size());
  const std::uint64_t end_block = (offset + bytes.size() - 1) / kSimBlockBytes + 1;
  if (touched_.size() < end_block) touched_.resize(end_block);
  for (std::uint64_t block = offset / kSimBlockBytes; block < end_block; ++block) {
    touched_[block] = true;
  }
}

void SimBuffer::zero_from(std::uint64_t offset) {
  for (std::uint64_t block = offset / kSimBlockBytes; block < touched_.size(); ++block) {
    if (!touched_[block]) continue;
    const std::uint64_t from = std::max(offset, block * kSimBlockBytes);
    std::memset(data_ + from, 0, (block + 1) * kSimBlockBytes - from);
  }
}

void SimBuffer::flip_bit(std::uint64_t offset, unsigned bit) {
  CHECK(offset < limit_bytes_ && bit < 8);
  const auto flipped = static_cast<std::uint8_t>(data_[offset] ^ (1U << bit));
  write(offset, {&flipped, 1});
}

void SimBuffer::copy_from(const SimBuffer& other) {
  CHECK(limit_bytes_ == other.limit_bytes_ && touched_.empty());
  touched_ = other.touched_;
  for (std::uint64_t block = 0; block < touched_.size(); ++block) {
    if (!touched_[block]) continue;
    std::memcpy(data_ + block * kSimBlockBytes, other.data_ + block * kSimBlockBytes,
                kSimBlockBytes);
  }
}

}  // namespace duolog::sim
