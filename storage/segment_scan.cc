#include "storage/segment_scan.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "storage/batch_walker.h"
#include "storage/file_util.h"
#include "storage/gap_batch.h"
#include "storage/options.h"
#include "storage/record_batch.h"

namespace duolog::storage {
namespace {

constexpr std::uint64_t kCopyBytes = 1 * kMiB;
// A batch is at most so large; what is longer is not looked at as one.
constexpr std::uint64_t kMostBatchBytes = 1024 * kMiB;

class Scanner {
 public:
  Scanner(Files& files, FileId file, SegmentClaims claims, ScanState& state)
      : files_(files), file_(file), claims_(std::move(claims)), state_(state) {
    next_ = claims_.base_offset;
  }

  Result<SegmentScan> run(std::uint64_t size_bytes) {
    scan_.size_bytes = size_bytes;
    for (;;) {
      auto on = walk();
      if (!on) return std::unexpected(on.error());
      if (!*on) break;
    }
    scan_.end = at_;
    scan_.end_offset = next_;
    return std::move(scan_);
  }

 private:
  // A good batch, if the file has one there that fits what is known.
  Result<std::optional<BatchHeader>> good_at(std::uint64_t position, Offset at_least) {
    if (position >= scan_.size_bytes) return std::nullopt;
    BatchWalker walker(files_, file_, position, scan_.size_bytes);
    const auto step = walker.next();
    if (!step) return std::unexpected(step.error());
    if (*step != BatchWalker::Step::kBatch) return std::nullopt;
    const BatchHeader header = walker.header();
    if (header.base_offset < at_least || header.next_offset() > claims_.limit ||
        header.leader_epoch < state_.epoch || header.leader_epoch > state_.max_epoch ||
        !crc_matches(walker.batch())) {
      return std::nullopt;
    }
    return header;
  }

  // From a good place on to the end, which is false, or over one hole.
  Result<bool> walk() {
    BatchWalker walker(files_, file_, at_, scan_.size_bytes);
    for (;;) {
      auto step = walker.next();
      if (!step) return std::unexpected(step.error());
      at_ = walker.position();
      if (*step == BatchWalker::Step::kEnd) return end_of_file();
      const BatchHeader& header = walker.header();
      const bool follows =
          header.base_offset == next_ || (claims_.compacted && header.base_offset > next_);
      const bool good = *step == BatchWalker::Step::kBatch && follows &&
                        header.next_offset() <= claims_.limit &&
                        header.leader_epoch >= state_.epoch &&
                        header.leader_epoch <= state_.max_epoch && crc_matches(walker.batch());
      if (!good) {
        return damaged(*step == BatchWalker::Step::kTorn  ? "a record batch is cut off"
                       : *step == BatchWalker::Step::kBad ? "what stands here is no record batch"
                       : !follows                         ? "the base offset is wrong"
                       : header.leader_epoch < state_.epoch ||
                               header.leader_epoch > state_.max_epoch
                           ? "the leader epoch is wrong"
                           : "the CRC of a record batch is wrong");
      }
      pass_starts(at_, header.base_offset);
      next_ = header.next_offset();
      state_.epoch = header.leader_epoch;
      state_.timestamp = header.max_timestamp;
      at_ += header.size_bytes();
    }
  }

  // The starts up to a batch's are batches' starts; the one there is this.
  void pass_starts(std::uint64_t position, Offset offset) {
    for (; start_ < claims_.starts.size() && claims_.starts[start_].position <= position;
         ++start_) {
      const BatchStart& start = claims_.starts[start_];
      if (start.position != position || claims_.base_offset + start.relative_offset != offset) {
        scan_.starts_fit = false;
      }
    }
  }

  Offset must_reach() const {
    return claims_.limit == kNoLimit ? claims_.whole_offset : claims_.limit;
  }

  Result<bool> end_of_file() {
    const Offset to = must_reach();
    if (next_ < to) {
      return add({.from = at_,
                  .to = at_,
                  .first = next_,
                  .end = to,
                  .why = "records that were flushed are missing at the end"});
    }
    if (at_ < claims_.whole_position) {
      return add({.from = at_,
                  .to = at_,
                  .first = next_,
                  .end = next_ + 1,
                  .end_known = false,
                  .why = "the file is shorter than the journal says"});
    }
    return false;
  }

