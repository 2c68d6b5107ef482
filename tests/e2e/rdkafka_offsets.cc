// rdkafka_offsets BROKERS GROUP TOPIC PARTITION COUNT: reads as many records from where the group
// has committed, or from the beginning; prints their offsets, and commits what was read.
//
// Without membership: the partition is assigned by hand.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/e2e/rdkafka_client.h"

namespace {

using namespace duolog::tests;

Partitions one_partition(const char* topic, std::int32_t partition, std::int64_t offset) {
  Partitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic, partition)->offset = offset;
  return list;
}

void check(rd_kafka_resp_err_t error, const std::string& what) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) give_up(what + ": " + rd_kafka_err2str(error));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) give_up("BROKERS GROUP TOPIC PARTITION COUNT");
  const char* topic = argv[3];
  const auto partition = static_cast<std::int32_t>(std::atoi(argv[4]));
  const int count = std::atoi(argv[5]);
  const Client consumer = make_client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", argv[1]},
                                                          {"group.id", argv[2]},
                                                          {"enable.auto.commit", "false"},
                                                          {"auto.offset.reset", "earliest"}});
  const Partitions wanted = one_partition(topic, partition, RD_KAFKA_OFFSET_STORED);
  check(rd_kafka_assign(consumer.get(), wanted.get()), "assign");
  std::int64_t last = -1;
  for (int i = 0; i < count; ++i) {
    const Message message(rd_kafka_consumer_poll(consumer.get(), kDeadlineMs));
    if (!message) give_up("no record came in time");
    check(message->err, "consume");
    std::printf("%lld\n", static_cast<long long>(message->offset));
    last = message->offset;
  }
  const Partitions read = one_partition(topic, partition, last + 1);
  check(rd_kafka_commit(consumer.get(), read.get(), 0), "commit");
  const Partitions committed = one_partition(topic, partition, 0);
  check(rd_kafka_committed(consumer.get(), committed.get(), kDeadlineMs), "committed");
  if (committed->elems[0].offset != last + 1) give_up("another offset than what was committed");
  return 0;
}
