#include <iostream>
#include <memory>
#include <optional>

#include <fmt/core.h>
#include <unistd.h>

#include "tools/duolog/client/kafka_client.h"
#include "tools/duolog/command.h"

namespace duolog::tools {

namespace {

struct ProduceOptions {
  ClientOptions client;
  std::string topic;
  std::string key;
  std::string key_separator;
  std::vector<std::string> headers;
  int partition = RD_KAFKA_PARTITION_UA;
  std::string acks = "all";
  std::string compression = "none";
  bool empty_is_null = false;
  bool quiet = false;
};

// What the delivery reports said. Only the main thread, which polls, touches it.
struct Outcome {
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;
  rd_kafka_resp_err_t first_error = RD_KAFKA_RESP_ERR_NO_ERROR;

  void fail(rd_kafka_resp_err_t error) {
    if (failed++ == 0) first_error = error;
  }
};

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto& outcome = *static_cast<Outcome*>(opaque);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++outcome.delivered;
  } else {
    outcome.fail(message->err);
  }
}

using Headers = std::unique_ptr<rd_kafka_headers_t, Destroy<rd_kafka_headers_destroy>>;

Result<Headers> parse_headers(const std::vector<std::string>& texts) {
  Headers headers(rd_kafka_headers_new(texts.size()));
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(Errc::kInvalid, "header '" + text + "' is not of the form NAME=VALUE");
    }
    rd_kafka_header_add(headers.get(), text.data(), static_cast<ssize_t>(equals),
                        text.data() + equals + 1, static_cast<ssize_t>(text.size() - equals - 1));
  }
  return headers;
}

struct Record {
  std::optional<std::string_view> key;
  std::string_view value;
};

Record split(const ProduceOptions& options, std::string_view line) {
  Record record{std::nullopt, line};
  if (!options.key.empty()) record.key = options.key;
  if (options.key_separator.empty()) return record;
  const std::size_t at = line.find(options.key_separator);
  if (at == std::string_view::npos) return record;
  record.key = line.substr(0, at);
  record.value = line.substr(at + options.key_separator.size());
  return record;
}

// Hands one record to librdkafka, waiting while its queue is full; it copies key and value.
void send(rd_kafka_t* handle, const ProduceOptions& options, const Record& record,
          const Headers& headers, Outcome& outcome) {
  // RD_KAFKA_V_VALUE and V_KEY take the pointer as void*, and only read it.
  const bool null_value = options.empty_is_null && record.value.empty();
  void* value = null_value ? nullptr : const_cast<char*>(record.value.data());
  const void* key = record.key ? record.key->data() : nullptr;
  const std::size_t key_bytes = record.key ? record.key->size() : 0;
  while (true) {
    rd_kafka_headers_t* copy = rd_kafka_headers_copy(headers.get());
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        handle, RD_KAFKA_V_TOPIC(options.topic.c_str()), RD_KAFKA_V_PARTITION(options.partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, key_bytes),
        RD_KAFKA_V_VALUE(value, null_value ? 0 : record.value.size()), RD_KAFKA_V_HEADERS(copy),
        RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    rd_kafka_headers_destroy(copy);
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      outcome.fail(error);
      return;
    }
    rd_kafka_poll(handle, 100);
  }
}

int run(const ProduceOptions& options) {
  const Result<Headers> headers = parse_headers(options.headers);
  if (!headers) return report("produce", headers.error());
  Outcome outcome;
  const auto client =
      KafkaClient::make(RD_KAFKA_PRODUCER, options.client,
                        {{"acks", options.acks},
                         {"compression.type", options.compression},
                         {"message.timeout.ms", std::to_string(options.client.timeout_s * 1000)}},
                        on_delivery, &outcome);
  if (!client) return report("produce", client.error());
  rd_kafka_t* handle = (*client)->handle();

  // A person who types sees each line's outcome before the next.
  const bool typed = isatty(STDIN_FILENO) != 0;
  std::string line;
  while (outcome.failed == 0 && std::getline(std::cin, line)) {
    send(handle, options, split(options, line), *headers, outcome);
    if (typed) {
      rd_kafka_flush(handle, -1);  // bounded by message.timeout.ms
    } else {
      rd_kafka_poll(handle, 0);
    }
  }
  rd_kafka_flush(handle, -1);
  if (outcome.failed != 0) {
    const Error why = (*client)->explain(
        outcome.first_error, fmt::format("topic '{}': {} written, {} failed", options.topic,
                                         outcome.delivered, outcome.failed));
    return report("produce", why);
  }
  if (!options.quiet) {
    fmt::print(stderr, "{} record{} {} topic {}\n", outcome.delivered,
               outcome.delivered == 1 ? "" : "s", options.acks == "0" ? "sent to" : "written to",
               options.topic);
  }
  return kDone;
}

}  // namespace

void add_produce(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("produce", "Write each line of standard input as a record");
  const auto options = std::make_shared<ProduceOptions>();
  command->add_option("TOPIC", options->topic, "Topic to write to")->required();
  command->add_option("-k,--key", options->key, "Key of every record");
  command->add_option("-K,--key-separator", options->key_separator,
                      "A line is KEY, this text, VALUE; a line without it has no key");
  command->add_option("-H,--header", options->headers, "A header of every record; may be repeated")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("-p,--partition", options->partition, "Partition; unset: chosen by the key")
      ->check(CLI::Range(0, 1'000'000));
  command
      ->add_option("-a,--acks", options->acks,
                   "0: no answer; 1: in the log; all: on disk, as the topic's durability says")
      ->check(CLI::IsMember({"0", "1", "all"}))
      ->capture_default_str();
  command->add_option("-z,--compression", options->compression, "Compression of the batches")
      ->check(CLI::IsMember({"none", "gzip", "snappy", "lz4", "zstd"}))
      ->capture_default_str();
  command->add_flag("-Z,--empty-is-null", options->empty_is_null,
                    "An empty value is a null one (a tombstone)");
  command->add_flag("-q,--quiet", options->quiet, "Say nothing when all went well");
  options->client.add_to(*command);
  command->footer(
      "Stops at the first record that cannot be written.\n"
      "\n"
      "Examples:\n"
      "  echo 'hello' | duolog produce greetings\n"
      "  printf 'AAPL:187.2\\nMSFT:411.0\\n' | duolog produce trades --key-separator :\n"
      "  duolog produce trades --header source=desk --acks 1 < trades.txt");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace duolog::tools
