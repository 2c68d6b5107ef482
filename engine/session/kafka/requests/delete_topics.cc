#include <unordered_set>

#include "engine/session/kafka/requests/gathering_job.h"
#include "engine/session/kafka/requests/handlers.h"
#include "net/kafka/topics.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using DeletedTopic = kafka::DeleteTopicsResponse::Topic;

constexpr std::int16_t kFirstDeleteWithTopicIds = 6;  // KIP-516

class DeleteTopicsJob final : public GatheringJob {
 public:
  using Request = kafka::DeleteTopicsRequest;
  using GatheringJob::GatheringJob;

  void start(const Request& request);

 private:
  void start_topic(kafka::NullableString name, const Uuid& id, DeletedTopic& response);
  void finish() override;

  std::span<DeletedTopic> topics_;  // in the slot's arena
  std::unordered_set<Uuid> asked_;
};

void DeleteTopicsJob::start(const Request& request) {
  const bool with_ids = slot_.version >= kFirstDeleteWithTopicIds;
  topics_ =
      slot_.arena.make<DeletedTopic>(with_ids ? request.topics.size() : request.topic_names.size());
  for (std::size_t i = 0; i < topics_.size(); ++i) {
    if (with_ids) {
      start_topic(request.topics[i].name, request.topics[i].topic_id, topics_[i]);
    } else {
      start_topic(request.topic_names[i], {}, topics_[i]);
    }
  }
}

void DeleteTopicsJob::start_topic(kafka::NullableString name, const Uuid& id,
                                  DeletedTopic& response) {
  KafkaConnection& connection = slot_.connection;
  response.topic_id = id;
  response.name = std::nullopt;
  if (name) response.name = slot_.arena.copy(*name);
  if (name.has_value() != id.is_zero()) {
    return refuse(response, ErrorCode::kInvalidRequest,
                  "A topic is named by its name or by its id: one of them.");
  }
  broker::Topic* topic = name ? connection.broker().find(*name) : connection.broker().find(id);
  if (topic == nullptr) {
    return refuse(response,
                  name ? ErrorCode::kUnknownTopicOrPartition : ErrorCode::kUnknownTopicId);
  }
  response.name = slot_.arena.copy(topic->name);
  response.topic_id = topic->id;
  if (!connection.may(slot_, topic->name)) {
    return refuse(response, ErrorCode::kTopicAuthorizationFailed);
  }
  if (!asked_.insert(topic->id).second) {
    return refuse(response, ErrorCode::kInvalidRequest, "Duplicate topic.");
  }
  connection.broker().delete_topic(topic->id,
                                   then([this, &response](const broker::TopicOutcome& outcome) {
                                     refuse(response, outcome.error, outcome.message);
                                   }),
                                   connection.who(slot_));
}

void DeleteTopicsJob::finish() {
  slot_.connection.answer(slot_, kafka::DeleteTopicsResponse{.responses = topics_});
}

}  // namespace

Result<void> delete_topics(ResponseSlot& slot, kafka::Reader& reader) {
  return start_job<DeleteTopicsJob>(slot, reader);
}

}  // namespace duolog::session
