// The beginning of a GroupLog: from records to groups.
#include <string>

#include "engine/groups/group_coordinator.h"
#include "engine/groups/group_log.h"
#include "engine/runtime/log.h"
#include "engine/runtime/runtime.h"
#include "storage/codec.h"
#include "storage/record.h"

namespace duolog::groups {
namespace {

using storage::ReadStatus;

// Of one place. What does not become warm cannot be read.
constexpr std::uint16_t kMostTimesCold = 1024;

}  // namespace

// In the next turn, unless this object has been left by then.
void GroupLog::later(void (GroupLog::*step)()) {
  ++under_way_;
  coordinator_.shard().hold();
  coordinator_.shard().runtime().run_on(coordinator_.shard().id(),
                                        [this, step](runtime::Shard& shard) {
                                          GroupCoordinator& coordinator = coordinator_;
                                          --under_way_;
                                          if (state_ != State::kGone) (this->*step)();
                                          shard.release();
                                          coordinator.collect_gone();
                                        });
}

void GroupLog::load_some() {
  if (!start_found_ && !find_start()) return;
  const storage::Log& log = *partition_->log;
  const Position until = next_ + coordinator_.settings().load_bytes_per_turn;
  while (next_ < until) {
    if (next_ >= log.high_watermark().position) return loaded(State::kReady);
    const storage::BatchRead batch = storage::read_batch(log, next_, scratch_);
    if (batch.status == ReadStatus::kCold) return warm_up(batch.cold);
    const bool damaged = batch.status == ReadStatus::kCorrupt && batch.damaged_end.value >= 0;
    if (batch.status != ReadStatus::kOk && !damaged) return loaded(State::kFailed);
    times_cold_ = 0;
    if (damaged) {
      warn_of_bad(batch.damaged.value, "damaged on disk");
    } else {
      read_more(batch);
    }
    next_ = batch.next;
  }
  later(&GroupLog::load_some);
}

// Where the log's first record is. False: not yet known, or it failed.
bool GroupLog::find_start() {
  const storage::Log& log = *partition_->log;
  const storage::Sought sought = storage::seek(log, log.start_offset());
  if (sought.status == ReadStatus::kCold) {
    warm_up(sought.cold);
    return false;
  }
  if (sought.status == ReadStatus::kOutOfRange) {
    loaded(State::kFailed);
    return false;
  }
  start_ = next_ = sought.position;
  start_found_ = true;
  return true;
}

void GroupLog::warm_up(const storage::Cold& cold) {
  if (++times_cold_ > kMostTimesCold) return loaded(State::kFailed);
  ++under_way_;
  coordinator_.shard().hold();
  storage::warm_up(coordinator_.shard().disk(), cold, [this](Result<void> /*the read finds out*/) {
    GroupCoordinator& coordinator = coordinator_;
    --under_way_;
    if (state_ != State::kGone) load_some();
    coordinator.shard().release();
    coordinator.collect_gone();
  });
}

void GroupLog::read_more(const storage::BatchRead& batch) {
  const storage::BatchHeader& header = batch.header;
  if (header.is_control()) return;  // of transactions, which are not written here
  if (!storage::crc_matches(batch.bytes)) {
    return warn_of_bad(header.base_offset.value, "its checksum is wrong");
  }
  Bytes records = storage::records_of(batch.bytes, header);
  if (header.codec() != storage::Codec::kNone) {
    const auto inflated =
        storage::decompress(header.codec(), records, storage::kMaxInflatedBytes, inflated_);
    if (!inflated) return warn_of_bad(header.base_offset.value, inflated.error().message);
    records = inflated_;
  }
  read_records(header, records);
}

void GroupLog::read_records(const storage::BatchHeader& header, Bytes records) {
  const Offset start = partition_->log->start_offset();
  const auto read = storage::for_each_record(header, records, [&](const storage::Record& record) {
    if (record.offset >= start) read_record(record);
  });
  if (!read) warn_of_bad(header.base_offset.value, read.error().message);
}

void GroupLog::read_record(const storage::Record& record) {
  if (!record.key) return warn_of_bad(record.offset.value, "it has no key");
  auto read = read_group_record(*record.key, record.value);
  if (!read) return warn_of_bad(record.offset.value, read.error().message);
  coordinator_.counters().loaded_records.add();
  coordinator_.replay(id_, std::move(*read));
}

void GroupLog::warn_of_bad(std::int64_t offset, const std::string& what) {
  coordinator_.counters().bad_records.add();
  coordinator_.warn(partition_->log->identity.directory + ": what is at offset " +
                    std::to_string(offset) + " is passed over, and with it what a group had " +
                    "stored there: " + what);
}

void GroupLog::loaded(State state) {
  state_ = state;
  auto& loading = coordinator_.counters().loading;
  loading.set(loading.get() - 1);
  scratch_ = Buffer();
  inflated_ = Buffer();
  if (state == State::kFailed) {
    runtime::log_error(partition_->log->identity.directory +
                       ": cannot be read; its consumer groups are refused with NOT_COORDINATOR " +
                       "until the server has been started with a disk that can be read");
    return;
  }
  coordinator_.loaded(*this);
  check_growth();
}

}  // namespace duolog::groups
