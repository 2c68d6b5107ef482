#include <chrono>

#include "tests/compat/librdkafka/client.h"

namespace duolog::tests {
namespace {

// A member of the group, and the values that it has read.
struct Member {
  Client client;
  std::vector<std::string> values;

  explicit Member(const std::string& broker)
      : client(make_consumer(broker, {{"group.id", "readers"},
                                      {"heartbeat.interval.ms", "200"},
                                      {"session.timeout.ms", "10000"}})) {
    const Partitions topics(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(topics.get(), "group", RD_KAFKA_PARTITION_UA);
    check(rd_kafka_subscribe(client.get(), topics.get()), "subscribe");
  }
  void poll() {
    const Message message(rd_kafka_consumer_poll(client.get(), 20));
    if (!message) return;
    check(message->err, "poll");
    values.push_back(*record_of(*message).value);
  }
  [[nodiscard]] int partitions() const {
    rd_kafka_topic_partition_list_t* assigned = nullptr;
    check(rd_kafka_assignment(client.get(), &assigned), "assignment");
    return Partitions(assigned)->cnt;
  }
  void commit_and_leave() {
    check(rd_kafka_commit(client.get(), nullptr, 0), "commit");
    check(rd_kafka_consumer_close(client.get()), "close");
  }
};

template <class Condition>
void poll_until(std::vector<Member>& members, Condition condition, const std::string& what) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    check(std::chrono::steady_clock::now() < end, "not within 30 s: " + what);
    for (Member& member : members) member.poll();
  }
}

std::vector<std::string> values_of(const std::vector<Record>& records) {
  std::vector<std::string> values;
  for (const Record& record : records) values.push_back(*record.value);
  return values;
}

void check_group(const std::string& broker) {
  const auto left = numbered("left", 20);
  const auto right = numbered("right", 20);
  const auto later = numbered("later", 10);
  std::vector<Member> members;
  members.emplace_back(broker);
  poll_until(members, [&] { return members[0].partitions() == 2; }, "the first has both");
  members.emplace_back(broker);
  poll_until(
      members, [&] { return members[0].partitions() == 1 && members[1].partitions() == 1; },
      "each has one partition");
  produce(broker, "group", 0, left);
  produce(broker, "group", 1, right);
  poll_until(
      members, [&] { return members[0].values.size() + members[1].values.size() >= 40; },
      "both read all");
  const bool first_has_left = members[0].values == values_of(left);
  check(members[first_has_left ? 0 : 1].values == values_of(left), "not what partition 0 has");
  check(members[first_has_left ? 1 : 0].values == values_of(right), "not what partition 1 has");
  for (Member& member : members) member.commit_and_leave();
  members.clear();

  produce(broker, "group", 1, later);
  members.emplace_back(broker);
  poll_until(
      members, [&] { return members[0].values.size() >= 10; }, "the third reads what came later");
  check(members[0].values == values_of(later), "the third does not go on from the commit");
  members[0].commit_and_leave();
}

}  // namespace

void add_group_features(Features& features) { features["group"] = check_group; }

}  // namespace duolog::tests
