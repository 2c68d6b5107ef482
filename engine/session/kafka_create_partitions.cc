#include <unordered_map>

#include "engine/session/kafka_connection.h"
#include "engine/session/kafka_topics.h"
#include "net/kafka/partitions.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using TopicRequest = kafka::CreatePartitionsRequest::Topic;
using TopicResponse = kafka::CreatePartitionsResponse::Topic;

// A CreatePartitions request, and how many topics it waits for.
class CreatePartitionsJob final : public KafkaJob {
 public:
  explicit CreatePartitionsJob(ResponseSlot& slot) : slot_(slot) {}

  [[nodiscard]] Result<void> start(kafka::Reader& reader);

 private:
  void start_topic(const TopicRequest& asked, bool validate_only, TopicResponse& response);
  [[nodiscard]] bool assigns_only_to_this_broker(const TopicRequest& asked) const;
  void refuse(TopicResponse& response, ErrorCode error, std::string_view message);
  void finish();

  ResponseSlot& slot_;
  std::span<TopicResponse> topics_;  // in the slot's arena
  std::size_t count_ = 0;
  std::size_t pending_ = 1;  // changes, and one for `start` while it runs
};

Result<void> CreatePartitionsJob::start(kafka::Reader& reader) {
  kafka::CreatePartitionsRequest request;
  if (auto decoded = kafka::decode(reader, slot_.version, request); !decoded) return decoded;
  slot_.job = this;
  topics_ = slot_.arena.make<TopicResponse>(request.topics.size());
  std::unordered_map<std::string_view, std::size_t> times;
  for (const TopicRequest& asked : request.topics) ++times[asked.name];
  for (const TopicRequest& asked : request.topics) {
    std::size_t& left = times[asked.name];
    if (left == 0) continue;  // answered with its first
    TopicResponse& response = topics_[count_++];
    response.name = slot_.arena.copy(asked.name);
    if (left > 1) {
      refuse(response, ErrorCode::kInvalidRequest, "Duplicate topic in request.");
    } else {
      start_topic(asked, request.validate_only, response);
    }
    left = 0;
  }
  if (--pending_ == 0) finish();
  return {};
}

void CreatePartitionsJob::start_topic(const TopicRequest& asked, bool validate_only,
                                      TopicResponse& response) {
  KafkaConnection& connection = slot_.connection;
  if (!broker::authorize(connection.principal(), broker::Operation::kAlter, {.name = asked.name})) {
    return refuse(response, ErrorCode::kTopicAuthorizationFailed, {});
  }
  broker::NewPartitions wanted{
      .topic = std::string(asked.name), .count = asked.count, .validate_only = validate_only};
  if (!asked.assignments.is_null()) {
    if (!assigns_only_to_this_broker(asked)) {
      return refuse(response, ErrorCode::kInvalidReplicaAssignment,
                    "A partition can only be assigned to the one broker that there is.");
    }
    wanted.assignments = asked.assignments.size();
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

bool CreatePartitionsJob::assigns_only_to_this_broker(const TopicRequest& asked) const {
  for (const auto& assignment : asked.assignments) {
    if (assignment.broker_ids.size() != 1 ||
        assignment.broker_ids[0] != slot_.connection.broker().options().node_id) {
      return false;
    }
  }
  return true;
}

void CreatePartitionsJob::refuse(TopicResponse& response, ErrorCode error,
                                 std::string_view message) {
  response.error_code = error;
  if (!message.empty()) {
    response.error_message = slot_.arena.copy(message.substr(0, kafka::kMaxStringBytes));
  }
  slot_.connection.count_error(error);
}

void CreatePartitionsJob::finish() {
  slot_.connection.answer(slot_, kafka::CreatePartitionsResponse{.results = topics_.first(count_)});
}

}  // namespace

Result<void> create_partitions(ResponseSlot& slot, kafka::Reader& reader) {
  auto job = std::make_unique<CreatePartitionsJob>(slot);
  CreatePartitionsJob& started = *job;
  slot.other = std::move(job);
  return started.start(reader);
}

}  // namespace duolog::session
