#include "storage/batch_check.h"

#include <algorithm>
#include <limits>

namespace duolog::storage {

Result<std::optional<GoodBatch>> find_good_batch(const DamagedBytes& where) {
  if (where.to - where.from < kBatchHeaderBytes) return std::nullopt;
  if (auto read = where.load(where.from + kBatchHeaderBytes); !read) {
    return std::unexpected(read.error());
  }
  // Of its header only the length is asked, whatever else is wrong with it.
  const auto length = load_be<std::uint32_t>(where.file + where.from + batch_at::kBatchLength);
  const std::uint64_t next = where.from + kBatchLengthEnd + length;
  if (next > where.to || where.to - next < kBatchHeaderBytes) return std::nullopt;
  if (auto read = where.load(next + kBatchHeaderBytes); !read) {
    return std::unexpected(read.error());
  }
  const auto header = parse_header({where.file + next, kBatchHeaderBytes});
  if (!header || header->base_offset <= where.first || header->next_offset() > where.last ||
      header->size_bytes() > where.to - next) {
    return std::nullopt;
  }
  if (auto read = where.load(next + header->size_bytes()); !read) {
    return std::unexpected(read.error());
  }
  if (!crc_matches({where.file + next, header->size_bytes()})) return std::nullopt;
  return GoodBatch{next, header->base_offset};
}

Result<void> BatchCheck::load(std::uint64_t from, std::uint64_t to) {
  if (auto read = files_.populate(mapping_, align_down(from, kBlockBytes), to); !read) {
    return fail(read.error().code, segment_.log_path() + ": " + read.error().message);
  }
  return {};
}

const BatchStart* BatchCheck::start_after(std::uint64_t position) const {
  const auto at = std::ranges::upper_bound(starts_, position, {}, &BatchStart::position);
  return at == starts_.end() ? nullptr : &*at;
}

Result<void> BatchCheck::window(std::uint64_t from, std::uint64_t to) {
  const auto behind = std::ranges::upper_bound(starts_, from, {}, &BatchStart::position);
  const BatchStart start = behind == starts_.begin() ? BatchStart{} : *(behind - 1);
  const Walk at{start.position, segment_.base_offset + start.relative_offset};
  if (auto read = load(at.position, to); !read) return read;
  auto walked = walk(at, from, to, false);
  if (walked && *walked == Walked::kEarlier) walked = walk(at, from, to, true);
  if (!walked) return std::unexpected(walked.error());
  return {};
}

const Damage* BatchCheck::known(std::uint64_t position) const {
  const auto behind = std::ranges::upper_bound(starts_, position, {}, &BatchStart::position);
  return segment_.damages.at(position, behind == starts_.begin() ? 0 : (behind - 1)->position);
}

// Over what is known to be damaged. False: to where is not known.
bool BatchCheck::pass(const Damage& damage, Walk& at) const {
  if (damage.to != kNotCorrupt) {
    at = {damage.to, damage.end};
    return true;
  }
  const BatchStart* next = damage.rest ? nullptr : start_after(at.position);
  if (next == nullptr) return false;
  at = {next->position, segment_.base_offset + next->relative_offset};
  return true;
}

Result<BatchCheck::Walked> BatchCheck::walk(Walk at, std::uint64_t from, std::uint64_t to,
                                            bool all) {
  bool unchecked = false;
  while (at.position < to && segment_.was_read(to)) {
    if (const Damage* damage = known(at.position)) {
      if (!pass(*damage, at)) break;
      continue;
    }
    const BatchStart* next = start_after(at.position);
    const std::uint64_t bound = next != nullptr ? next->position
                                : sealed_       ? stable_bytes_
                                                : kNotCorrupt;
    const bool has_header = to - at.position >= kBatchHeaderBytes;
    if (!has_header && bound - at.position >= kBatchHeaderBytes) break;  // the next window's
    const auto header = has_header ? parse_header({mapping_.data + at.position, kBatchHeaderBytes})
                                   : fail(Errc::kCorrupt, "shorter than a header");
    bool good = header && segment_.may_follow(at.expected, header->base_offset) &&
                header->size_bytes() <= bound - at.position;
    if (good && header->size_bytes() > to - at.position) break;  // of the window it ends in
    if (good && !all && at.position + header->size_bytes() <= from) {
      unchecked = true;
    } else if (good) {
      good = crc_matches({mapping_.data + at.position, header->size_bytes()});
    }
    if (good) {
      at = {at.position + header->size_bytes(), header->next_offset()};
      continue;
    }
    if (!segment_.was_read(to)) break;  // zeros are no damage
    if (unchecked) return Walked::kEarlier;
    if (auto noted = note(at); !noted) return std::unexpected(noted.error());
  }
  return Walked::kDone;
}

// What stands at `at` is no good batch: finds the next one, and notes it.
Result<void> BatchCheck::note(const Walk& at) {
  const BatchStart* next = start_after(at.position);
  Damage damage{.from = at.position, .offset = at.expected};
  const Offset last = next != nullptr ? segment_.base_offset + next->relative_offset
                                      : Offset(std::numeric_limits<std::int64_t>::max());
  const std::uint64_t to = next != nullptr ? next->position : stable_bytes_;
  auto found = find_good_batch({mapping_.data, at.position, to, at.expected, last,
                                [&](std::uint64_t until) { return load(at.position, until); }});
  if (!found) return std::unexpected(found.error());
  if (!segment_.was_read(to)) {  // zeros are no damage
    return fail(Errc::kIo, segment_.log_path() + " cannot be read behind position " +
                               std::to_string(at.position));
  }
  if (const std::optional<GoodBatch>& good = *found) {
    damage.to = good->position;
    damage.end = good->base_offset;
  } else if (next != nullptr) {
    damage.to = next->position;
    damage.end = last;
  }
  if (segment_.damages.add(damage)) note_damage({segment_.log_path(), damage});
  return {};
}

}  // namespace duolog::storage
