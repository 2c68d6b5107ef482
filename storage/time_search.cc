#include "storage/time_search.h"

#include <algorithm>

#include "storage/codec.h"
#include "storage/record.h"

namespace duolog::storage {

TimeSearch::Found TimeSearch::step(const Log& log, SearchScratch& scratch) {
  const auto& segments = log.segments().segments;
  if (segments.empty()) return {};
  from_ = std::max(from_, segments.front()->base_position);
  for (;;) {
    const TimeSought sought = latest_ ? seek_max_timestamp(log) : seek_time(log, timestamp_, from_);
    if (sought.status != ReadStatus::kOk) return {.status = sought.status, .cold = sought.cold};
    if (!sought.found) return {};
    const BatchRead batch = read_batch(log, sought.position, scratch.batch);
    if (batch.status == ReadStatus::kCorrupt) {  // it was found to be as its end was read
      from_ = batch.next;
      continue;
    }
    if (batch.status != ReadStatus::kOk) return {.status = batch.status, .cold = batch.cold};
    const Found found = look_inside(log, batch, scratch);
    // A batch may claim a later time than its records have, or be none that can be read.
    if (found.found || latest_) return found;
    from_ = batch.next;
  }
}

TimeSearch::Found TimeSearch::look_inside(const Log& log, const BatchRead& batch,
                                          SearchScratch& scratch) const {
  Bytes records = records_of(batch.bytes, batch.header);
  if (batch.header.codec() != Codec::kNone) {
    const auto inflated =
        decompress(batch.header.codec(), records, kMaxInflatedBytes, scratch.inflated);
    if (!inflated) return {.status = ReadStatus::kCorrupt};
    records = scratch.inflated;
  }
  const Offset start = log.start_offset();
  Found found;
  const auto read = for_each_record(batch.header, records, [&](const Record& record) {
    if (record.offset < start) return true;
    const bool wanted = latest_ ? !found.found || record.timestamp > found.timestamp
                                : record.timestamp >= timestamp_;
    if (!wanted) return true;
    found.found = true;
    found.offset = record.offset;
    found.timestamp = record.timestamp;
    found.leader_epoch = batch.header.leader_epoch;
    return latest_;
  });
  if (!read) return {.status = ReadStatus::kCorrupt};
  return found;
}

}  // namespace duolog::storage
