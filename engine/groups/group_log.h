// GroupLog: one partition of `__consumer_offsets`, at the coordinator of its groups.
//
//   loading: what the log says, from its start to its end, becomes the groups; then it is ready,
//   and what the groups store is appended.
//
// The log is not compacted. When it has grown far beyond what its groups are (GroupSettings), it is
// rewritten: the groups are written once more, group by group, at the end, and once that is
// flushed, whatever the topic's durability, the log's start moves behind everything older. A crash
// in between leaves both, which read the same.
//
// Owned by the shard's coordinator; its thread. Nothing here blocks: a turn reads or writes so many
// bytes, and comes back in the next one.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/buffer.h"
#include "engine/broker/append.h"
#include "engine/broker/topic.h"
#include "engine/groups/group.h"
#include "engine/groups/group_batch.h"
#include "net/kafka/errors.h"
#include "storage/log_reader.h"

namespace duolog::groups {

class GroupCoordinator;

class GroupLog {
 public:
  // Begins to load, unless the log is empty.
  GroupLog(GroupCoordinator& coordinator, broker::Partition& partition);
  ~GroupLog();
  GroupLog(const GroupLog&) = delete;
  GroupLog& operator=(const GroupLog&) = delete;

  enum class State : std::uint8_t {
    kLoading,
    kReady,
    kOffline,  // it could not be recovered at start: COORDINATOR_NOT_AVAILABLE until one can
    kFailed,   // it cannot be read: the operator knows, its groups are refused
    kGone,     // its topic is deleted, or the server stops; kept for what is under way
  };
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] PartitionId id() const { return id_; }
  [[nodiscard]] std::size_t max_batch_bytes() const;
  // Nothing of the partition may be touched any more.
  void leave() { state_ = State::kGone; }
  // Nothing is under way.
  [[nodiscard]] bool idle() const { return under_way_ == 0; }

  // Appends what the batch holds, which is of this group, and calls `done` once it is durable; with
  // an error, and perhaps within this call, if it cannot be.
  using Stored = std::move_only_function<void(kafka::ErrorCode)>;
  void store(Group& group, std::unique_ptr<GroupBatch> batch, Stored done);

  // Whether this group may store something now: COORDINATOR_LOAD_IN_PROGRESS while a rewrite waits
  // for what the group has under way.
  [[nodiscard]] kafka::ErrorCode check_store(const Group& group) const;
  // Looks whether the log has grown too much; begins to rewrite it then.
  void check_growth();

 private:
  struct Store;
  void append(std::optional<std::string> group, std::unique_ptr<GroupBatch> batch,
              broker::Acks acks, Stored done);
  static void on_appended(broker::AppendRequest& request);

  // Loading (group_log_load.cc).
  void later(void (GroupLog::*step)());
  void load_some();
  [[nodiscard]] bool find_start();
  void read_more(const storage::BatchRead& batch);
  void read_records(const storage::BatchHeader& header, Bytes records);
  void read_record(const storage::Record& record);
  void warm_up(const storage::Cold& cold);
  void loaded(State state);
  void warn_of_bad(std::int64_t offset, const std::string& what);

  // Rewriting (group_log_rewrite.cc).
  [[nodiscard]] std::uint64_t live_bytes() const;
  void rewrite_some();
  [[nodiscard]] bool copy(Group& group);
  void flush_copy();
  void copied(kafka::ErrorCode error);
  void end_rewrite();

  GroupCoordinator& coordinator_;
  broker::Partition* partition_;
  const PartitionId id_;
  State state_ = State::kLoading;
  std::size_t under_way_ = 0;  // steps, warm-ups, appends

  bool start_found_ = false;
  Position start_;  // of the log's first record
  Position next_;   // to be read
  std::uint16_t times_cold_ = 0;
  Buffer scratch_;  // a batch that is not contiguous in memory
  Buffer inflated_;

  bool rewriting_ = false;
  bool rewrite_failed_ = false;
  Offset copy_start_;  // where the copy begins
  Position copy_position_;
  Position checked_;                 // growth, at this end of the log
  std::deque<std::string> to_copy_;  // groups
  std::unique_ptr<GroupBatch> copy_;
  std::size_t copies_ = 0;  // batches of it that are not durable yet
};

}  // namespace duolog::groups
