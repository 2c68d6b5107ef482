// Consumer: reads chosen partitions of one topic from a position, without a consumer group.
//
// Owned by the command; used on one thread. It reads ahead into librdkafka's queue, whose limits
// (queued.max.messages.kbytes) are properties of the client.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tools/duolog/client/kafka_client.h"

namespace duolog::tools {

class Consumer {
 public:
  // Starts to read `partitions`, or all when it is empty, at `offset`: an offset, or one of
  // RD_KAFKA_OFFSET_BEGINNING, _END and _TAIL(n). kNotFound names what is not there.
  [[nodiscard]] static Result<std::unique_ptr<Consumer>> start(const ClientOptions& options,
                                                               const std::string& topic,
                                                               std::vector<int> partitions,
                                                               std::int64_t offset);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // The next record, or null when none came within `timeout_ms` or a partition's end was reached.
  [[nodiscard]] Result<Message> next(int timeout_ms);

  // Whether every partition's end has been reached since it was started.
  [[nodiscard]] bool all_ended() const { return open_.empty(); }

 private:
  Consumer() = default;

  std::unique_ptr<KafkaClient> client_;
  Topic topic_;
  Queue queue_;
  std::string name_;
  std::vector<int> started_;
  std::vector<int> open_;  // of these, the ones whose end has not been seen
};

}  // namespace duolog::tools
