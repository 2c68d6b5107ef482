#include "storage/cleaner/segment_walk.h"

#include "storage/damage.h"
#include "storage/segment_files.h"

namespace duolog::storage {

SegmentWalk::~SegmentWalk() {
  if (file_ != kNoFile) files_.close(file_);
}

Result<void> SegmentWalk::open(Offset offset) {
  if (auto loaded = ensure_index(files_, segment_); !loaded) return loaded;
  auto file = files_.open(segment_.log_path(), OpenMode::kRead);
  if (!file) return std::unexpected(file.error());
  file_ = *file;
  IndexEntry from;
  if (offset > segment_.base_offset) {
    from = segment_.index.floor_offset(static_cast<std::uint32_t>(offset - segment_.base_offset));
  }
  walker_ =
      std::make_unique<BatchWalker>(files_, file_, from.position, segment_.stable_bytes.load());
  expected_ = segment_.base_offset + from.relative_offset;
  return {};
}

Result<SegmentWalk::Step> SegmentWalk::next() {
  auto step = walker_->next();
  if (!step) return std::unexpected(step.error());
  if (*step == BatchWalker::Step::kEnd) return Step::kEnd;
  if (*step == BatchWalker::Step::kBatch &&
      segment_.may_follow(expected_, walker_->header().base_offset) &&
      crc_matches(walker_->batch())) {
    expected_ = walker_->header().next_offset();
    return Step::kBatch;
  }
  segment_.uncleanable.store(true);
  // As a reader that comes here does: that is told once, and found again by nobody.
  auto warmed = warm(files_, segment_, walker_->position(), {});
  if (!warmed) return std::unexpected(warmed.error());
  return Step::kDamaged;
}

void SegmentWalk::tell_unreadable() {
  segment_.uncleanable.store(true);
  const BatchHeader& header = walker_->header();
  note_damage({segment_.log_path(),
               {.from = position(),
                .to = position() + header.size_bytes(),
                .offset = header.base_offset,
                .end = header.next_offset()}});
}

}  // namespace duolog::storage
