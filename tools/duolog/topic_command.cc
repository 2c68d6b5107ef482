#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "tools/duolog/client/kafka_client.h"
#include "tools/duolog/client/topic_settings.h"
#include "tools/duolog/command.h"

namespace duolog::tools {

namespace {

struct TopicOptions {
  ClientOptions client;
  std::vector<std::string> names;
  int partitions = -1;  // the server's num-partitions
  std::vector<std::string> configs;
  std::vector<std::string> unset;
  bool with_settings = false;
};

using ClientResult = Result<std::unique_ptr<KafkaClient>>;

ClientResult make_client(const TopicOptions& options) {
  return KafkaClient::make(RD_KAFKA_CONSUMER, options.client, {});
}

// Waits for the answer of an admin request on `queue` and reports each topic's outcome.
int await_outcomes(const KafkaClient& client, rd_kafka_queue_t* queue, const std::string& verb) {
  const Event event(rd_kafka_queue_poll(queue, client.timeout_ms() + 1000));
  if (!event) {
    return report("topic", client.explain(RD_KAFKA_RESP_ERR__TIMED_OUT, verb));
  }
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return report("topic", client.explain(rd_kafka_event_error(event.get()), verb));
  }
  std::size_t count = 0;
  const rd_kafka_topic_result_t** outcomes = nullptr;
  if (const auto* created = rd_kafka_event_CreateTopics_result(event.get())) {
    outcomes = rd_kafka_CreateTopics_result_topics(created, &count);
  } else if (const auto* deleted = rd_kafka_event_DeleteTopics_result(event.get())) {
    outcomes = rd_kafka_DeleteTopics_result_topics(deleted, &count);
  }
  int status = kDone;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = rd_kafka_topic_result_name(outcomes[i]);
    const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(outcomes[i]);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      fmt::print("{}d topic {}\n", verb, name);
      continue;
    }
    Error why = client.explain(error, verb + " '" + name + "'");
    const char* detail = rd_kafka_topic_result_error_string(outcomes[i]);
    if (why.code == Errc::kIo && detail != nullptr) why.message += std::string(": ") + detail;
    status = report("topic", why);
  }
  return status;
}

int create(const TopicOptions& options) {
  const ClientResult client = make_client(options);
  if (!client) return report("topic", client.error());
  std::vector<NewTopic> topics;
  for (const std::string& name : options.names) {
    std::array<char, 256> reason{};
    topics.emplace_back(
        rd_kafka_NewTopic_new(name.c_str(), options.partitions, 1, reason.data(), reason.size()));
    if (!topics.back()) return report("topic", {Errc::kInvalid, name + ": " + reason.data()});
    for (const std::string& config : options.configs) {
      const std::size_t equals = config.find('=');
      if (equals == std::string::npos) {
        return report("topic", {Errc::kInvalid, "'" + config + "' is not of the form NAME=VALUE"});
      }
      rd_kafka_NewTopic_set_config(topics.back().get(), config.substr(0, equals).c_str(),
                                   config.substr(equals + 1).c_str());
    }
  }
  std::vector<rd_kafka_NewTopic_t*> raw;
  for (const NewTopic& topic : topics) raw.push_back(topic.get());
  const Queue queue(rd_kafka_queue_new((*client)->handle()));
  rd_kafka_CreateTopics((*client)->handle(), raw.data(), raw.size(), nullptr, queue.get());
  return await_outcomes(**client, queue.get(), "create");
}

int remove(const TopicOptions& options) {
  const ClientResult client = make_client(options);
  if (!client) return report("topic", client.error());
  std::vector<DeleteTopic> topics;
  std::vector<rd_kafka_DeleteTopic_t*> raw;
  for (const std::string& name : options.names) {
    topics.emplace_back(rd_kafka_DeleteTopic_new(name.c_str()));
    raw.push_back(topics.back().get());
  }
  const Queue queue(rd_kafka_queue_new((*client)->handle()));
  rd_kafka_DeleteTopics((*client)->handle(), raw.data(), raw.size(), nullptr, queue.get());
  return await_outcomes(**client, queue.get(), "delete");
}

int list(const TopicOptions& options) {
  const ClientResult client = make_client(options);
  if (!client) return report("topic", client.error());
  const Result<Metadata> metadata = (*client)->metadata(nullptr);
  if (!metadata) return report("topic", metadata.error());
  std::vector<std::pair<std::string, int>> topics;
  for (int i = 0; i < (*metadata)->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& topic = (*metadata)->topics[i];
    topics.emplace_back(topic.topic, topic.partition_cnt);
  }
  std::ranges::sort(topics);
  fmt::print("{:<40} {:>10}\n", "TOPIC", "PARTITIONS");
  for (const auto& [name, partitions] : topics) fmt::print("{:<40} {:>10}\n", name, partitions);
  return kDone;
}

