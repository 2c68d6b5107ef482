// A librdkafka client with the errors of a command-line program.
//
// A client belongs to the command that made it and is used on its thread; librdkafka's own threads
// only set `last_error`. Its log is silent: what went wrong is in the Error.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "engine/base/result.h"

namespace CLI {
class App;
}

namespace duolog::tools {

// The options that every client command has.
struct ClientOptions {
  std::string broker = "127.0.0.1:9092";
  std::vector<std::string> properties;  // librdkafka's "name=value"
  std::uint32_t timeout_s = 10;

  void add_to(CLI::App& app);  // client_options.cc
};

// Calls the function that frees what librdkafka handed out.
template <auto kDestroy>
struct Destroy {
  template <class T>
  void operator()(T* object) const {
    kDestroy(object);
  }
};

using Topic = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;
using Message = std::unique_ptr<rd_kafka_message_t, Destroy<rd_kafka_message_destroy>>;
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, Destroy<rd_kafka_NewTopic_destroy>>;
using DeleteTopic = std::unique_ptr<rd_kafka_DeleteTopic_t, Destroy<rd_kafka_DeleteTopic_destroy>>;
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, Destroy<rd_kafka_metadata_destroy>>;

class KafkaClient {
 public:
  using Setting = std::pair<std::string, std::string>;
  using DeliveryCallback = void (*)(rd_kafka_t*, const rd_kafka_message_t*, void* opaque);

  // `settings` come before the user's own properties, which win. `on_delivery`, which may be null,
  // is called with `opaque` for every produced record, while the client is polled. kInvalid names a
  // property that librdkafka does not take.
  [[nodiscard]] static Result<std::unique_ptr<KafkaClient>> make(
      rd_kafka_type_t type, const ClientOptions& options, const std::vector<Setting>& settings,
      DeliveryCallback on_delivery = nullptr, void* opaque = nullptr);

  [[nodiscard]] rd_kafka_t* handle() const { return handle_.get(); }
  [[nodiscard]] int timeout_ms() const { return static_cast<int>(options_.timeout_s * 1000); }

  // The cluster, and `topic` only, or every topic when it is null. Does not create the topic;
  // kNotFound when it does not exist.
  [[nodiscard]] Result<Metadata> metadata(const char* topic) const;

  // What failed, with the address, the reason that the network gave, and what to do.
  [[nodiscard]] Error explain(rd_kafka_resp_err_t error, const std::string& what) const;
  // The same for what librdkafka has refused to send: the server is not to blame.
  [[nodiscard]] Error explain_unsent(rd_kafka_resp_err_t error, const std::string& what) const;

 private:
  struct Opaque {
    std::mutex mutex;
    std::string last_error;
    DeliveryCallback on_delivery = nullptr;
    void* opaque = nullptr;
  };

  explicit KafkaClient(const ClientOptions& options) : options_(options) {}

  static void on_error(rd_kafka_t* handle, int error, const char* reason, void* opaque);

  ClientOptions options_;
  std::unique_ptr<Opaque> opaque_ = std::make_unique<Opaque>();  // outlives handle_
  std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>> handle_;
};

}  // namespace duolog::tools
