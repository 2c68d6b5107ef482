#include <array>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include "tools/duolog/client/kafka_client.h"
#include "tools/duolog/client/line_record.h"
#include "tools/duolog/client/push_producer.h"
#include "tools/duolog/command.h"

namespace duolog::tools {

namespace {

struct ProduceOptions {
  ClientOptions client;
  PushOptions push;
  std::string topic;
  LineFormat format;
  std::vector<std::string> headers;
  int partition = RD_KAFKA_PARTITION_UA;
  std::string acks = "all";
  std::string compression = "none";
  bool quiet = false;
};

// What the delivery reports said. Only the main thread, which polls, touches it.
struct Outcome {
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;
  rd_kafka_resp_err_t first_error = RD_KAFKA_RESP_ERR_NO_ERROR;
  bool first_was_sent = true;

  void fail(rd_kafka_resp_err_t error, bool sent) {
    if (failed++ > 0) return;
    first_error = error;
    first_was_sent = sent;
  }
};

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto& outcome = *static_cast<Outcome*>(opaque);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++outcome.delivered;
  } else {
    outcome.fail(message->err, true);
  }
}

using Headers = std::unique_ptr<rd_kafka_headers_t, Destroy<rd_kafka_headers_destroy>>;

Headers kafka_headers(const HeaderList& list) {
  Headers headers(rd_kafka_headers_new(list.size()));
  for (const auto& [name, value] : list) {
    rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  }
  return headers;
}

// Hands one record to librdkafka, waiting while its queue is full; it copies key and value.
void send(rd_kafka_t* handle, const ProduceOptions& options, const LineRecord& record,
          const Headers& headers, Outcome& outcome) {
  // RD_KAFKA_V_VALUE and V_KEY take the pointer as void*, and only read it.
  void* value = record.value ? const_cast<char*>(record.value->data()) : nullptr;
  const std::size_t value_bytes = record.value ? record.value->size() : 0;
  const void* key = record.key ? record.key->data() : nullptr;
  const std::size_t key_bytes = record.key ? record.key->size() : 0;
  while (true) {
    rd_kafka_headers_t* copy = rd_kafka_headers_copy(headers.get());
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        handle, RD_KAFKA_V_TOPIC(options.topic.c_str()), RD_KAFKA_V_PARTITION(options.partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, key_bytes),
        RD_KAFKA_V_VALUE(value, value_bytes), RD_KAFKA_V_HEADERS(copy), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    rd_kafka_headers_destroy(copy);
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      outcome.fail(error, false);
      return;
    }
    rd_kafka_poll(handle, 100);
  }
}

void print_written(const ProduceOptions& options, std::uint64_t records) {
  if (options.quiet) return;
  fmt::print(stderr, "{} record{} {} topic {}\n", records, records == 1 ? "" : "s",
             options.acks == "0" ? "sent to" : "written to", options.topic);
}

std::string counts(const ProduceOptions& options, std::uint64_t written, std::uint64_t failed) {
  return fmt::format("topic '{}': {} written, {} failed", options.topic, written, failed);
}

int run_kafka(const ProduceOptions& options, const HeaderList& list) {
  const Headers headers = kafka_headers(list);
  Outcome outcome;
  const auto client =
      KafkaClient::make(RD_KAFKA_PRODUCER, options.client,
                        {{"acks", options.acks},
                         {"compression.type", options.compression},
                         // Keys where Java, Streams and the WebSocket door put them.
                         {"partitioner", "murmur2_random"},
                         {"message.timeout.ms", std::to_string(options.client.timeout_s * 1000)}},
                        on_delivery, &outcome);
  if (!client) return report("produce", client.error());
  rd_kafka_t* handle = (*client)->handle();

  // A person who types sees each line's outcome before the next.
  const bool typed = isatty(STDIN_FILENO) != 0;
  std::string line;
  while (outcome.failed == 0 && std::getline(std::cin, line)) {
    send(handle, options, record_of(options.format, line), headers, outcome);
    if (typed) {
      rd_kafka_flush(handle, -1);  // bounded by message.timeout.ms
    } else {
      rd_kafka_poll(handle, 0);
    }
  }
  rd_kafka_flush(handle, -1);
  if (outcome.failed != 0) {
    const std::string what = counts(options, outcome.delivered, outcome.failed);
    return report("produce", outcome.first_was_sent
                                 ? (*client)->explain(outcome.first_error, what)
                                 : (*client)->explain_unsent(outcome.first_error, what));
  }
  print_written(options, outcome.delivered);
  return kDone;
}

