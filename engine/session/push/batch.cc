#include "engine/session/push/batch.h"

#include <algorithm>
#include <array>

#include "engine/base/check.h"
#include "net/push/record_json.h"
#include "storage/record.h"

namespace duolog::session {
namespace {

// Text that was large once is given back.
constexpr std::size_t kKeptBytes = 256U << 10;
// Of a record: its length, attributes, deltas, key, value and headers, a byte each.
constexpr std::size_t kLeastRecordBytes = 7;

Result<void> add_item(Buffer& out, const storage::Record& record) {
  push::begin_item(out, {.offset = record.offset,
                         .timestamp = record.timestamp,
                         .key = record.key,
                         .value = record.value});
  storage::RecordHeaders headers = record.headers;
  storage::RecordHeader header;
  const bool has_headers = headers.left() > 0;
  if (has_headers) push::begin_headers(out);
  for (bool first = true;; first = false) {
    const auto more = headers.next(header);
    if (!more) return std::unexpected(more.error());
    if (!*more) break;
    push::append_header(out, first, {.key = header.key, .value = header.value});
  }
  if (has_headers) push::end_headers(out);
  push::end_item(out);
  return {};
}

}  // namespace

Result<void> PushBatch::encode(const storage::BatchHeader& header, Bytes batch, Format format,
                               std::size_t max_inflated_bytes, EncodeScratch& scratch) {
  if (text_.capacity() > kKeptBytes) text_ = Buffer();
  text_.clear();
  if (deflated_.capacity() > kKeptBytes) deflated_ = Buffer();
  deflated_.clear();
  runs_.clear();
  ends_.clear();
  deltas_.clear();
  base_offset_ = header.base_offset;
  end_offset_ = header.next_offset();
  epoch_ = header.leader_epoch;
  if (header.is_control()) return {};
  const auto found = scratch.records_of(header, batch, max_inflated_bytes);
  if (!found) return std::unexpected(found.error());
  const Bytes records = *found;
  // The names in front of each item, and quotes: about what most items take.
  constexpr std::size_t kAroundItem = 64;
  const auto count = static_cast<std::size_t>(header.record_count);
  // Nobody has looked into a compressed batch yet: memory is not to be had for a claim.
  if (count > records.size() / kLeastRecordBytes) {
    return fail(Errc::kCorrupt, "fewer records than the header says");
  }
  text_.reserve(
      std::min(records.size() + count * kAroundItem, kMostExpansion * max_inflated_bytes));
  ends_.reserve(count);
  Result<void> added;
  auto walked = storage::for_each_record(header, records, [&](const storage::Record& record) {
    if (!ends_.empty()) text_.append(as_bytes(std::string_view(",")));
    added = add_item(text_, record);
    if (added && text_.size() > kMostExpansion * max_inflated_bytes) {
      added = fail(Errc::kTooLarge, "too large as JSON");
    }
    if (!added) return false;
    const auto delta = static_cast<std::int32_t>(record.offset - header.base_offset);
    if (deltas_.empty() && delta != static_cast<std::int32_t>(ends_.size())) {
      deltas_.reserve(count);
      for (std::size_t i = 0; i < ends_.size(); ++i)
        deltas_.push_back(static_cast<std::int32_t>(i));
      deltas_.push_back(delta);
    } else if (!deltas_.empty()) {
      deltas_.push_back(delta);
    }
    ends_.push_back(static_cast<std::uint32_t>(text_.size()));
    return true;
  });
  if (!added || !walked) return added ? walked : added;
  if (format == Format::kDeflatedJson) deflate_runs(scratch);
  return {};
}

std::uint32_t PushBatch::item_at(Offset offset) const {
  if (offset <= base_offset_) return 0;
  const std::int64_t delta = offset - base_offset_;
  const auto before = deltas_.empty() ? std::min<std::int64_t>(delta, item_count())
                                      : std::ranges::lower_bound(deltas_, delta) - deltas_.begin();
  return static_cast<std::uint32_t>(before);
}

Offset PushBatch::offset(std::uint32_t item) const {
  return base_offset_ + (deltas_.empty() ? static_cast<std::int64_t>(item) : deltas_[item]);
}

Offset PushBatch::next_of(std::uint32_t end) const {
  return end == item_count() ? end_offset_ : offset(end);
}

Bytes PushBatch::text(std::uint32_t first, std::uint32_t end) const {
  CHECK(first < end && end <= item_count());
  const std::uint32_t from = begin_of(first);
  return {text_.data() + from, ends_[end - 1] - from};
}

std::uint32_t PushBatch::end_within(std::uint32_t first, std::uint64_t max_bytes) const {
  CHECK(first < item_count());
  const std::uint64_t most = begin_of(first) + max_bytes;
  const auto fit = std::ranges::upper_bound(ends_, most, {},
                                            [](std::uint32_t end) { return std::uint64_t{end}; }) -
                   ends_.begin();
  return std::max(static_cast<std::uint32_t>(fit), first + 1);
}

void PushBatch::deflate_runs(EncodeScratch& scratch) {
  // What the end of a message leaves out of its last block (RFC 7692 section 7.2.1); here others
  // follow.
  constexpr std::array<std::uint8_t, 4> kFlushed = {0, 0, 0xFF, 0xFF};
  for (std::uint32_t first = 0, end = 0; first < item_count(); first = end) {
    end = end_within(first, kMostTextBytes);
    const Bytes run = text(first, end);
    if (run.size() < EncodeScratch::kLeastDeflatedBytes) continue;
    const auto at = static_cast<std::uint32_t>(deflated_.size());
    deflated_.append(scratch.deflate(run));
    deflated_.append(kFlushed);
    runs_.push_back({first, end, at, static_cast<std::uint32_t>(deflated_.size()) - at});
  }
}

const PushBatch::Deflated* PushBatch::deflated_from(std::uint32_t first) const {
  const auto run = std::ranges::lower_bound(runs_, first, {}, &Deflated::first);
  return run != runs_.end() && run->first == first ? &*run : nullptr;
}

std::size_t PushBatch::memory_bytes() const {
  return text_.capacity() + deflated_.capacity() + runs_.capacity() * sizeof(Deflated) +
         ends_.capacity() * sizeof(std::uint32_t) + deltas_.capacity() * sizeof(std::int32_t);
}

}  // namespace duolog::session
