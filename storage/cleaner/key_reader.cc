#include "storage/cleaner/key_reader.h"

#include <algorithm>
#include <utility>

namespace duolog::storage {

KeyReader::KeyReader(Files& files, std::vector<Segment*> segments, Offset from, Offset end,
                     KeyOffsets& keys)
    : files_(files), segments_(std::move(segments)), from_(from), end_(end), keys_(keys) {
  keys_.note_end(from);
}

Offset KeyReader::end_of(std::size_t segment) const {
  return segment + 1 < segments_.size() ? segments_[segment + 1]->base_offset : end_;
}

// To the next segment.
void KeyReader::pass() {
  keys_.note_end(std::max(keys_.end(), end_of(at_)));
  walk_.reset();
  ++at_;
}

Result<bool> KeyReader::step(std::uint64_t max_bytes) {
  const std::uint64_t until = read_bytes_ + max_bytes;
  while (at_ < segments_.size()) {
    if (segments_[at_]->uncleanable.load()) {
      pass();
      continue;
    }
    if (!walk_) {
      walk_ = std::make_unique<SegmentWalk>(files_, *segments_[at_]);
      if (auto opened = walk_->open(from_); !opened) return std::unexpected(opened.error());
    }
    auto found = walk_->next();
    if (!found) return std::unexpected(found.error());
    if (*found != SegmentWalk::Step::kBatch) {
      pass();
      continue;
    }
    read_bytes_ += walk_->header().size_bytes();
    if (walk_->header().last_offset() >= from_) {
      auto noted = note_keys(walk_->batch(), walk_->header(), from_, keys_, scratch_);
      if (!noted) {
        walk_->tell_unreadable();
        pass();
        continue;
      }
      if (!*noted) return true;
    }
    if (read_bytes_ >= until) return false;
  }
  return true;
}

}  // namespace duolog::storage
