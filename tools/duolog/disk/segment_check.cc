#include "tools/duolog/disk/segment_check.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "storage/codec.h"
#include "storage/options.h"
#include "storage/record.h"

namespace duolog::tools {

using storage::BatchHeader;
using storage::BatchWalker;
using storage::kBatchHeaderBytes;

namespace {

// How long what a server writes to may look damaged: it was being written when it was read.
constexpr int kLooks = 20;
constexpr std::chrono::milliseconds kBetweenLooks{100};
// How far behind a batch that is not whole a whole one is looked for in a file that grows.
constexpr std::uint64_t kLookAheadBytes = 8 * storage::kMiB;
constexpr std::uint64_t kSearchBytes = 4 * storage::kMiB;

// Every record and header of the batch, as consumers read them. Empty: all is well.
std::string fault_inside(const BatchHeader& header, Bytes batch, Buffer& inflated,
                         std::uint64_t& records) {
  Bytes content = storage::records_of(batch, header);
  if (header.codec() != storage::Codec::kNone) {
    const auto done =
        storage::decompress(header.codec(), content, storage::kMaxInflatedBytes, inflated);
    if (!done) return "its records cannot be inflated: " + done.error().message;
    content = inflated;
  }
  std::string fault;
  const auto read =
      storage::for_each_record(header, content, [&](const storage::Record& record) -> bool {
        storage::RecordHeaders headers = record.headers;
        storage::RecordHeader one;
        for (auto more = headers.next(one); !more || *more; more = headers.next(one)) {
          if (more) continue;
          fault = "headers of the record at offset " + std::to_string(record.offset.value) + ": " +
                  more.error().message;
          return false;
        }
        ++records;
        return true;
      });
  return read ? fault : "its records: " + read.error().message;
}

}  // namespace

Result<void> SegmentCheck::run(const std::string& path, const SegmentBounds& bounds,
                               std::vector<ExpectedStart> starts, std::vector<Finding>& findings) {
  path_ = path;
  bounds_ = bounds;
  starts_ = std::move(starts);
  next_start_ = 0;
  findings_ = &findings;
  next_ = bounds.base_offset;
  open_finding_.reset();
  auto file = files_.open(path, storage::OpenMode::kRead);
  if (!file) return std::unexpected(file.error());
  file_ = *file;
  resume_at_ = 0;
  Result<bool> outcome = true;
  while (outcome && *outcome) outcome = walk(resume_at_);
  files_.close(file_);
  if (open_finding_) {
    Finding& finding = findings.emplace_back(std::move(*open_finding_));
    if (bounds_.whole_offset > next_) finding.last_offset = bounds_.whole_offset.value - 1;
    open_finding_.reset();
  } else if (outcome && next_ < bounds_.whole_offset) {
    add("segment", resume_at_, next_, bounds_.whole_offset - 1,
        "records that were flushed are missing at the end");
  }
  ++counts_.segments;
  if (!outcome) return std::unexpected(outcome.error());
  return {};
}

// From a batch's start to the end: false. Or to damage: true when it goes on at `resume_at_`.
Result<bool> SegmentCheck::walk(std::uint64_t from) {
  BatchWalker walker(files_, file_, from, bounds_.size_bytes);
  for (;;) {
    auto step = walker.next();
    const std::uint64_t at = walker.position();
    if (!step) {
      add("segment", at, next_, Offset(kNotKnown),
          "it cannot be read: " + step.error().message + "; what follows was not looked at");
      return false;
    }
    if (*step == Step::kEnd) {
      pass_starts(at, next_);
      resume_at_ = at;
      return false;
    }
    if (*step == Step::kBatch && storage::crc_matches(walker.batch()) &&
        take(walker.header(), walker.batch(), at)) {
      read_(walker.header().size_bytes());
      continue;
    }
    const char* what = *step == Step::kTorn  ? "a record batch is cut off"
                       : *step == Step::kBad ? "what stands here is no record batch"
                                             : "the CRC of a record batch is wrong";
    resume_at_ = at;
    return stop_at(at, what);
  }
}

// False: it is whole, and belongs to something older than what was before it: not the log.
bool SegmentCheck::take(const BatchHeader& header, Bytes batch, std::uint64_t position) {
  const bool must_be = position < bounds_.whole_position || next_ < bounds_.whole_offset;
  const bool hole = header.base_offset != next_ && !open_finding_ && !bounds_.compacted;
  if (header.base_offset < next_ || hole) {
    if (!must_be && !bounds_.growing) return false;
    add("batch", position, header.base_offset, header.last_offset(),
        "offset " + std::to_string(header.base_offset.value) + " stands where offset " +
            std::to_string(next_.value) + " should");
  }
  if (open_finding_) {
    Finding& finding = findings_->emplace_back(std::move(*open_finding_));
    if (header.base_offset > next_) finding.last_offset = header.base_offset.value - 1;
    open_finding_.reset();
  }
  if (header.leader_epoch < epoch_) {
    if (!must_be && !bounds_.growing) return false;
    add("batch", position, header.base_offset, header.last_offset(),
        "leader epoch " + std::to_string(header.leader_epoch.value) + " follows " +
            std::to_string(epoch_.value));
  }
  epoch_ = std::max(epoch_, header.leader_epoch);
  pass_starts(position, header.base_offset);
  look_inside(header, batch, position);
  next_ = std::max(next_, header.next_offset());
  ++counts_.batches;
  counts_.bytes += header.size_bytes();
  return true;
}

void SegmentCheck::look_inside(const BatchHeader& header, Bytes batch, std::uint64_t position) {
  const std::string fault = fault_inside(header, batch, inflated_, counts_.records);
  if (fault.empty()) return;
  add("records", position, header.base_offset, header.last_offset(), fault);
}

// The places below `position` that were said to be starts, and were none; and the one there.
void SegmentCheck::pass_starts(std::uint64_t position, Offset offset) {
  for (; next_start_ < starts_.size() && starts_[next_start_].position <= position; ++next_start_) {
    const ExpectedStart& start = starts_[next_start_];
    if (start.position == position && start.offset == offset) continue;
    Finding finding{.kind = start.file.ends_with("checkpoint") ? "checkpoint" : "index",
                    .offset = start.offset.value,
                    .file = start.file,
                    .what = "it says that offset " + std::to_string(start.offset.value) +
                            " is at position " + std::to_string(start.position) +
                            " of the segment, and it is not"};
    findings_->push_back(std::move(finding));
  }
}

// What is at `position` is not the next batch. True: `resume_at_` is where to go on; false: the log
// ends here, or nothing good follows.
Result<bool> SegmentCheck::stop_at(std::uint64_t position, const std::string& what) {
  const bool must_be = position < bounds_.whole_position || next_ < bounds_.whole_offset;
  if (!must_be && !bounds_.growing) {
    count_unacked(position);
    return false;
  }
  auto next = next_good(position);
  if (!next) return std::unexpected(next.error());
  if (!must_be && !*next) return false;  // written up to here
  if (bounds_.growing && turns_good(position)) {
    resume_at_ = position;
    return true;
  }
  // Places within what is damaged are nobody's fault.
  const std::uint64_t to = next->value_or(bounds_.size_bytes);
  while (next_start_ < starts_.size() && starts_[next_start_].position < to) ++next_start_;
  if (!open_finding_) {
    open_finding_ = Finding{.kind = "batch",
                            .offset = next_.value,
                            .file = path_,
                            .position = static_cast<std::int64_t>(position),
                            .what = what};
    open_finding_->what += *next ? "; good batches follow at position " + std::to_string(to)
                                 : "; no good batch follows";
  }
  read_(to - position);
  if (!*next) return false;
  resume_at_ = to;
  return true;
}

// The rest is space that was allocated ahead.
void SegmentCheck::count_unacked(std::uint64_t from) {
  std::vector<std::uint8_t> bytes(std::min(kSearchBytes, bounds_.size_bytes - from));
  const std::uint64_t got = files_.read(file_, from, bytes).value_or(0);
  const auto read = std::span(bytes).first(got);
  const auto last = std::find_if(read.rbegin(), read.rend(), [](auto byte) { return byte != 0; });
  counts_.unacked_bytes += static_cast<std::uint64_t>(read.rend() - last);
}

// Where, behind `position`, the next good batch of later records begins: where the header there
// says that it ends, or anywhere. Nothing when there is none.
Result<std::optional<std::uint64_t>> SegmentCheck::next_good(std::uint64_t position) {
  std::vector<std::uint8_t> bytes(kBatchHeaderBytes);
  auto got = files_.read(file_, position, bytes);
  if (!got) return std::unexpected(got.error());
  const bool must_be = position < bounds_.whole_position || next_ < bounds_.whole_offset;
  if (const auto header = storage::parse_header(Bytes(bytes).first(*got))) {
    if (is_good_at(position + header->size_bytes())) return position + header->size_bytes();
    // What is written at the moment: its records may be anything, and look like batches.
    if (!must_be) return std::nullopt;
  }
  const std::uint64_t to =
      must_be ? bounds_.size_bytes : std::min(bounds_.size_bytes, position + kLookAheadBytes);
  bytes.resize(kSearchBytes);
  for (std::uint64_t from = position + 1; from + kBatchHeaderBytes <= to;) {
    got = files_.read(file_, from, bytes);
    if (!got) return std::unexpected(got.error());
    if (*got < kBatchHeaderBytes) break;
    const std::uint64_t places = *got - kBatchHeaderBytes + 1;
    for (std::uint64_t i = 0; i < places; ++i) {
      if (bytes[i + storage::batch_at::kMagic] == storage::kBatchMagic &&
          load_be<std::int64_t>(bytes.data() + i) >= next_.value && is_good_at(from + i)) {
        return from + i;
      }
    }
    from += places;
  }
  return std::nullopt;
}

bool SegmentCheck::is_good_at(std::uint64_t position) {
  std::uint8_t bytes[kBatchHeaderBytes];
  auto got = files_.read(file_, position, bytes);
  if (!got || *got < kBatchHeaderBytes) return false;
  const auto header = storage::parse_header(bytes);
  // A gap of more offsets than a file can hold is none.
  if (!header || header->base_offset < next_ ||
      header->base_offset - next_ > static_cast<std::int64_t>(bounds_.size_bytes) ||
      header->leader_epoch < epoch_) {
    return false;
  }
  BatchWalker walker(files_, file_, position, bounds_.size_bytes);
  const auto step = walker.next();
  return step && *step == Step::kBatch && storage::crc_matches(walker.batch());
}

// A server may have been writing it just when it was read.
bool SegmentCheck::turns_good(std::uint64_t position) {
  for (int look = 0; look < kLooks; ++look) {
    std::this_thread::sleep_for(kBetweenLooks);
    BatchWalker walker(files_, file_, position, bounds_.size_bytes);
    const auto step = walker.next();
    if (step && *step == Step::kBatch && storage::crc_matches(walker.batch()) &&
        walker.header().base_offset == next_) {
      return true;
    }
  }
  return false;
}

void SegmentCheck::add(const char* kind, std::uint64_t position, Offset first, Offset last,
                       std::string what) {
  Finding finding{.kind = kind,
                  .offset = first.value,
                  .last_offset = last.value,
                  .file = path_,
                  .position = static_cast<std::int64_t>(position),
                  .what = std::move(what)};
  findings_->push_back(std::move(finding));
}

}  // namespace duolog::tools
