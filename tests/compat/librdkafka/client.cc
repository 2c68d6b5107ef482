#include "tests/compat/librdkafka/client.h"

namespace duolog::tests {
namespace {

struct Delivered {
  std::vector<std::int64_t> offsets;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
};

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto& delivered = *static_cast<Delivered*>(opaque);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) delivered.error = message->err;
  delivered.offsets.push_back(message->offset);
}

void send(rd_kafka_t* client, const std::string& topic, std::int32_t partition,
          const Record& record) {
  Headers headers(rd_kafka_headers_new(record.headers.size()));
  const auto bytes = [](const Text& text) {
    return text ? const_cast<char*>(text->data()) : nullptr;
  };
  const auto size = [](const Text& text) { return text ? text->size() : 0; };
  for (const auto& [name, value] : record.headers) {
    rd_kafka_header_add(headers.get(), name.c_str(), -1, bytes(value),
                        static_cast<ssize_t>(size(value)));
  }
  check(rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_KEY(bytes(record.key), size(record.key)),
                          RD_KAFKA_V_VALUE(bytes(record.value), size(record.value)),
                          RD_KAFKA_V_TIMESTAMP(record.timestamp_ms),
                          RD_KAFKA_V_HEADERS(headers.get()), RD_KAFKA_V_END),
        "send");
  (void)headers.release();  // the client's now
}

}  // namespace

std::vector<Record> numbered(const std::string& name, int count) {
  std::vector<Record> records;
  for (int number = 0; number < count; ++number) {
    records.push_back({.key = std::nullopt, .value = name + "-" + std::to_string(number)});
  }
  return records;
}

std::vector<std::int64_t> produce(const std::string& broker, const std::string& topic,
                                  std::int32_t partition, const std::vector<Record>& records,
                                  const Settings& more) {
  Settings settings = {
      {"bootstrap.servers", broker}, {"acks", "all"}, {"message.max.bytes", "10000000"}};
  settings.insert(settings.end(), more.begin(), more.end());
  Delivered delivered;
  const Client client = make_client(RD_KAFKA_PRODUCER, settings, on_delivery, &delivered);
  for (const Record& record : records) send(client.get(), topic, partition, record);
  check(rd_kafka_flush(client.get(), 20'000), "flush");
  check(delivered.error, "delivery");
  check(delivered.offsets.size() == records.size(), "not every record was acked");
  return delivered.offsets;
}

Client make_consumer(const std::string& broker, const Settings& more) {
  Settings settings = {{"bootstrap.servers", broker},   {"check.crcs", "true"},
                       {"enable.auto.commit", "false"}, {"auto.offset.reset", "earliest"},
                       {"fetch.wait.max.ms", "50"},     {"fetch.message.max.bytes", "10000000"}};
  settings.insert(settings.end(), more.begin(), more.end());
  return make_client(RD_KAFKA_CONSUMER, settings);
}

std::vector<Record> consume(const std::string& broker, const std::string& topic,
                            std::int32_t partition, std::int64_t offset, std::size_t count) {
  const Client client = make_consumer(broker, {{"group.id", "none"}});
  const Partitions assigned(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(assigned.get(), topic.c_str(), partition)->offset = offset;
  check(rd_kafka_assign(client.get(), assigned.get()), "assign");
  std::vector<Record> records;
  while (records.size() < count) {
    const Message message(rd_kafka_consumer_poll(client.get(), 20'000));
    check(message != nullptr, std::to_string(records.size()) + " records came");
    check(message->err, "poll");
    records.push_back(record_of(*message));
  }
  return records;
}

Record record_of(rd_kafka_message_t& message) {
  const auto text = [](const void* bytes, std::size_t size) -> Text {
    if (bytes == nullptr) return std::nullopt;
    return std::string(static_cast<const char*>(bytes), size);
  };
  Record record{.key = text(message.key, message.key_len),
                .value = text(message.payload, message.len)};
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      record.headers.emplace_back(name, text(value, size));
    }
  }
  return record;
}

}  // namespace duolog::tests
