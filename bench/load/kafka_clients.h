// A producer and a consumer on librdkafka, as the load tool needs them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <librdkafka/rdkafka.h>

namespace duolog::load {

struct Settings {
  std::string brokers = "127.0.0.1:9092";
  std::string topic;
  int partitions = 1;
  std::string acks = "all";
  double linger_ms = 0;
  std::string codec = "none";
};

// Creates the topic and waits until it can be used. Throws std::runtime_error.
void create_topic(const Settings& settings);

class Producer {
 public:
  // `batch_bytes`: the most in one batch; 0 keeps librdkafka's default.
  Producer(const Settings& settings, int batch_bytes);
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Queues one record; waits, serving delivery reports, while the queue is full.
  void send(std::int32_t partition, const void* value, std::size_t size_bytes);
  void poll() { rd_kafka_poll(client_, 0); }
  // Waits until all are answered. Throws when that takes more than a minute.
  void flush();
  [[nodiscard]] std::uint64_t delivered() const { return delivered_; }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }

 private:
  static void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* self);
  rd_kafka_t* client_ = nullptr;
  rd_kafka_topic_t* topic_ = nullptr;
  std::uint64_t delivered_ = 0;
  std::uint64_t failed_ = 0;
};

// Reads every partition of the topic from its beginning (or end), without a group.
class Consumer {
 public:
  enum class From : std::uint8_t { kBeginning, kEnd };
  Consumer(const Settings& settings, From from);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // Calls fn(value, size) for what has come; waits up to `timeout_ms` for the first. Returns how
  // many.
  std::size_t poll(int timeout_ms, const std::function<void(const void*, std::size_t)>& fn);

 private:
  rd_kafka_t* client_ = nullptr;
};

}  // namespace duolog::load
