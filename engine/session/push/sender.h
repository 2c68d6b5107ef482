// PushSender: turns what the subscriptions of one connection have ready into one send a turn.
//
//   plan:  begin()       the rest of a frame that was cut short
//          continue_cut()  the rest of its message
//          collect()     whole messages, cursor after cursor
//   then:  sent()        how much of it the kernel took; the cursors move
//
// A message is named by its batch and its items, and is laid out again whenever it is needed: one
// that is half sent costs no memory, only its segment's file, which stays until it is whole. Owned
// by a PushEndpoint, on the shard's thread. Limits: WsSettings::max_unsent_bytes a send,
// PushBatch::kMostTextBytes a message that has more than one record.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/session/push/plan.h"
#include "engine/session/push/replies.h"
#include "engine/session/push/shard.h"
#include "engine/session/push/subscription.h"
#include "engine/session/transport/send_list.h"
#include "engine/session/websocket/endpoint.h"

namespace duolog::session {

class RecordsMessage;

class PushSender {
 public:
  using Cursor = PushSubscription::Cursor;

  // `ready(context)`: there is something to plan; never from within a call but woken() and
  // collect().
  // `deflated`: permessage-deflate was agreed on, by EncodeScratch::kAgreement.
  PushSender(PushShard& pushes, PushReplies& replies, bool deflated, void (*ready)(void*),
             void* context)
      : pushes_(pushes),
        live_(pushes.live()),
        replies_(replies),
        ready_(ready),
        context_(context),
        format_(deflated ? PushBatch::Format::kDeflatedJson : PushBatch::Format::kJson) {}
  ~PushSender();
  PushSender(const PushSender&) = delete;
  PushSender& operator=(const PushSender&) = delete;

  // The cursor, or each of a subscription's, may have something.
  void read(Cursor& cursor);
  void read(PushSubscription& subscription);
  void woken(Cursor& cursor);
  [[nodiscard]] LeaderEpoch leader_epoch() const;

  [[nodiscard]] WsEndpoint::Plan begin(SendList& list);
  // False: there is still more of the message.
  [[nodiscard]] bool continue_cut(SendList& list);
  void collect(SendList& list);
  // Of the cut message, by begin() and by continue_cut(); once for each plan.
  [[nodiscard]] std::uint64_t begun_bytes() const { return begun_bytes_; }
  [[nodiscard]] std::uint64_t continued_bytes() const { return continued_bytes_; }
  void sent(std::uint64_t of_cut, std::uint64_t of_plan);
  [[nodiscard]] bool more() const;
  // Part of a message has been sent.
  [[nodiscard]] bool mid_message() const { return cut_ != nullptr; }
  // ... and of a frame of it.
  [[nodiscard]] bool mid_frame() const;
  // collect() has marked a subscription as doomed.
  [[nodiscard]] bool take_doomed() { return std::exchange(doomed_, false); }

  // The subscription goes: nothing more of it is planned, what is half sent is completed.
  void let_go(const PushSubscription& subscription);
  // Its partitions go: returns what is left of a message of them that is half sent. None when that
  // cannot be known: then the connection is of no further use.
  [[nodiscard]] std::optional<std::string> forget(const broker::Topic& topic, bool sending);

 private:
  // A message that the kernel took a part of.
  struct Cut : LogCursor {
    PushSender* owner = nullptr;
    PlannedPush message;
    std::uint64_t at = 0;
    std::uint64_t since_ns = 0;
    storage::SegmentPin pin;  // for half_sent_pin_ms
  };
  [[nodiscard]] Look look_up(Cursor& cursor, PushSubscription::Place& place,
                             const PushBatch*& batch);
  [[nodiscard]] RecordsMessage lay_out(const PlannedPush& message, const PushBatch& batch) const;
  void run(Cursor& cursor, std::size_t quantum, SendList& list);
  [[nodiscard]] bool plan_message(Cursor& cursor, PushSubscription::Place& place, const Look& look,
                                  const PushBatch& batch, SendList& list);
  void nothing_ready(Cursor& cursor, const Look& look);
  void pass_over(Cursor& cursor, const Look& look);
  void position_lost(Cursor& cursor);
  void unpin_if_late();
  void cut_short(const PlannedPush& message, std::uint64_t at);
  void commit(const PlannedPush& message);
  [[nodiscard]] std::optional<std::string> rest_of_cut();
  void end_cut();

  PushShard& pushes_;
  LiveShard& live_;
  PushReplies& replies_;
  void (*ready_)(void*);
  void* context_;
  IntrusiveList<Cursor, &Cursor::reading> reading_;
  std::unique_ptr<PushPlan> plan_;
  std::unique_ptr<Cut> cut_;
  std::uint64_t begun_bytes_ = 0;
  std::uint64_t continued_bytes_ = 0;
  PushBatch::Format format_;
  bool full_ = false;  // nothing more fits into this send, or this turn
  bool doomed_ = false;
};

}  // namespace duolog::session
