#include "bench/load/kafka_clients.h"

#include <stdexcept>

namespace duolog::load {
namespace {

constexpr int kTimeoutMs = 60'000;
constexpr std::size_t kMostAtOnce = 10'000;  // so that the caller looks up now and then

class Config {
 public:
  explicit Config(const Settings& settings) : config_(rd_kafka_conf_new()) {
    set("bootstrap.servers", settings.brokers);
    set("log_level", "3");
  }
  void set(const char* name, const std::string& value) {
    char text[512];
    if (rd_kafka_conf_set(config_, name, value.c_str(), text, sizeof text) != RD_KAFKA_CONF_OK) {
      throw std::runtime_error(text);
    }
  }
  [[nodiscard]] rd_kafka_conf_t* get() { return config_; }
  rd_kafka_t* make(rd_kafka_type_t type) {
    char text[512];
    rd_kafka_t* client = rd_kafka_new(type, config_, text, sizeof text);
    if (!client) throw std::runtime_error(text);
    return client;
  }

 private:
  rd_kafka_conf_t* config_;
};

}  // namespace

void create_topic(const Settings& settings) {
  rd_kafka_t* client = Config(settings).make(RD_KAFKA_PRODUCER);
  char text[512] = "";
  rd_kafka_NewTopic_t* topic =
      rd_kafka_NewTopic_new(settings.topic.c_str(), settings.partitions, 1, text, sizeof text);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
  rd_kafka_CreateTopics(client, &topic, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, kTimeoutMs);
  std::string problem = event ? "" : "no answer";
  if (event) {
    std::size_t count = 0;
    const auto* results = rd_kafka_event_CreateTopics_result(event);
    const auto** topics = rd_kafka_CreateTopics_result_topics(results, &count);
    for (std::size_t i = 0; i < count; ++i) {
      const auto code = rd_kafka_topic_result_error(topics[i]);
      if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        problem = rd_kafka_err2str(code);
      }
    }
    rd_kafka_event_destroy(event);
  }
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy(topic);
  rd_kafka_destroy(client);
  if (!problem.empty()) throw std::runtime_error("create topic " + settings.topic + ": " + problem);
}

Producer::Producer(const Settings& settings, int batch_bytes) {
  Config config(settings);
  config.set("acks", settings.acks);
  config.set("linger.ms", std::to_string(settings.linger_ms));
  config.set("compression.codec", settings.codec);
  config.set("queue.buffering.max.messages", "1000000");
  config.set("queue.buffering.max.kbytes", "262144");
  config.set("socket.nagle.disable", "true");
  if (batch_bytes > 0) {
    config.set("batch.size", std::to_string(batch_bytes));
    config.set("batch.num.messages", "1000000");
  }
  rd_kafka_conf_set_opaque(config.get(), this);
  rd_kafka_conf_set_dr_msg_cb(config.get(), &Producer::on_delivery);
  client_ = config.make(RD_KAFKA_PRODUCER);
  topic_ = rd_kafka_topic_new(client_, settings.topic.c_str(), nullptr);
}

Producer::~Producer() {
  rd_kafka_topic_destroy(topic_);
  rd_kafka_destroy(client_);
}

void Producer::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
  auto& producer = *static_cast<Producer*>(self);
  message->err ? ++producer.failed_ : ++producer.delivered_;
}

void Producer::send(std::int32_t partition, const void* value, std::size_t size_bytes) {
  while (rd_kafka_produce(topic_, partition, RD_KAFKA_MSG_F_COPY, const_cast<void*>(value),
                          size_bytes, nullptr, 0, nullptr) != 0) {
    if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      throw std::runtime_error(rd_kafka_err2str(rd_kafka_last_error()));
    }
    rd_kafka_poll(client_, 1);
  }
}

void Producer::flush() {
  if (rd_kafka_flush(client_, kTimeoutMs) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw std::runtime_error("records were not answered within a minute");
  }
}

Consumer::Consumer(const Settings& settings, From from) {
  Config config(settings);
  config.set("group.id", "load");  // librdkafka wants one; it is never joined
  config.set("fetch.wait.max.ms", "500");
  config.set("fetch.error.backoff.ms", "0");
  config.set("enable.auto.commit", "false");
  config.set("queued.min.messages", "1000000");
  config.set("fetch.message.max.bytes", "8388608");
  config.set("fetch.max.bytes", "52428800");
  config.set("socket.nagle.disable", "true");
  client_ = config.make(RD_KAFKA_CONSUMER);
  rd_kafka_poll_set_consumer(client_);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(settings.partitions);
  for (int p = 0; p < settings.partitions; ++p) {
    rd_kafka_topic_partition_list_add(list, settings.topic.c_str(), p)->offset =
        from == From::kEnd ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
  }
  rd_kafka_assign(client_, list);
  rd_kafka_topic_partition_list_destroy(list);
}

Consumer::~Consumer() {
  rd_kafka_consumer_close(client_);
  rd_kafka_destroy(client_);
}

std::size_t Consumer::poll(int timeout_ms,
                           const std::function<void(const void*, std::size_t)>& fn) {
  // One message as soon as it is there, then whatever else has come: a batch call would wait for
  // its batch to fill, which is not what a record's latency is.
  std::size_t seen = 0;
  rd_kafka_message_t* first = rd_kafka_consumer_poll(client_, timeout_ms);
  for (; first; first = rd_kafka_consumer_poll(client_, 0)) {
    if (!first->err) {
      fn(first->payload, first->len);
      ++seen;
    } else if (first->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      throw std::runtime_error(rd_kafka_message_errstr(first));
    }
    rd_kafka_message_destroy(first);
    if (seen == kMostAtOnce) break;
  }
  return seen;
}

}  // namespace duolog::load
