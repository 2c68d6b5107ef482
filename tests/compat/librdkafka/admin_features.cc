#include <chrono>
#include <span>

#include "tests/compat/librdkafka/client.h"

namespace duolog::tests {
namespace {

using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;
using Config = std::unique_ptr<rd_kafka_ConfigResource_t, Destroy<rd_kafka_ConfigResource_destroy>>;

// An administrator that asks one thing at a time.
class Admin {
 public:
  explicit Admin(const std::string& broker)
      : client_(make_client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", broker}})),
        queue_(rd_kafka_queue_new(client_.get())) {}

  [[nodiscard]] rd_kafka_t* client() const { return client_.get(); }
  [[nodiscard]] rd_kafka_queue_t* queue() const { return queue_.get(); }
  // The answer to what was asked last.
  [[nodiscard]] Event answer(const std::string& what) const {
    Event event(rd_kafka_queue_poll(queue_.get(), 20'000));
    check(event != nullptr, what + ": no answer");
    check(rd_kafka_event_error(event.get()), what);
    return event;
  }

 private:
  Client client_;
  Queue queue_;
};

void check_topics(const rd_kafka_topic_result_t** results, std::size_t count,
                  const std::string& what) {
  for (const auto* result : std::span(results, count)) {
    check(rd_kafka_topic_result_error(result), what);
  }
}

constexpr int kNoTopic = -1;

// How many partitions a topic has.
int partitions_of(const Admin& admin, const std::string& topic) {
  const rd_kafka_metadata_t* metadata = nullptr;
  check(rd_kafka_metadata(admin.client(), 1, nullptr, &metadata, 20'000), "metadata");
  int count = kNoTopic;
  for (const auto& found :
       std::span(metadata->topics, static_cast<std::size_t>(metadata->topic_cnt))) {
    if (found.topic == topic) count = found.partition_cnt;
  }
  rd_kafka_metadata_destroy(metadata);
  return count;
}

// Metadata may be behind what has just been done.
void await_partitions(const Admin& admin, const std::string& topic, int count) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (partitions_of(admin, topic) != count) {
    check(std::chrono::steady_clock::now() < end,
          topic + " has not " + std::to_string(count) + " partitions");
  }
}

void topics(const std::string& broker) {
  const Admin admin(broker);
  rd_kafka_NewTopic_t* made = rd_kafka_NewTopic_new("made", 3, 1, nullptr, 0);
  std::size_t count = 0;
  rd_kafka_CreateTopics(admin.client(), &made, 1, nullptr, admin.queue());
  rd_kafka_NewTopic_destroy(made);
  const Event created = admin.answer("create");
  check_topics(rd_kafka_CreateTopics_result_topics(
                   rd_kafka_event_CreateTopics_result(created.get()), &count),
               1, "create");
  await_partitions(admin, "made", 3);
  rd_kafka_DeleteTopic_t* gone = rd_kafka_DeleteTopic_new("made");
  rd_kafka_DeleteTopics(admin.client(), &gone, 1, nullptr, admin.queue());
  rd_kafka_DeleteTopic_destroy(gone);
  const Event deleted = admin.answer("delete");
  check_topics(rd_kafka_DeleteTopics_result_topics(
                   rd_kafka_event_DeleteTopics_result(deleted.get()), &count),
               1, "delete");
  await_partitions(admin, "made", kNoTopic);
}

void partitions(const std::string& broker) {
  const Admin admin(broker);
  rd_kafka_NewPartitions_t* more = rd_kafka_NewPartitions_new("partitions", 5, nullptr, 0);
  std::size_t count = 0;
  rd_kafka_CreatePartitions(admin.client(), &more, 1, nullptr, admin.queue());
  rd_kafka_NewPartitions_destroy(more);
  const Event created = admin.answer("create partitions");
  check_topics(rd_kafka_CreatePartitions_result_topics(
                   rd_kafka_event_CreatePartitions_result(created.get()), &count),
               1, "create");
  await_partitions(admin, "partitions", 5);
}

void delete_records(const std::string& broker) {
  const auto records = numbered("v", 10);
  produce(broker, "delete-records", 0, records);
  const Admin admin(broker);
  const Partitions before(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(before.get(), "delete-records", 0)->offset = 6;
  rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(before.get());
  rd_kafka_DeleteRecords(admin.client(), &request, 1, nullptr, admin.queue());
  rd_kafka_DeleteRecords_destroy(request);
  const Event answer = admin.answer("delete records");
  const auto* offsets =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(answer.get()));
  check(offsets->elems[0].err, "delete records");
  check(offsets->elems[0].offset == 6, "another start of the log");
  check(consume(broker, "delete-records", 0, RD_KAFKA_OFFSET_BEGINNING, 4) ==
            std::vector<Record>(records.begin() + 6, records.end()),
        "other records are left");
}

std::string retention(const Admin& admin) {
  const Config topic(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, "configs"));
  rd_kafka_ConfigResource_t* asked = topic.get();
  std::size_t count = 0;
  rd_kafka_DescribeConfigs(admin.client(), &asked, 1, nullptr, admin.queue());
  const Event answer = admin.answer("describe configs");
  const auto** resources = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(answer.get()), &count);
  check(rd_kafka_ConfigResource_error(resources[0]), "describe configs");
  const auto** entries = rd_kafka_ConfigResource_configs(resources[0], &count);
  for (const auto* entry : std::span(entries, count)) {
    if (rd_kafka_ConfigEntry_name(entry) == std::string("retention.ms")) {
      return rd_kafka_ConfigEntry_value(entry);
    }
  }
  return "";
}

void configs(const std::string& broker) {
  const Admin admin(broker);
  check(retention(admin) == "604800000", "another default: " + retention(admin));
  const Config topic(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, "configs"));
  check(rd_kafka_ConfigResource_set_config(topic.get(), "retention.ms", "3600000"), "set");
  rd_kafka_ConfigResource_t* altered = topic.get();
  std::size_t count = 0;
  rd_kafka_AlterConfigs(admin.client(), &altered, 1, nullptr, admin.queue());
  const Event answer = admin.answer("alter configs");
  const auto** resources = rd_kafka_AlterConfigs_result_resources(
      rd_kafka_event_AlterConfigs_result(answer.get()), &count);
  check(rd_kafka_ConfigResource_error(resources[0]), "alter configs");
  check(retention(admin) == "3600000", "not changed: " + retention(admin));
}

void groups(const std::string& broker) {
  produce(broker, "groups", 0, numbered("v", 10));
  const Client consumer = make_consumer(broker, {{"group.id", "listed"}});
  const Partitions topic(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topic.get(), "groups", RD_KAFKA_PARTITION_UA);
  check(rd_kafka_subscribe(consumer.get(), topic.get()), "subscribe");
  const Message message(rd_kafka_consumer_poll(consumer.get(), 30'000));
  check(message != nullptr, "the group reads nothing");
  check(message->err, "poll");
  check(rd_kafka_commit(consumer.get(), nullptr, 0), "commit");

  const Admin admin(broker);
  rd_kafka_ListConsumerGroups(admin.client(), nullptr, admin.queue());
  const Event listed = admin.answer("list groups");
  std::size_t count = 0;
  bool found = false;
  const auto** groups = rd_kafka_ListConsumerGroups_result_valid(
      rd_kafka_event_ListConsumerGroups_result(listed.get()), &count);
  for (const auto* group : std::span(groups, count)) {
    found = found || rd_kafka_ConsumerGroupListing_group_id(group) == std::string("listed");
  }
  check(found, "the group is not listed");
  const char* name = "listed";
  rd_kafka_DescribeConsumerGroups(admin.client(), &name, 1, nullptr, admin.queue());
  const Event described = admin.answer("describe groups");
  const auto* group = rd_kafka_DescribeConsumerGroups_result_groups(
      rd_kafka_event_DescribeConsumerGroups_result(described.get()), &count)[0];
  check(rd_kafka_ConsumerGroupDescription_state(group) == RD_KAFKA_CONSUMER_GROUP_STATE_STABLE &&
            rd_kafka_ConsumerGroupDescription_member_count(group) == 1,
        "not a stable group of one");
  check(rd_kafka_consumer_close(consumer.get()), "close");
}

}  // namespace

void add_admin_features(Features& features) {
  features["topics"] = topics;
  features["partitions"] = partitions;
  features["delete-records"] = delete_records;
  features["configs"] = configs;
  features["groups"] = groups;
}

}  // namespace duolog::tests
