// PushProducer: writes records to one topic by the push protocol, and counts what was acked.
//
// Records are gathered into publishes of up to kBatchBytes; at most kMaxInFlightBytes of them wait
// for their acks. A lost connection is not made again: what has no answer then may have been
// written or not, and is counted as failed. Owned by the command; used on one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tools/duolog/client/line_record.h"
#include "tools/duolog/client/push_client.h"

namespace duolog::tools {

class PushProducer {
 public:
  static constexpr std::size_t kBatchBytes = 128U << 10;
  static constexpr std::size_t kBatchRecords = 1'000;
  static constexpr std::size_t kMaxInFlightBytes = 1U << 20;

  enum class Ack : std::uint8_t { kNone, kAppended, kDurable };
  struct Target {
    std::string topic;
    Ack ack = Ack::kDurable;
    int partition = -1;  // -1: chosen by the key
    HeaderList headers;  // of every record
  };
  [[nodiscard]] static Result<std::unique_ptr<PushProducer>> start(const PushOptions& options,
                                                                   Target target);

  // Each of these stops at the first failure, which outcome() has too.
  void add(const LineRecord& record);
  // Sends what was added.
  void flush();
  // Takes the replies that have come, waiting up to `timeout_ms` for the first.
  void poll(int timeout_ms);
  // Waits for every answer, and for the end of the connection.
  void finish();

  struct Outcome {
    std::uint64_t written = 0;  // acked; with Ack::kNone: sent
    std::uint64_t failed = 0;
    Error first_error;
  };
  [[nodiscard]] const Outcome& outcome() const { return outcome_; }
  [[nodiscard]] int descriptor() const { return client_->descriptor(); }

 private:
  struct InFlight {
    std::uint64_t records = 0;
    std::size_t bytes = 0;
  };

  PushProducer(const PushOptions& options, Target target)
      : options_(options), target_(std::move(target)) {}
  void fail_with(std::uint64_t records, Error error);
  void lost(const Error& error);
  void take(PushClient::Object object);
  void settle(PushClient::Object published, std::uint64_t id);
  // Waits until at most `bytes` are in flight.
  void wait_for(std::size_t bytes);

  PushOptions options_;
  Target target_;
  std::unique_ptr<PushClient> client_;
  std::string batch_;  // JSON objects, with commas
  std::uint64_t batch_records_ = 0;
  std::map<std::uint64_t, InFlight> in_flight_;  // by the id of the publish
  std::size_t in_flight_bytes_ = 0;
  Outcome outcome_;
};

}  // namespace duolog::tools