// Lines go out as they come: what one read of standard input brought is one publish, or a few.
Result<void> publish_lines(PushProducer& producer, const LineFormat& format) {
  LineReader lines(STDIN_FILENO);
  for (bool more = true; more && producer.outcome().failed == 0;) {
    producer.poll(0);
    std::array<pollfd, 2> waited{pollfd{STDIN_FILENO, POLLIN, 0},
                                 pollfd{producer.descriptor(), POLLIN, 0}};
    if (poll(waited.data(), waited.size(), -1) < 0 || waited[0].revents == 0) continue;
    const Result<bool> read = lines.read();
    if (!read) return std::unexpected(read.error());
    more = *read;
    while (const auto line = lines.next()) {
      producer.add(record_of(format, *line));
      if (producer.outcome().failed > 0) return {};
    }
    producer.flush();
  }
  return {};
}

int run_push(const ProduceOptions& options, const HeaderList& headers) {
  using Ack = PushProducer::Ack;
  const Ack ack = options.acks == "0"   ? Ack::kNone
                  : options.acks == "1" ? Ack::kAppended
                                        : Ack::kDurable;
  PushOptions push = options.push;
  push.timeout_ms = static_cast<int>(options.client.timeout_s * 1000);
  const auto producer = PushProducer::start(
      push,
      {.topic = options.topic, .ack = ack, .partition = options.partition, .headers = headers});
  if (!producer) return report("produce", producer.error());
  if (auto read = publish_lines(**producer, options.format); !read) {
    return report("produce", read.error());
  }
  (*producer)->finish();
  const PushProducer::Outcome& outcome = (*producer)->outcome();
  if (outcome.failed > 0) {
    return report("produce",
                  {outcome.first_error.code, counts(options, outcome.written, outcome.failed) +
                                                 ": " + outcome.first_error.message});
  }
  print_written(options, outcome.written);
  return kDone;
}

int run(const ProduceOptions& options) {
  const Result<HeaderList> headers = parse_headers(options.headers);
  if (!headers) return report("produce", headers.error());
  return options.push.push ? run_push(options, *headers) : run_kafka(options, *headers);
}

}  // namespace

void add_produce(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("produce", "Write each line of standard input as a record");
  const auto options = std::make_shared<ProduceOptions>();
  command->add_option("TOPIC", options->topic, "Topic to write to")->required();
  command->add_option("-k,--key", options->format.key, "Key of every record");
  command->add_option("-K,--key-separator", options->format.key_separator,
                      "A line is KEY, this text, VALUE; a line without it has no key");
  command->add_option("-H,--header", options->headers, "A header of every record; may be repeated")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("-p,--partition", options->partition, "Partition; unset: chosen by the key")
      ->check(CLI::Range(0, 1'000'000));
  command
      ->add_option(
          "-a,--acks", options->acks,
          "0: no answer; 1 and all: once consumers may see it, as the topic's durability and "
          "visibility say (1 with --push: in the log)")
      ->check(CLI::IsMember({"0", "1", "all"}))
      ->capture_default_str();
  command->add_option("-z,--compression", options->compression, "Compression of the batches")
      ->check(CLI::IsMember({"none", "gzip", "snappy", "lz4", "zstd"}))
      ->capture_default_str();
  command->add_flag("-Z,--empty-is-null", options->format.empty_is_null,
                    "An empty value is a null one (a tombstone)");
  command->add_flag("-q,--quiet", options->quiet, "Say nothing when all went well");
  options->client.add_to(*command);
  options->push.add_to(*command, {"--broker", "--property", "--compression"});
  command->footer(
      "Stops at the first record that cannot be written.\n"
      "\n"
      "Examples:\n"
      "  echo 'hello' | duolog produce greetings\n"
      "  printf 'AAPL:187.2\\nMSFT:411.0\\n' | duolog produce trades --key-separator :\n"
      "  duolog produce trades --header source=desk --acks 1 < trades.txt\n"
      "  tail -f trades.txt | duolog produce trades --push");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace duolog::tools
