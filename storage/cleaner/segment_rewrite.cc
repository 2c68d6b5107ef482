#include "storage/cleaner/segment_rewrite.h"

#include <algorithm>
#include <utility>

#include "storage/file_util.h"
#include "storage/options.h"
#include "storage/segment_files.h"

namespace duolog::storage {
namespace {

// So much at a time that the log's own flushes have not to wait for long, nor for many.
constexpr std::uint64_t kFlushBytes = 2 * kMiB;

}  // namespace

SegmentRewrite::SegmentRewrite(Files& files, std::vector<Segment*> group, Offset end,
                               const KeyOffsets& keys, const CompactionRules& rules,
                               const LastBatches& last_batches)
    : files_(files),
      group_(std::move(group)),
      end_(end),
      keys_(keys),
      rules_(rules),
      last_batches_(last_batches),
      changed_(group_.size() > 1) {}

SegmentRewrite::~SegmentRewrite() {
  if (file_ != kNoFile) files_.close(file_);
}

void SegmentRewrite::discard() {
  if (file_ == kNoFile || committed_) return;
  files_.close(std::exchange(file_, kNoFile));
  (void)files_.remove(cleaned_path(group_.front()->directory, group_.front()->base_offset));
}

Result<SegmentRewrite::Step> SegmentRewrite::step(std::uint64_t max_bytes) {
  if (file_ == kNoFile) {
    const std::string path = cleaned_path(group_.front()->directory, group_.front()->base_offset);
    (void)files_.remove(path);  // left by a crash, or not there
    auto file = files_.open(path, OpenMode::kCreate);
    if (!file) return std::unexpected(file.error());
    file_ = *file;
  }
  const std::uint64_t until = read_bytes_ + max_bytes;
  while (at_ < group_.size() && read_bytes_ < until) {
    if (!walk_) {
      walk_ = std::make_unique<SegmentWalk>(files_, *group_[at_]);
      if (auto opened = walk_->open(group_[at_]->base_offset); !opened) {
        return std::unexpected(opened.error());
      }
    }
    auto found = walk_->next();
    if (!found) return std::unexpected(found.error());
    if (*found == SegmentWalk::Step::kDamaged) return Step::kDamaged;
    if (*found == SegmentWalk::Step::kEnd) {
      walk_.reset();
      ++at_;
      continue;
    }
    const BatchHeader& header = walk_->header();
    read_bytes_ += header.size_bytes();
    if (auto added = add(*walk_, header.next_offset() == end_); !added) {
      walk_->tell_unreadable();
      return Step::kDamaged;
    }
  }
  if (auto written = write_out(); !written) return std::unexpected(written.error());
  if (at_ < group_.size()) return Step::kMore;
  return changed_ ? Step::kWritten : Step::kUnchanged;
}

Result<void> SegmentRewrite::add(const SegmentWalk& walk, bool is_last) {
  const BatchHeader& header = walk.header();
  const auto producer = last_batches_.find(header.producer_id);
  const bool keep_empty = is_last || (header.has_producer_id() && producer != last_batches_.end() &&
                                      producer->second == header.base_offset);
  const std::size_t from = out_.size();
  auto made = compact_batch(walk.batch(), header, keys_, rules_, keep_empty, out_, scratch_);
  if (!made) return std::unexpected(made.error());
  const Bytes added = Bytes(out_).subspan(from);
  if (added.size() != walk.batch().size() ||
      !std::equal(added.begin(), added.end(), walk.batch().begin())) {
    changed_ = true;
  }
  if (!made->kept) return {};
  const Offset base = group_.front()->base_offset;
  last_.relative_offset = static_cast<std::uint32_t>(header.base_offset - base);
  last_.position = static_cast<std::uint32_t>(written_bytes_ + from);
  const std::uint64_t previous = index_.empty() ? 0 : index_.back().position;
  if (last_.position - previous >= SegmentIndex::kFirstStrideBytes) index_.push_back(last_);
  if (made->records > 0 && made->max_timestamp.value > last_.max_timestamp) {
    last_.max_timestamp = made->max_timestamp.value;
    last_.max_timestamp_offset = static_cast<std::uint32_t>(header.last_offset() - base);
  }
  return {};
}

Result<void> SegmentRewrite::write_out() {
  Result<void> outcome;
  if (!out_.empty()) outcome = files_.write(file_, written_bytes_, out_);
  if (!outcome) return outcome;
  written_bytes_ += out_.size();
  out_.clear();
  if (at_ < group_.size() && written_bytes_ - flushed_bytes_ < kFlushBytes) return outcome;
  flushed_bytes_ = written_bytes_;
  return flush(files_, file_);
}

Result<void> SegmentRewrite::commit() {
  const Segment& first = *group_.front();
  for (Segment* segment : group_) {
    auto outcome = ensure_index(files_, *segment);
    if (!outcome) return outcome;
    if (auto mapping = segment->ensure_mapped(files_); !mapping) {
      return std::unexpected(mapping.error());
    }
  }
  const Swap swap{first.base_offset, end_};
  if (auto outcome = commit_swap(files_, first.directory, swap); !outcome) return outcome;
  committed_ = true;
  if (auto finished = finish_swap(files_, first.directory, swap); !finished) {
    half_done_ = true;
    return finished;
  }
  // It is derived: where there is no room for it, it is made again later.
  return unless_unflushed(save_index(files_, first.directory, first.base_offset, index_, last_));
}

}  // namespace duolog::storage
