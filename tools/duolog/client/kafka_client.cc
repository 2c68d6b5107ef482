#include "tools/duolog/client/kafka_client.h"

#include <array>

namespace duolog::tools {

namespace {

void ignore_log(const rd_kafka_t*, int, const char*, const char*) {}

// Behind an error that no server has sent.
const std::string kByClient = "from this client's library, not from the server";

// librdkafka's own codes; all others are Kafka's.
bool is_of_client(rd_kafka_resp_err_t error) {
  return error > RD_KAFKA_RESP_ERR__BEGIN && error < RD_KAFKA_RESP_ERR__END;
}

using Conf = std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>>;

Result<void> set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  std::array<char, 512> reason{};
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason.data(), reason.size()) !=
      RD_KAFKA_CONF_OK) {
    return fail(Errc::kInvalid, std::string("client property: ") + reason.data());
  }
  return {};
}

}  // namespace

void KafkaClient::on_error(rd_kafka_t*, int error, const char* reason, void* opaque) {
  auto& shared = *static_cast<Opaque*>(opaque);
  // "All brokers down" follows the reason that matters, and would hide it.
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) return;
  const std::lock_guard lock(shared.mutex);
  shared.last_error = reason;
}

Result<std::unique_ptr<KafkaClient>> KafkaClient::make(rd_kafka_type_t type,
                                                       const ClientOptions& options,
                                                       const std::vector<Setting>& settings,
                                                       DeliveryCallback on_delivery, void* opaque) {
  std::unique_ptr<KafkaClient> client(new KafkaClient(options));
  client->opaque_->on_delivery = on_delivery;
  client->opaque_->opaque = opaque;

  Conf conf(rd_kafka_conf_new());
  std::vector<Setting> all = {{"bootstrap.servers", options.broker}, {"client.id", "duolog"}};
  all.insert(all.end(), settings.begin(), settings.end());
  for (const std::string& property : options.properties) {
    const std::size_t equals = property.find('=');
    if (equals == std::string::npos) {
      return fail(Errc::kInvalid,
                  "client property '" + property + "' is not of the form NAME=VALUE");
    }
    all.emplace_back(property.substr(0, equals), property.substr(equals + 1));
  }
  for (const auto& [name, value] : all) {
    const Result<void> taken = set(conf.get(), name, value);
    if (!taken) return std::unexpected(taken.error());
  }
  rd_kafka_conf_set_log_cb(conf.get(), ignore_log);
  rd_kafka_conf_set_error_cb(conf.get(), on_error);
  rd_kafka_conf_set_opaque(conf.get(), client->opaque_.get());
  if (on_delivery != nullptr) {
    rd_kafka_conf_set_dr_msg_cb(
        conf.get(), [](rd_kafka_t* handle, const rd_kafka_message_t* message, void* shared) {
          const auto& mine = *static_cast<Opaque*>(shared);
          mine.on_delivery(handle, message, mine.opaque);
        });
  }
  std::array<char, 512> reason{};
  client->handle_.reset(rd_kafka_new(type, conf.get(), reason.data(), reason.size()));
  if (!client->handle_) return fail(Errc::kInvalid, std::string("client: ") + reason.data());
  static_cast<void>(conf.release());  // rd_kafka_new took it
  return client;
}

Result<Metadata> KafkaClient::metadata(const char* topic) const {
  const Topic only(topic == nullptr ? nullptr : rd_kafka_topic_new(handle(), topic, nullptr));
  if (topic != nullptr && !only) return std::unexpected(explain(rd_kafka_last_error(), topic));
  const rd_kafka_metadata_t* answer = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(handle(), topic == nullptr ? 1 : 0, only.get(), &answer, timeout_ms());
  const std::string what = topic == nullptr ? "list topics" : "topic '" + std::string(topic) + "'";
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(explain(error, what));
  Metadata metadata(answer);
  if (topic != nullptr && (answer->topic_cnt != 1 || answer->topics[0].partition_cnt == 0)) {
    const rd_kafka_resp_err_t why =
        answer->topic_cnt == 1 ? answer->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    return std::unexpected(explain(
        why == RD_KAFKA_RESP_ERR_NO_ERROR ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART : why, what));
  }
  return metadata;
}

Error KafkaClient::explain(rd_kafka_resp_err_t error, const std::string& what) const {
  rd_kafka_poll(handle(), 0);  // the reasons wait there
  std::string network;
  {
    const std::lock_guard lock(opaque_->mutex);
    network = opaque_->last_error;
  }
  switch (error) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
      return {Errc::kIo, what + ": no answer from " + options_.broker + " within " +
                             std::to_string(options_.timeout_s) + " s" +
                             (network.empty() ? "" : " (" + network + ")") +
                             "; is a server running there? Start one with `duolog serve`, or name "
                             "another with --broker HOST:PORT"};
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return {Errc::kNotFound, what + ": no such topic or partition at " + options_.broker +
                                   "; `duolog topic list` shows what is there"};
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
      return {Errc::kExists, what + ": already exists at " + options_.broker};
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return {Errc::kTooLarge, what + ": larger than " + options_.broker +
                                   " takes; raise it with `duolog topic alter TOPIC --config "
                                   "max.message.bytes=BYTES`"};
    default:
      return {Errc::kIo, what + ": " + rd_kafka_err2str(error) + " (" + rd_kafka_err2name(error) +
                             ") " + (is_of_client(error) ? kByClient : "from " + options_.broker)};
  }
}

Error KafkaClient::explain_unsent(rd_kafka_resp_err_t error, const std::string& what) const {
  if (error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
    std::array<char, 32> limit{};
    std::size_t size = limit.size();
    rd_kafka_conf_get(rd_kafka_conf(handle()), "message.max.bytes", limit.data(), &size);
    return {Errc::kTooLarge, what + ": a record is larger than this client's limit, " +
                                 limit.data() +
                                 " bytes; raise it with -X message.max.bytes=BYTES "
                                 "(the server has a limit of its own)"};
  }
  if (is_of_client(error)) return explain(error, what);
  return {Errc::kIo, what + ": " + rd_kafka_err2str(error) + " (" + rd_kafka_err2name(error) +
                         ") " + kByClient};
}

}  // namespace duolog::tools