  // What is at `at_` is not the next batch.
  Result<bool> damaged(std::string why) {
    const bool must_be = at_ < claims_.whole_position || next_ < must_reach();
    if (!must_be) return false;
    Hole hole{.from = at_, .to = scan_.size_bytes, .first = next_, .end = next_};
    hole.why = std::move(why);
    // Bytes behind the last record that there can be.
    if (next_ == claims_.limit) return add(std::move(hole));
    if (!claims_.compacted) {
      auto mended = mend_by_length();
      if (!mended) return std::unexpected(mended.error());
      if (*mended) return true;
    }

    auto behind = find_behind(hole);
    if (!behind) return std::unexpected(behind.error());
    if (!*behind) {
      auto to = end_of_written();
      if (!to) return std::unexpected(to.error());
      hole.to = *to;
      hole.end = must_reach();
      if (hole.end <= next_) {
        const auto claimed = header_there();
        hole.end_known = claimed.has_value();
        hole.end = claimed.value_or(next_ + 1);
      }
    }
    if (!claims_.compacted && hole.to - hole.from >= kBatchHeaderBytes) {
      auto candidate = as_batch(hole.to);
      if (!candidate) return std::unexpected(candidate.error());
      if (std::optional<std::vector<std::uint8_t>>& batch = *candidate) {
        const auto header = parse_header(*batch);
        if (header && header->next_offset() == hole.end) {
          hole.instead = std::move(*batch);
          hole.first = hole.end;
        }
      }
    }
    return add(std::move(hole));
  }

  // Where it goes on, into `hole`; false: nothing says so.
  Result<bool> find_behind(Hole& hole) {
    while (start_ < claims_.starts.size() && claims_.starts[start_].position <= at_) ++start_;
    auto found = next_known();
    if (!found) return std::unexpected(found.error());
    const std::optional<BatchStart>& known = *found;
    std::uint8_t bytes[kBatchHeaderBytes];
    auto got = files_.read(file_, at_, bytes);
    if (!got) return std::unexpected(got.error());
    if (*got == sizeof bytes) {
      const std::uint64_t by_length =
          at_ + kBatchLengthEnd + load_be<std::uint32_t>(bytes + batch_at::kBatchLength);
      const bool within = !known || by_length <= known->position;
      auto good = within ? good_at(by_length, next_ + 1)
                         : Result<std::optional<BatchHeader>>(std::optional<BatchHeader>());
      if (!good) return std::unexpected(good.error());
      if (const auto& header = *good) {
        const bool fits =
            !known || header->base_offset <= claims_.base_offset + known->relative_offset;
        if (fits) {
          hole.to = by_length;
          hole.end = header->base_offset;
          return true;
        }
      }
    }
    if (!known) return false;
    hole.to = known->position;
    hole.end = claims_.base_offset + known->relative_offset;
    return true;
  }

  // The next start that is known, behind `at_`.
  Result<std::optional<BatchStart>> next_known() {
    for (std::size_t n = start_; n < claims_.starts.size(); ++n) {
      const BatchStart& start = claims_.starts[n];
      const Offset offset = claims_.base_offset + start.relative_offset;
      if (start.position <= at_ || start.position >= scan_.size_bytes || offset <= next_ ||
          offset >= claims_.limit) {
        continue;
      }
      if (claims_.starts_are_sure) return start;
      auto good = good_at(start.position, offset);
      if (!good) return std::unexpected(good.error());
      const std::optional<BatchHeader>& header = *good;
      if (header && header->base_offset == offset) return start;
    }
    return std::nullopt;
  }

  // Where nothing but space that was allocated ahead follows.
  Result<std::uint64_t> end_of_written() {
    if (claims_.limit != kNoLimit) return scan_.size_bytes;
    std::uint64_t end = std::min(std::max(at_, claims_.whole_position), scan_.size_bytes);
    std::vector<std::uint8_t> bytes(kCopyBytes);
    for (std::uint64_t at = end; at < scan_.size_bytes;) {
      auto got = files_.read(file_, at, bytes);
      if (!got) return std::unexpected(got.error());
      if (*got == 0) break;
      const auto read = std::span(bytes).first(*got);
      const auto last =
          std::find_if(read.rbegin(), read.rend(), [](std::uint8_t byte) { return byte != 0; });
      if (last != read.rend()) end = at + static_cast<std::uint64_t>(read.rend() - last);
      at += *got;
    }
    return end;
  }

  // What the damaged header says of where its batch ends, if that may be.
  std::optional<Offset> header_there() {
    std::uint8_t bytes[kBatchHeaderBytes];
    const auto got = files_.read(file_, at_, bytes);
    if (!got || *got < sizeof bytes) return std::nullopt;
    const auto header = parse_header(bytes);
    if (!header || header->base_offset != next_ || header->record_count == 0 ||
        header->last_offset_delta != header->record_count - 1 ||
        header->size_bytes() > scan_.size_bytes - at_) {
      return std::nullopt;
    }
    return header->next_offset();
  }

  // [at_, to) with what the CRC does not cover as it should be; nothing if that is no good batch.
  Result<std::optional<std::vector<std::uint8_t>>> as_batch(std::uint64_t to) {
    const std::uint64_t size = to - at_;
    if (size > kMostBatchBytes) return std::nullopt;
    std::vector<std::uint8_t> bytes(size);
    auto got = files_.read(file_, at_, bytes);
    if (!got) return std::unexpected(got.error());
    if (*got != size) return std::nullopt;
    store_be<std::int32_t>(bytes.data() + batch_at::kBatchLength,
                           static_cast<std::int32_t>(size - kBatchLengthEnd));
    bytes[batch_at::kMagic] = kBatchMagic;
    const auto epoch = LeaderEpoch(load_be<std::int32_t>(bytes.data() + batch_at::kLeaderEpoch));
    const bool fits = epoch >= state_.epoch && epoch <= state_.max_epoch;
    patch_base_offset_and_epoch(bytes, next_, fits ? epoch : state_.epoch);
    const auto header = parse_header(bytes);
    if (!header || header->next_offset() > claims_.limit || !crc_matches(bytes)) {
      return std::nullopt;
    }
    return bytes;
  }

