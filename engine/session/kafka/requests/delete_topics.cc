#include <unordered_map>

#include "engine/session/kafka/connection.h"
#include "engine/session/kafka/requests/topics.h"
#include "net/kafka/topics.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using TopicResponse = kafka::DeleteTopicsResponse::Topic;

constexpr std::int16_t kFirstVersionWithTopicIds = 6;  // KIP-516

// A DeleteTopics request, and how many topics it waits for.
class DeleteTopicsJob final : public KafkaJob {
 public:
  explicit DeleteTopicsJob(ResponseSlot& slot) : slot_(slot) {}

  [[nodiscard]] Result<void> start(kafka::Reader& reader);

 private:
  void start_topic(kafka::NullableString name, const Uuid& id, TopicResponse& response);
  void refuse(TopicResponse& response, ErrorCode error, std::string_view message);
  void finish();

  ResponseSlot& slot_;
  std::span<TopicResponse> topics_;  // in the slot's arena
  std::unordered_map<Uuid, TopicResponse*> asked_;
  std::size_t pending_ = 1;  // deletions, and one for `start` while it runs
};

Result<void> DeleteTopicsJob::start(kafka::Reader& reader) {
  kafka::DeleteTopicsRequest request;
  if (auto decoded = kafka::decode(reader, slot_.version, request); !decoded) return decoded;
  slot_.job = this;
  const bool with_ids = slot_.version >= kFirstVersionWithTopicIds;
  topics_ = slot_.arena.make<TopicResponse>(with_ids ? request.topics.size()
                                                     : request.topic_names.size());
  for (std::size_t i = 0; i < topics_.size(); ++i) {
    if (with_ids) {
      start_topic(request.topics[i].name, request.topics[i].topic_id, topics_[i]);
    } else {
      start_topic(request.topic_names[i], {}, topics_[i]);
    }
  }
  if (--pending_ == 0) finish();
  return {};
}

void DeleteTopicsJob::start_topic(kafka::NullableString name, const Uuid& id,
                                  TopicResponse& response) {
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
    return refuse(response, name ? ErrorCode::kUnknownTopicOrPartition : ErrorCode::kUnknownTopicId,
                  {});
  }
  response.name = slot_.arena.copy(topic->name);
  response.topic_id = topic->id;
  if (!broker::authorize(connection.principal(), broker::Operation::kDelete,
                         {.name = topic->name})) {
    return refuse(response, ErrorCode::kTopicAuthorizationFailed, {});
  }
  if (!asked_.try_emplace(topic->id, &response).second) {
    return refuse(response, ErrorCode::kInvalidRequest, "Duplicate topic.");
  }
  ++pending_;
  connection.begin_flight();
  connection.broker().delete_topic(
      topic->id, [this, &response, &connection,
                  generation = slot_.generation](const broker::TopicOutcome& outcome) {
        if (connection.wanted(slot_, generation)) {
          if (outcome.error != ErrorCode::kNone) refuse(response, outcome.error, outcome.message);
          if (--pending_ == 0) finish();
        }
        connection.end_flight();
      });
}

void DeleteTopicsJob::refuse(TopicResponse& response, ErrorCode error, std::string_view message) {
  response.error_code = error;
  if (!message.empty()) {
    response.error_message = slot_.arena.copy(message);
  }
  slot_.connection.count_error(error);
}

void DeleteTopicsJob::finish() {
  slot_.connection.answer(slot_, kafka::DeleteTopicsResponse{.responses = topics_});
}

}  // namespace

Result<void> delete_topics(ResponseSlot& slot, kafka::Reader& reader) {
  return start_job<DeleteTopicsJob>(slot, reader);
}

}  // namespace duolog::session
