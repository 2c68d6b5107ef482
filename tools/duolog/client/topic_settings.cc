#include "tools/duolog/client/topic_settings.h"

namespace duolog::tools {
namespace {

using ConfigResource =
    std::unique_ptr<rd_kafka_ConfigResource_t, Destroy<rd_kafka_ConfigResource_destroy>>;

ConfigResource resource_of(const std::string& topic) {
  return ConfigResource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
}

// The answer of an admin request, unless it failed as a whole.
Result<Event> await(const KafkaClient& client, rd_kafka_queue_t* queue, const std::string& what) {
  Event event(rd_kafka_queue_poll(queue, client.timeout_ms() + 1000));
  const rd_kafka_resp_err_t error =
      event ? rd_kafka_event_error(event.get()) : RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(client.explain(error, what));
  return event;
}

Result<void> outcome_of(const KafkaClient& client, const rd_kafka_ConfigResource_t* resource,
                        const std::string& what) {
  const rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(resource);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  Error why = client.explain(error, what);
  const char* detail = rd_kafka_ConfigResource_error_string(resource);
  if (why.code == Errc::kIo && detail != nullptr) why.message += std::string(": ") + detail;
  return std::unexpected(std::move(why));
}

}  // namespace

Result<TopicSettings> read_topic_settings(const KafkaClient& client, const std::string& topic) {
  const std::string what = "settings of '" + topic + "'";
  const Queue queue(rd_kafka_queue_new(client.handle()));
  const ConfigResource asked = resource_of(topic);
  rd_kafka_ConfigResource_t* resources[] = {asked.get()};
  rd_kafka_DescribeConfigs(client.handle(), resources, 1, nullptr, queue.get());
  const auto event = await(client, queue.get(), what);
  if (!event) return std::unexpected(event.error());
  std::size_t count = 0;
  const auto* answers = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event->get()), &count);
  if (auto outcome = outcome_of(client, answers[0], what); !outcome) {
    return std::unexpected(outcome.error());
  }
  const auto* entries = rd_kafka_ConfigResource_configs(answers[0], &count);
  TopicSettings settings;
  for (std::size_t i = 0; i < count; ++i) {
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    if (value != nullptr &&
        rd_kafka_ConfigEntry_source(entries[i]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG) {
      settings[rd_kafka_ConfigEntry_name(entries[i])] = value;
    }
  }
  return settings;
}

Result<void> change_topic_settings(const KafkaClient& client, const std::string& topic,
                                   const std::vector<std::string>& set,
                                   const std::vector<std::string>& unset) {
  auto settings = read_topic_settings(client, topic);
  if (!settings) return std::unexpected(settings.error());
  for (const std::string& name : unset) settings->erase(name);
  for (const std::string& setting : set) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos) {
      return fail(Errc::kInvalid, "'" + setting + "' is not of the form NAME=VALUE");
    }
    (*settings)[setting.substr(0, equals)] = setting.substr(equals + 1);
  }
  const ConfigResource wanted = resource_of(topic);
  for (const auto& [name, value] : *settings) {
    rd_kafka_ConfigResource_set_config(wanted.get(), name.c_str(), value.c_str());
  }
  const std::string what = "alter '" + topic + "'";
  const Queue queue(rd_kafka_queue_new(client.handle()));
  rd_kafka_ConfigResource_t* resources[] = {wanted.get()};
  rd_kafka_AlterConfigs(client.handle(), resources, 1, nullptr, queue.get());
  const auto event = await(client, queue.get(), what);
  if (!event) return std::unexpected(event.error());
  std::size_t count = 0;
  const auto* answers = rd_kafka_AlterConfigs_result_resources(
      rd_kafka_event_AlterConfigs_result(event->get()), &count);
  return outcome_of(client, answers[0], what);
}

}  // namespace duolog::tools
