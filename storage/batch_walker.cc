#include "storage/batch_walker.h"

#include <algorithm>
#include <cstdlib>

#include "engine/base/check.h"
#include "storage/options.h"

namespace duolog::storage {
namespace {

constexpr std::uint64_t kReadBytes = 1 * kMiB;

}  // namespace

void BatchWalker::Free::operator()(std::uint8_t* p) const { std::free(p); }

BatchWalker::BatchWalker(Files& files, FileId file, std::uint64_t from, std::uint64_t to)
    : files_(files), file_(file), position_(from), next_(from), to_(to) {}

Result<BatchWalker::Step> BatchWalker::next() {
  position_ = next_;
  if (position_ >= to_) return Step::kEnd;
  auto head = view(position_, kBatchHeaderBytes);
  if (!head) return std::unexpected(head.error());
  if (to_ - position_ < kBatchHeaderBytes || head->size() < kBatchHeaderBytes) return Step::kTorn;
  auto header = parse_header(*head);
  if (!header) return Step::kBad;
  const std::uint64_t size = header->size_bytes();
  if (size > to_ - position_) return Step::kTorn;
  auto whole = view(position_, size);
  if (!whole) return std::unexpected(whole.error());
  if (whole->size() < size) return Step::kTorn;
  header_ = *header;
  batch_ = *whole;
  next_ = position_ + size;
  return Step::kBatch;
}

Result<Bytes> BatchWalker::view(std::uint64_t at, std::uint64_t size) {
  if (at < loaded_from_ || at + size > loaded_from_ + loaded_bytes_) {
    const std::uint64_t from = align_down(at, kBlockBytes);
    const std::uint64_t wanted = std::max(align_up(at + size - from, kBlockBytes),
                                          std::min(kReadBytes, align_up(to_ - from, kBlockBytes)));
    if (wanted > capacity_) {
      buffer_.reset(static_cast<std::uint8_t*>(std::aligned_alloc(kBlockBytes, wanted)));
      CHECK(buffer_ != nullptr);
      capacity_ = wanted;
    }
    auto got = files_.read(file_, from, {buffer_.get(), wanted});
    if (!got) return std::unexpected(got.error());
    loaded_from_ = from;
    loaded_bytes_ = *got;
  }
  const std::uint64_t skip = at - loaded_from_;
  if (skip >= loaded_bytes_) return Bytes{};
  return Bytes(buffer_.get() + skip, std::min(size, loaded_bytes_ - skip));
}

}  // namespace duolog::storage