int describe_one(const KafkaClient& client, const std::string& name) {
  const Result<Metadata> metadata = client.metadata(name.c_str());
  if (!metadata) return report("topic", metadata.error());
  const rd_kafka_metadata_topic_t& topic = (*metadata)->topics[0];
  std::vector<std::pair<int, bool>> partitions;  // and whether somebody leads it
  for (int i = 0; i < topic.partition_cnt; ++i) {
    partitions.emplace_back(topic.partitions[i].id, topic.partitions[i].leader >= 0);
  }
  std::ranges::sort(partitions);
  fmt::print("topic {}, {} partition{}\n{:>10} {:>16} {:>16} {:>16}\n", name, partitions.size(),
             partitions.size() == 1 ? "" : "s", "PARTITION", "FIRST OFFSET", "NEXT OFFSET",
             "OFFSETS");
  for (const auto& [partition, led] : partitions) {
    if (!led) {
      fmt::print("{:>10} {:>16}\n", partition, "offline");
      continue;
    }
    std::int64_t first = 0;
    std::int64_t next = 0;
    const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
        client.handle(), name.c_str(), partition, &first, &next, client.timeout_ms());
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return report("topic", client.explain(error, "offsets of '" + name + "', partition " +
                                                       std::to_string(partition)));
    }
    fmt::print("{:>10} {:>16} {:>16} {:>16}\n", partition, first, next, next - first);
  }
  return kDone;
}

int show_settings(const KafkaClient& client, const std::string& name) {
  const Result<TopicSettings> settings = read_topic_settings(client, name);
  if (!settings) return report("topic", settings.error());
  for (const auto& [key, value] : *settings) fmt::print("  {}={}\n", key, value);
  return kDone;
}

int describe(const TopicOptions& options) {
  const ClientResult client = make_client(options);
  if (!client) return report("topic", client.error());
  int status = kDone;
  for (const std::string& name : options.names) {
    status = std::max(status, describe_one(**client, name));
    if (options.with_settings) status = std::max(status, show_settings(**client, name));
  }
  return status;
}

int alter(const TopicOptions& options) {
  const ClientResult client = make_client(options);
  if (!client) return report("topic", client.error());
  int status = kDone;
  for (const std::string& name : options.names) {
    if (const auto changed = change_topic_settings(**client, name, options.configs, options.unset);
        !changed) {
      status = report("topic", changed.error());
    } else {
      fmt::print("altered topic {}\n", name);
    }
  }
  return status;
}

CLI::App* add(CLI::App& topic, const std::string& name, const std::string& what,
              const std::shared_ptr<TopicOptions>& options, int (*run)(const TopicOptions&),
              int& status) {
  CLI::App* command = topic.add_subcommand(name, what);
  options->client.add_to(*command);
  command->callback([options, run, &status] { status = run(*options); });
  return command;
}

}  // namespace

void add_topic(CLI::App& app, int& status) {
  CLI::App* topic = app.add_subcommand("topic", "Create, list, describe, alter and delete topics");
  topic->require_subcommand(0, 1);
  topic->callback([topic, &status] {
    if (!topic->get_subcommands().empty()) return;
    fmt::print(stderr, "{}", topic->help());
    status = kUsage;
  });
  const auto options = std::make_shared<TopicOptions>();

  CLI::App* creating = add(*topic, "create", "Create topics", options, create, status);
  creating->add_option("TOPIC", options->names, "Names of the topics")->required();
  creating
      ->add_option("-p,--partitions", options->partitions,
                   "Partitions of each; unset: the server's num-partitions")
      ->check(CLI::Range(1, 100'000));
  creating->add_option("-c,--config", options->configs, "A topic setting; may be repeated")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  creating->footer(
      "Examples:\n"
      "  duolog topic create trades --partitions 8\n"
      "  duolog topic create screens --config duolog.durability=os");

  add(*topic, "list", "List all topics", options, list, status);

  CLI::App* describing =
      add(*topic, "describe", "Show partitions and their offsets", options, describe, status);
  describing->add_option("TOPIC", options->names, "Names of the topics")->required();
  describing->add_flag("-s,--settings", options->with_settings, "And what they were given");

  CLI::App* altering =
      add(*topic, "alter", "Change the settings of topics", options, alter, status);
  altering->add_option("TOPIC", options->names, "Names of the topics")->required();
  altering->add_option("-c,--config", options->configs, "A topic setting; may be repeated")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  altering->add_option("--unset", options->unset, "A setting to take back; may be repeated")
      ->type_name("NAME")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  altering->footer("Example:\n  duolog topic alter trades --config retention.ms=86400000");

  add(*topic, "delete", "Delete topics and every record in them", options, remove, status)
      ->add_option("TOPIC", options->names, "Names of the topics")
      ->required();

  topic->footer(
      "Example:\n  duolog topic create trades --partitions 8 && duolog topic describe trades");
}

}  // namespace duolog::tools
