#include <string>
#include <string_view>

#include "engine/session/kafka/requests/distinct.h"
#include "engine/session/kafka/requests/gathering_job.h"
#include "engine/session/kafka/requests/handlers.h"
#include "net/kafka/partitions.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using GrowingTopic = kafka::CreatePartitionsRequest::Topic;
using GrownTopic = kafka::CreatePartitionsResponse::Topic;

// What is wrong with where the client wants the new partitions to be; nothing if it is all right.
std::string assignment_error(const GrowingTopic& asked, std::int32_t node) {
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

class CreatePartitionsJob final : public GatheringJob {
 public:
  using Request = kafka::CreatePartitionsRequest;
  using GatheringJob::GatheringJob;

  void start(const Request& request);

 private:
  void start_topic(const GrowingTopic& asked, GrownTopic& response);
  void finish() override;

  bool validate_only_ = false;
  std::span<GrownTopic> topics_;  // in the slot's arena
  std::size_t count_ = 0;
};

void CreatePartitionsJob::start(const Request& request) {
  validate_only_ = request.validate_only;
  topics_ = slot_.arena.make<GrownTopic>(request.topics.size());
  for_each_distinct(
      request.topics, &GrowingTopic::name, [&](const GrowingTopic& asked, bool again) {
        GrownTopic& response = topics_[count_++];
        response.name = slot_.arena.copy(asked.name);
        if (again) return refuse(response, ErrorCode::kInvalidRequest, "Duplicate topic name.");
        start_topic(asked, response);
      });
}

void CreatePartitionsJob::start_topic(const GrowingTopic& asked, GrownTopic& response) {
  KafkaConnection& connection = slot_.connection;
  if (!connection.may(slot_, asked.name)) {
    return refuse(response, ErrorCode::kTopicAuthorizationFailed);
  }
  broker::NewPartitions wanted{.topic = std::string(asked.name),
                               .count = asked.count,
                               .validate_only = validate_only_,
                               .by = connection.who(slot_)};
  if (!asked.assignments.is_null()) {
    wanted.assignments = asked.assignments.size();
    wanted.assignment_error = assignment_error(asked, connection.broker().options().node_id);
  }
  connection.broker().add_partitions(std::move(wanted),
                                     then([this, &response](const broker::TopicOutcome& outcome) {
                                       refuse(response, outcome.error, outcome.message);
                                     }));
}

void CreatePartitionsJob::finish() {
  slot_.connection.answer(slot_, kafka::CreatePartitionsResponse{.results = topics_.first(count_)});
}

}  // namespace

Result<void> create_partitions(ResponseSlot& slot, kafka::Reader& reader) {
  return start_job<CreatePartitionsJob>(slot, reader);
}

}  // namespace duolog::session
