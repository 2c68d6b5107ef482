#include "tools/duolog/client/consumer.h"

#include <algorithm>

namespace duolog::tools {

Result<std::unique_ptr<Consumer>> Consumer::start(const ClientOptions& options,
                                                  const std::string& topic,
                                                  std::vector<int> partitions,
                                                  std::int64_t offset) {
  auto client = KafkaClient::make(RD_KAFKA_CONSUMER, options,
                                  {{"enable.partition.eof", "true"},
                                   {"auto.offset.reset", "error"},
                                   {"fetch.wait.max.ms", "500"}});
  if (!client) return std::unexpected(client.error());
  const Result<Metadata> metadata = (*client)->metadata(topic.c_str());
  if (!metadata) return std::unexpected(metadata.error());
  std::vector<int> all;
  for (int i = 0; i < (*metadata)->topics[0].partition_cnt; ++i) {
    all.push_back((*metadata)->topics[0].partitions[i].id);
  }
  if (partitions.empty()) partitions = all;

  std::unique_ptr<Consumer> consumer(new Consumer);
  consumer->client_ = std::move(*client);
  consumer->name_ = topic;
  rd_kafka_t* handle = consumer->client_->handle();
  consumer->topic_.reset(rd_kafka_topic_new(handle, topic.c_str(), nullptr));
  consumer->queue_.reset(rd_kafka_queue_new(handle));
  for (const int partition : partitions) {
    const std::string what = "topic '" + topic + "', partition " + std::to_string(partition);
    if (std::ranges::find(all, partition) == all.end()) {
      return fail(Errc::kNotFound, what + ": the topic has " + std::to_string(all.size()) +
                                       " partitions, counted from 0");
    }
    if (rd_kafka_consume_start_queue(consumer->topic_.get(), partition, offset,
                                     consumer->queue_.get()) != 0) {
      return std::unexpected(consumer->client_->explain(rd_kafka_last_error(), what));
    }
    consumer->started_.push_back(partition);
  }
  consumer->open_ = consumer->started_;
  return consumer;
}

Consumer::~Consumer() {
  for (const int partition : started_) rd_kafka_consume_stop(topic_.get(), partition);
}

Result<Message> Consumer::next(int timeout_ms) {
  rd_kafka_poll(client_->handle(), 0);  // error callbacks
  Message message(rd_kafka_consume_queue(queue_.get(), timeout_ms));
  if (!message || message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return message;
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    std::erase(open_, message->partition);
    return Message();
  }
  std::string what = "topic '" + name_ + "', partition " + std::to_string(message->partition);
  if (message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE ||
      message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
    return fail(Errc::kOutOfRange, what +
                                       ": that offset is not in the log; `duolog topic describe " +
                                       name_ + "` shows the offsets that are");
  }
  return std::unexpected(client_->explain(message->err, what));
}

}  // namespace duolog::tools
