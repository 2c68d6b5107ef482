// FeedSubscription: where one plain feed's reader is, in each partition that it reads.
//
// A subscription is cursors, not a queue: a reader that is behind costs the same as one that is
// not, and what it has not read lies in the log. A cursor names a batch and a byte of that batch's
// stream of frames (feed_batch.h), which can be looked up again at any time.
//
//   plan:  begin()   the rest of a frame that was cut short, if there is one
//          ...       the connection's control frames may go here
//          collect() whole frames of what is ready, partition after partition
//   then:  sent()    how much of it the kernel took; the cursors move
//
// A cursor that has caught up is a broker::Waiter of its partition, one at a cold place waits for a
// WarmUps; either calls `ready` when there is something to plan. Owned by its WsConnection, on
// the shard's thread. Cost: kBytesPerPartition a partition.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/intrusive_list.h"
#include "engine/broker/topic.h"
#include "engine/session/feed/batch.h"
#include "engine/session/live/log_cursor.h"
#include "engine/session/transport/send_list.h"
#include "net/ws/feed_target.h"

namespace duolog::session {

class FeedShard;

class FeedSubscription {
 public:
  // `partitions` stay until `stop`. Where kLatest begins is decided here. `deflated`:
  // permessage-deflate was agreed on, by EncodeScratch::kAgreement. `ready(context)` is never
  // called from within a call of this class.
  FeedSubscription(FeedShard& feeds, std::span<broker::Partition* const> partitions,
                   const ws::FeedTarget& target, bool deflated, void (*ready)(void*),
                   void* context);

  // Reads these as well, each from its start.
  void read_too(std::span<broker::Partition* const> partitions);

  enum class Status : std::uint8_t {
    kOk,
    kBlocked,       // begin(): a frame is cut, and its rest is not in memory: send nothing after it
    kPositionLost,  // an offset that the log does not have
    kDamaged,       // a batch that cannot be read; it has been logged
  };
  [[nodiscard]] Status begin(SendList& list);
  [[nodiscard]] Status collect(SendList& list);
  // Of what begin() and collect() added. Once for each plan.
  [[nodiscard]] std::size_t begun_bytes() const { return head_bytes_; }
  void sent(std::size_t of_begin, std::size_t of_collect);
  // Something may be ready that no callback will tell about.
  [[nodiscard]] bool more() const {
    return !reading_.empty() || (cut_ != nullptr && !cut_->waits());
  }

  // Lets go of everything: nothing of the partitions is touched any more. No plan may be open.
  void stop();

 private:
  struct Place {
    Position position;         // of a batch
    std::uint32_t at = 0;      // the next byte to send of its stream
    std::uint32_t frame = 0;   // where the frame begins that holds it
    Offset next{-1};           // at a message's begin: the first offset not sent; -1: not known
    std::uint64_t passed = 0;  // bytes sent from there on, not yet counted into the above
  };
  struct Cursor : LogCursor {
    FeedSubscription* owner = nullptr;
    ListHook reading;  // in reading_, or in planned_; in neither while it waits
    Offset from;       // nothing before it is sent
    Place place;
    Place planned;
    std::uint32_t planned_bytes = 0;
    std::uint32_t planned_messages = 0;
  };
  using Cursors = IntrusiveList<Cursor, &Cursor::reading>;

 public:
  static constexpr std::size_t kBytesPerPartition = sizeof(Cursor);

 private:
  [[nodiscard]] Cursor* add_cursors(std::span<broker::Partition* const> partitions);
  // Finds the batch that `place` is in, and moves it on over what has been passed or is not sent.
  [[nodiscard]] Look look_up(Cursor& cursor, Place& place, const FeedBatch*& batch);
  void count_passed(Place& place, const FeedBatch& batch);
  // The segment that `place` was in has been cleaned: goes on with what comes next.
  [[nodiscard]] static Look seek_again(Cursor& cursor, Place& place);
  [[nodiscard]] Status wait_for(Cursor& cursor, Position seen, const Look& look);
  [[nodiscard]] Status run(Cursor& cursor, std::size_t quantum, SendList& list);
  // Encoding batches has taken this turn's time.
  [[nodiscard]] bool turn_spent();
  void keep_reading(Cursor& cursor);
  void head_sent(std::size_t bytes);
  [[nodiscard]] static std::uint32_t add(const storage::Log& log, const FeedBatch& batch,
                                         const Place& place, std::uint32_t end, SendList& list,
                                         Look& missing);
  void woken(Cursor& cursor);
  static void on_visible(broker::Waiter& waiter, broker::Partition& partition);
  static void on_warm(WarmWaiter& waiter, const Result<void>& outcome);

  FeedShard& feeds_;
  LiveShard& live_;
  void (*ready_)(void*);
  void* context_;
  std::vector<std::unique_ptr<Cursor[]>> cursors_;  // those of each call that added some
  Cursors reading_;                                 // may have something to send
  Cursors planned_;                                 // in the order of the plan
  Cursor* cut_ = nullptr;  // the one whose frame may be half sent; first of all to go on
  // Of the plan: the rest of cut_'s frame, and where it ends.
  std::size_t head_bytes_ = 0;
  Place head_end_;
  std::uint32_t head_messages_ = 0;
  bool full_ = false;     // nothing more fits, or this turn has done enough
  bool severed_ = false;  // it ends within a frame: nothing may follow
  FeedBatch::Format format_;
  std::uint64_t encoded_ = 0;  // batches of the shard, when it was last looked at
};

}  // namespace duolog::session
