// FetchJob: one Fetch request, from the look at its partitions to the answer.
//
//   look at every partition ----> enough, or an error ----> answer
//        ^     ^       |  nothing, or less than min_bytes
//        |     |       +--> a Waiter on each partition, one timer   (costs nothing meanwhile)
//        |     |                 | a partition has more: look at that one again
//        |     +-----------------+
//        +-- warmed up ------ cold
//
// Only ranges of logs are noted; their bytes are looked up when they are sent. Which partitions are
// meant, and which of them the answer mentions, is the FetchSession's where there is one. Lives in
// a response slot. The shard's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "engine/broker/waiters.h"
#include "engine/runtime/timers.h"
#include "engine/session/kafka/fetch_sessions.h"
#include "engine/session/kafka/slot.h"
#include "net/kafka/fetch.h"
#include "net/kafka/reader.h"
#include "storage/log_reader.h"

namespace duolog::session {

inline constexpr std::int16_t kFirstFetchWithTopicIds = 13;  // KIP-516

class FetchJob final : public KafkaJob {
 public:
  explicit FetchJob(ResponseSlot& slot) : slot_(slot) {}
  ~FetchJob() override;

  // Decodes the request and answers it if it need not wait. An error: it is no Fetch request.
  [[nodiscard]] Result<void> start(kafka::Reader& reader);

  // The connection's, at the end of a turn in which something this job waits for has happened.
  void run();

  void topic_gone(broker::Topic& topic) override;
  void hurry() override;
  void abandon() override;

 private:
  using PartitionResponse = kafka::FetchResponse::Topic::Partition;

  struct Named {
    std::string_view topic;
    Uuid topic_id;
    FetchSession::Said said;  // when the request came
  };
  // One partition that is read. Its waiter is called when there is more than was seen.
  struct Part : broker::Waiter {
    FetchJob* job = nullptr;
    broker::Topic* topic = nullptr;
    broker::Partition* partition = nullptr;  // null: it has an error
    PartitionResponse* response = nullptr;
    Offset offset;
    std::uint64_t max_bytes = 0;
    bool located = false;  // `at` is the batch that holds `offset`
    bool changed = false;  // look at it again
    bool warming = false;
    bool more = false;  // what there is does not end with what was found
    std::uint16_t times_cold = 0;
    Position at;
    Position to;
    Position seen;
    [[nodiscard]] std::uint64_t size_bytes() const { return to - at; }
  };

  void prepare(const kafka::FetchRequest& request);
  void prepare(const FetchSession& session);
  void begin_parts(std::size_t count);
  void prepare_part(broker::Topic* topic, const kafka::FetchRequest::Topic::Partition& asked,
                    PartitionResponse& response);
  [[nodiscard]] bool check_epochs(const kafka::FetchRequest::Topic::Partition& asked, Part& part);
  void set_error(Part& part, kafka::ErrorCode error);

  // One look at what may have changed. True: there is an answer.
  [[nodiscard]] bool look();
  void look_at(Part& part, std::uint64_t limit_bytes, bool first_whole);
  [[nodiscard]] bool locate(Part& part);
  void warm_up(Part& part, const storage::Cold& cold);
  // True: every partition is waited for. False: one has more already.
  [[nodiscard]] bool wait();
  void stop_waiting();
  void wake();
  void advance();
  void answer();
  void fill_responses();
  void leave_out_what_is_known();
  [[nodiscard]] bool says_something(FetchSession* session, std::size_t i);

  static void on_ready(broker::Waiter& waiter, broker::Partition& partition);
  static void on_expired(runtime::Timer& timer, void* context);

  ResponseSlot& slot_;
  kafka::FetchResponse response_;           // its arrays are in the slot's arena
  std::span<PartitionResponse> responses_;  // of all partitions, in order
  std::span<Named> names_;                  // their topics, of an incremental request
  std::int32_t session_epoch_ = 0;          // of the next request in the session, if there is one
  std::int8_t isolation_level_ = 0;
  std::uint64_t min_bytes_ = 0;
  std::uint64_t max_bytes_ = 0;
  std::uint64_t total_bytes_ = 0;
  bool any_error_ = false;
  bool expired_ = false;
  bool parked_ = false;
  bool woken_ = false;
  runtime::Timer timer_{on_expired, this};
  std::unique_ptr<Part[]> parts_;
  std::size_t count_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace duolog::session
