#include "engine/runtime/buffer_ring.h"

#include <bit>

#include <sys/mman.h>

namespace duolog::runtime {

namespace {

constexpr std::uint16_t buffer_id(std::uint32_t completion_flags) {
  return static_cast<std::uint16_t>(completion_flags >> IORING_CQE_BUFFER_SHIFT);
}

// Anonymous pages: aligned as the kernel wants a buffer ring, and untouched until they are used.
Result<void*> map_pages(std::size_t size_bytes) {
  void* memory =
      mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return fail_errno(Errc::kIo, "map the receive buffers", errno);
  return memory;
}

}  // namespace

BufferRing::~BufferRing() {
  if (registered_) io_uring_unregister_buf_ring(&ring_->handle(), kGroup);
  if (entries_ != nullptr) munmap(entries_, settings_.count * sizeof(io_uring_buf));
  if (memory_ != nullptr) munmap(memory_, std::size_t{settings_.count} * settings_.size_bytes);
}

Result<void> BufferRing::open(Ring& ring, const BufferRingSettings& settings) {
  if (!std::has_single_bit(settings.count) || settings.count > 32768 || settings.size_bytes == 0) {
    return fail(
        Errc::kInvalid,
        "receive buffers: the count must be a power of two of at most 32768, the size not 0");
  }
  ring_ = &ring;
  settings_ = settings;
  auto entries = map_pages(settings.count * sizeof(io_uring_buf));
  if (!entries) return std::unexpected(entries.error());
  entries_ = static_cast<io_uring_buf_ring*>(*entries);
  auto memory = map_pages(std::size_t{settings.count} * settings.size_bytes);
  if (!memory) return std::unexpected(memory.error());
  memory_ = static_cast<std::uint8_t*>(*memory);

  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uint64_t>(entries_);
  registration.ring_entries = settings.count;
  registration.bgid = kGroup;
  if (const int outcome = io_uring_register_buf_ring(&ring.handle(), &registration, 0);
      outcome < 0) {
    return fail_errno(Errc::kUnsupported, "register the receive buffers", -outcome);
  }
  registered_ = true;
  io_uring_buf_ring_init(entries_);
  for (std::uint32_t id = 0; id < settings.count; ++id) add(static_cast<std::uint16_t>(id), id);
  io_uring_buf_ring_advance(entries_, static_cast<int>(settings.count));
  return {};
}

void BufferRing::add(std::uint16_t id, std::uint32_t ahead) {
  io_uring_buf_ring_add(entries_, memory_ + std::size_t{id} * settings_.size_bytes,
                        settings_.size_bytes, id, io_uring_buf_ring_mask(settings_.count),
                        static_cast<int>(ahead));
}

MutableBytes BufferRing::take(std::uint32_t completion_flags, std::size_t size_bytes) {
  ++taken_;
  return {memory_ + std::size_t{buffer_id(completion_flags)} * settings_.size_bytes, size_bytes};
}

void BufferRing::give_back(std::uint32_t completion_flags) {
  --taken_;
  add(buffer_id(completion_flags), 0);
  io_uring_buf_ring_advance(entries_, 1);
}

bool BufferRing::retry_parked() {
  if (taken_ > settings_.count / 2) return !waiters_.empty();
  // More receives than buffers would only park again.
  for (std::uint32_t i = 0; i < settings_.count; ++i) {
    BufferWaiter* waiter = waiters_.pop_front();
    if (waiter == nullptr) return false;
    waiter->retry(*waiter);
  }
  return !waiters_.empty();
}

}  // namespace duolog::runtime