  // A batch of which only the base offset or the leader epoch is wrong.
  Result<bool> mend_by_length() {
    std::uint8_t bytes[kBatchHeaderBytes];
    auto got = files_.read(file_, at_, bytes);
    if (!got) return std::unexpected(got.error());
    if (*got < sizeof bytes) return false;
    const std::uint64_t size =
        kBatchLengthEnd + load_be<std::uint32_t>(bytes + batch_at::kBatchLength);
    if (size < kBatchHeaderBytes || size > scan_.size_bytes - at_) return false;
    auto candidate = as_batch(at_ + size);
    if (!candidate) return std::unexpected(candidate.error());
    std::optional<std::vector<std::uint8_t>>& batch = *candidate;
    if (!batch) return false;
    const auto header = parse_header(*batch);
    if (!header) return false;
    const Offset end = header->next_offset();
    Hole hole{.from = at_, .to = at_ + size, .first = end, .end = end};
    hole.why = "what the CRC does not cover is wrong: base offset, leader epoch or magic";
    hole.instead = std::move(*batch);
    return add(std::move(hole));
  }

  Result<bool> add(Hole hole) {
    if (hole.instead.empty()) {
      append_gap(hole.first, hole.end, state_.epoch, state_.timestamp, hole.instead);
    } else {
      state_.epoch =
          LeaderEpoch(load_be<std::int32_t>(hole.instead.data() + batch_at::kLeaderEpoch));
    }
    at_ = hole.to;
    next_ = hole.end;
    scan_.holes.push_back(std::move(hole));
    // What a start says that lies in what was damaged says nothing against it.
    while (start_ < claims_.starts.size() && claims_.starts[start_].position < at_) ++start_;
    if (scan_.holes.back().to == scan_.size_bytes) {
      // Offsets of the log that follow, and have no bytes, are a hole of their own.
      return next_ < must_reach();
    }
    return true;
  }

  Files& files_;
  const FileId file_;
  const SegmentClaims claims_;
  ScanState& state_;
  SegmentScan scan_;
  std::uint64_t at_ = 0;
  Offset next_;
  std::size_t start_ = 0;  // of claims_.starts, the first one that was not passed
};

Result<void> copy(Files& files, FileId from, std::uint64_t at, std::uint64_t to, FileId into,
                  std::uint64_t& position) {
  std::vector<std::uint8_t> bytes(std::min(kCopyBytes, to - at));
  while (at < to) {
    const std::uint64_t size = std::min<std::uint64_t>(bytes.size(), to - at);
    auto got = files.read(from, at, {bytes.data(), size});
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return fail(Errc::kIo, "the file has become shorter");
    if (auto written = files.write(into, position, Bytes(bytes).first(*got)); !written) {
      return written;
    }
    at += *got;
    position += *got;
  }
  return {};
}

Result<void> write_pieces(Files& files, FileId from, FileId into, const SegmentScan& scan) {
  std::uint64_t at = 0;
  std::uint64_t position = 0;
  for (const Hole& hole : scan.holes) {
    if (auto copied = copy(files, from, at, hole.from, into, position); !copied) return copied;
    if (!hole.instead.empty()) {
      if (auto put = files.write(into, position, hole.instead); !put) return put;
    }
    position += hole.instead.size();
    at = hole.to;
  }
  if (auto copied = copy(files, from, at, std::max(at, scan.end), into, position); !copied) {
    return copied;
  }
  return flush(files, into);
}

}  // namespace

Result<SegmentScan> scan_segment(Files& files, SegmentClaims claims, ScanState& state) {
  auto file = files.open(claims.path, OpenMode::kRead);
  if (!file) return std::unexpected(file.error());
  auto size = files.size(*file);
  auto scan = size ? Scanner(files, *file, std::move(claims), state).run(*size)
                   : Result<SegmentScan>(std::unexpected(size.error()));
  files.close(*file);
  return scan;
}

Result<void> write_mended(Files& files, const std::string& path, const SegmentScan& scan) {
  const std::string temporary = path + ".tmp";
  (void)files.remove(temporary);  // left by a crash, or not there
  auto from = files.open(path, OpenMode::kRead);
  if (!from) return std::unexpected(from.error());
  auto into = files.open(temporary, OpenMode::kCreate);
  auto written =
      into ? write_pieces(files, *from, *into, scan) : Result<void>(std::unexpected(into.error()));
  if (into) files.close(*into);
  files.close(*from);
  if (!written) (void)files.remove(temporary);
  return written;
}

}  // namespace duolog::storage
