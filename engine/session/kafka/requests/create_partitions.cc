#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/session/kafka/connection.h"
#include "engine/session/kafka/requests/topics.h"
#include "net/kafka/partitions.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using TopicRequest = kafka::CreatePartitionsRequest::Topic;
using TopicResponse = kafka::CreatePartitionsResponse::Topic;

// What is wrong with where the client wants the new partitions to be; nothing if it is all right.
std::string assignment_error(const TopicRequest& asked, std::int32_t node) {
  for (const auto& assignment : asked.assignments) {
    std::size_t here = 0;
    for (const std::int32_t id : assignment.broker_ids) {
      if (id != node) {
        return "The manual partition assignment includes broker " + std::to_string(id) +
               ", but no such broker is registered.";
      }
      ++here;
    }
    if (here == 0) return "The manual partition assignment includes an empty replica list.";
    if (here > 1) {
      return "The manual partition assignment includes the broker " + std::to_string(node) +
             " more than once.";
    }
  }
  return {};
}

// A CreatePartitions request, and how many topics it waits for.
class CreatePartitionsJob final : public KafkaJob {
 public:
  explicit CreatePartitionsJob(ResponseSlot& slot) : slot_(slot) {}

  [[nodiscard]] Result<void> start(kafka::Reader& reader);

 private:
  void start_topic(const TopicRequest& asked, TopicResponse& response);
  void refuse(TopicResponse& response, ErrorCode error, std::string_view message);
  void finish();

  ResponseSlot& slot_;
  bool validate_only_ = false;
  std::span<TopicResponse> topics_;  // in the slot's arena
  std::size_t count_ = 0;
  std::size_t pending_ = 1;  // topics, and one for `start` while it runs
};

Result<void> CreatePartitionsJob::start(kafka::Reader& reader) {
  kafka::CreatePartitionsRequest request;
  if (auto decoded = kafka::decode(reader, slot_.version, request); !decoded) return decoded;
  slot_.job = this;
  validate_only_ = request.validate_only;
  topics_ = slot_.arena.make<TopicResponse>(request.topics.size());
  std::unordered_map<std::string_view, std::size_t> times;
  for (const TopicRequest& asked : request.topics) ++times[asked.name];
  for (const TopicRequest& asked : request.topics) {
    std::size_t& left = times[asked.name];
    if (left == 0) continue;  // answered with its first
    TopicResponse& response = topics_[count_++];
    response.name = slot_.arena.copy(asked.name);
    if (left > 1) {
      refuse(response, ErrorCode::kInvalidRequest, "Duplicate topic name.");
    } else {
      start_topic(asked, response);
    }
    left = 0;
  }
  if (--pending_ == 0) finish();
  return {};
}

void CreatePartitionsJob::start_topic(const TopicRequest& asked, TopicResponse& response) {
  KafkaConnection& connection = slot_.connection;
  if (!broker::authorize(connection.principal(), broker::Operation::kAlter, {.name = asked.name})) {
    return refuse(response, ErrorCode::kTopicAuthorizationFailed, {});
  }
  broker::NewPartitions wanted{
      .topic = std::string(asked.name), .count = asked.count, .validate_only = validate_only_};
  if (!asked.assignments.is_null()) {
    wanted.assignments = asked.assignments.size();
    wanted.assignment_error = assignment_error(asked, connection.broker().options().node_id);
  }
  ++pending_;
  connection.begin_flight();
  connection.broker().add_partitions(
      std::move(wanted), [this, &response, &connection,
                          generation = slot_.generation](const broker::TopicOutcome& outcome) {
        if (connection.wanted(slot_, generation)) {
          if (outcome.error != ErrorCode::kNone) refuse(response, outcome.error, outcome.message);
          if (--pending_ == 0) finish();
        }
        connection.end_flight();
      });
}

void CreatePartitionsJob::refuse(TopicResponse& response, ErrorCode error,
                                 std::string_view message) {
  response.error_code = error;
  if (!message.empty()) {
    response.error_message = slot_.arena.copy(message);
  }
  slot_.connection.count_error(error);
}

void CreatePartitionsJob::finish() {
  slot_.connection.answer(slot_, kafka::CreatePartitionsResponse{.results = topics_.first(count_)});
}

}  // namespace

Result<void> create_partitions(ResponseSlot& slot, kafka::Reader& reader) {
  return start_job<CreatePartitionsJob>(slot, reader);
}

}  // namespace duolog::session
