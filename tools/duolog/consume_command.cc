#include <charconv>
#include <csignal>
#include <cstdio>
#include <limits>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "tools/duolog/client/consumer.h"
#include "tools/duolog/client/push_consumer.h"
#include "tools/duolog/client/record_format.h"
#include "tools/duolog/command.h"

namespace duolog::tools {

namespace {

struct ConsumeOptions {
  ClientOptions client;
  PushOptions push;
  std::string topic;
  std::vector<int> partitions;
  std::string from = "earliest";
  std::uint64_t count = std::numeric_limits<std::uint64_t>::max();
  bool exit_at_end = false;
  bool fail_on_gap = false;
  bool json = false;
  std::string format = "{value}\\n";
};

volatile std::sig_atomic_t stopped = 0;

void stop(int) { stopped = 1; }

Result<std::int64_t> parse_from(const std::string& text) {
  if (text == "earliest") return RD_KAFKA_OFFSET_BEGINNING;
  if (text == "latest") return RD_KAFKA_OFFSET_END;
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || at != end || number < -1'000'000'000'000) {
    return fail(Errc::kInvalid,
                "--from '" + text + "' is not earliest, latest, an offset, or -N for the last N");
  }
  return number >= 0 ? number : RD_KAFKA_OFFSET_TAIL(-number);
}

using Field = std::optional<std::string_view>;

Field field(const void* data, std::size_t size_bytes) {
  if (data == nullptr) return std::nullopt;
  return std::string_view(static_cast<const char*>(data), size_bytes);
}

RecordView view(const rd_kafka_message_t& message, const std::string& topic) {
  RecordView record;
  record.topic = topic;
  record.partition = message.partition;
  record.offset = message.offset;
  record.timestamp_ms = rd_kafka_message_timestamp(&message, nullptr);
  record.key = field(message.key, message.key_len);
  record.value = field(message.payload, message.len);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return record;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size_bytes = 0;
  for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size_bytes) ==
                          RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    record.headers.emplace_back(name, field(value, size_bytes));
  }
  return record;
}

// A Kafka consumer with the shape of PushConsumer.
class KafkaRecords {
 public:
  KafkaRecords(Consumer& consumer, const std::string& topic) : consumer_(consumer), topic_(topic) {}

  [[nodiscard]] Result<const RecordView*> next(int timeout_ms) {
    Result<Message> message = consumer_.next(timeout_ms);
    if (!message) return std::unexpected(message.error());
    if (!*message) return nullptr;
    message_ = std::move(*message);
    record_ = view(*message_, topic_);
    return &record_;
  }
  [[nodiscard]] bool all_ended() const { return consumer_.all_ended(); }

 private:
  Consumer& consumer_;
  const std::string& topic_;
  Message message_;
  RecordView record_;
};

int print_all(auto& records, const ConsumeOptions& options, const RecordFormat& format) {
  std::string text;
  std::uint64_t printed = 0;
  while (stopped == 0 && printed < options.count && !(options.exit_at_end && records.all_ended())) {
    Result<const RecordView*> record = records.next(0);
    if (record && *record == nullptr) {  // nothing is waiting: show what there is, then wait
      std::fflush(stdout);
      record = records.next(100);
    }
    if (!record) {
      std::fflush(stdout);
      return report("consume", record.error());
    }
    if (*record == nullptr) continue;
    text.clear();
    if (options.json) {
      append_json(**record, text);
    } else {
      format.append(**record, text);
    }
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
      return report("consume", {Errc::kIo, "standard output: cannot write"});
    }
    ++printed;
  }
  std::fflush(stdout);
  return kDone;
}

// The first Ctrl-C ends the printing, a second one the program.
void stop_on_signals() {
  struct sigaction action{};
  action.sa_handler = stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int run_push(const ConsumeOptions& options, const RecordFormat& format) {
  PushOptions push = options.push;
  push.timeout_ms = static_cast<int>(options.client.timeout_s * 1000);
  const auto consumer = PushConsumer::start(
      push, {options.topic, options.partitions, options.from},
      [](const std::string& notice) { fmt::print(stderr, "duolog consume: {}\n", notice); });
  if (!consumer) return report("consume", consumer.error());
  stop_on_signals();
  const int status = print_all(**consumer, options, format);
  if (status != kDone || !options.fail_on_gap || (*consumer)->missed() == 0) return status;
  return report("consume", {Errc::kNotFound,
                            fmt::format("topic '{}': {} offsets had gone before they were read",
                                        options.topic, (*consumer)->missed())});
}

int run(const ConsumeOptions& options) {
  const Result<std::int64_t> from = parse_from(options.from);
  if (!from) return report("consume", from.error());
  const Result<RecordFormat> format = RecordFormat::parse(options.format);
  if (!format) return report("consume", format.error());
  if (options.push.push) return run_push(options, *format);
  const auto consumer = Consumer::start(options.client, options.topic, options.partitions, *from);
  if (!consumer) return report("consume", consumer.error());
  stop_on_signals();
  KafkaRecords records(**consumer, options.topic);
  return print_all(records, options, *format);
}

}  // namespace

void add_consume(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("consume", "Print the records of a topic");
  const auto options = std::make_shared<ConsumeOptions>();
  command->add_option("TOPIC", options->topic, "Topic to read")->required();
  command
      ->add_option("-o,--from", options->from,
                   "earliest, latest, an offset, or -N for the last N of each partition")
      ->type_name("POSITION")
      ->capture_default_str();
  command
      ->add_option("-p,--partition", options->partitions,
                   "A partition to read; may be repeated; unset: all")
      ->type_name("N")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("-c,--count", options->count, "Stop after so many records");
  command->add_flag("-e,--exit", options->exit_at_end, "Stop at the end of the topic");
  CLI::Option* format =
      command
          ->add_option("-f,--format", options->format,
                       "{topic} {partition} {offset} {timestamp} {key} {value} {headers} \\n \\t")
          ->capture_default_str();
  command->add_flag("-j,--json", options->json, "A line of JSON for each record")->excludes(format);
  options->client.add_to(*command);
  options->push.add_to(*command, {"--broker", "--property"});
  command
      ->add_flag("--fail-on-gap", options->fail_on_gap,
                 "With --push: status 1 when records had gone before they were read")
      ->needs("--push");
  command->footer(
      "Waits for new records until Ctrl-C, unless --count or --exit say otherwise. With --push it\n"
      "comes back after a lost connection and goes on where it was; what is missing then, because\n"
      "retention took it, is told on standard error.\n"
      "\n"
      "Examples:\n"
      "  duolog consume greetings --exit\n"
      "  duolog consume trades --from -10 --format '{offset} {key}: {value}\\n'\n"
      "  duolog consume trades --from latest --json\n"
      "  duolog consume trades --push --from -10");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace duolog::tools
