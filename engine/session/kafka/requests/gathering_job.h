// GatheringJob: a request whose answer is gathered from others: from shard 0, from every shard,
// from the coordinators of groups. The last of them completes it.
//
//   start_job --> start(request) --- then(take) ---> whoever carries out a part
//                      |                                |  on the connection's shard again:
//                      |                                |  take(outcome)
//                      '------------> one_done <--------'
//                                        |  the last
//                                     finish()
//
// An API's job is what differs: its `Request`, `void start(const Request&)`, which checks each item
// and has the good ones carried out, and `finish()`, which answers the slot. It lives in the slot.
// The shard's thread. What start() does not copy of the request into the slot's arena is gone when
// it returns.
//
// What a part holds is the connection, and with it the slot and this job: until its `then` is
// called, which comes whatever happens meanwhile. A client that is silent or gone, a topic that is
// deleted: the part is carried out or refused, by whoever does. Once the connection is closing, the
// outcome is not taken and the slot not answered; the last `then` lets go of the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "engine/session/kafka/connection.h"

namespace duolog::session {

class GatheringJob : public KafkaJob {
 public:
  explicit GatheringJob(ResponseSlot& slot) : slot_(slot) {}

  // A part has been done, or start() has.
  void one_done() {
    if (--pending_ == 0) finish();
  }

 protected:
  virtual void finish() = 0;

  // One more part has been started, which one_done() ends.
  void one_more() { ++pending_; }

  // What to call when a part that is begun now has come to its end, on this shard: take(outcome...)
  // unless the answer is no longer wanted, and the part is done.
  template <class Take>
  [[nodiscard]] auto then(Take take) {
    one_more();
    slot_.connection.begin_flight();
    return [this, &slot = slot_, generation = slot_.generation,
            take = std::move(take)](auto&&... outcome) mutable {
      KafkaConnection& connection = slot.connection;
      if (connection.wanted(slot, generation)) {
        take(std::forward<decltype(outcome)>(outcome)...);
        one_done();
      }
      connection.end_flight();
    };
  }

  // Answers a part of the response with an error.
  template <class Part>
  void refuse(Part& part, kafka::ErrorCode error, std::string_view message = {}) {
    part.error_code = error;
    if constexpr (requires { part.error_message; }) {
      if (!message.empty()) part.error_message = slot_.arena.copy(message);
    }
    slot_.connection.count_error(error);
  }

  ResponseSlot& slot_;

 private:
  std::size_t pending_ = 1;  // parts, and one for start() while it runs
};

// Serves the slot's request by a job that stays in it.
template <class Job>
void start_job(ResponseSlot& slot, const typename Job::Request& request) {
  auto made = std::make_unique<Job>(slot);
  Job& job = *made;
  slot.other = std::move(made);
  slot.job = &job;
  job.start(request);
  job.one_done();
}

// The same, from its bytes. An error: they are no such request.
template <class Job>
[[nodiscard]] Result<void> start_job(ResponseSlot& slot, kafka::Reader& reader) {
  typename Job::Request request;
  if (auto decoded = kafka::decode(reader, slot.version, request); !decoded) return decoded;
  start_job<Job>(slot, request);
  return {};
}

}  // namespace duolog::session
