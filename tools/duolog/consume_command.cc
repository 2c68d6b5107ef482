#include <charconv>
#include <csignal>
#include <cstdio>
#include <limits>

#include <fmt/core.h>

#include "tools/duolog/client/consumer.h"
#include "tools/duolog/client/record_format.h"
#include "tools/duolog/command.h"

namespace duolog::tools {

namespace {

struct ConsumeOptions {
  ClientOptions client;
  std::string topic;
  std::vector<int> partitions;
  std::string from = "earliest";
  std::uint64_t count = std::numeric_limits<std::uint64_t>::max();
  bool exit_at_end = false;
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

int print_all(Consumer& consumer, const ConsumeOptions& options, const RecordFormat& format) {
  std::string text;
  std::uint64_t printed = 0;
  while (stopped == 0 && printed < options.count &&
         !(options.exit_at_end && consumer.all_ended())) {
    Result<Message> message = consumer.next(0);
    if (message && !*message) {  // nothing is waiting: show what there is, then wait
      std::fflush(stdout);
      message = consumer.next(100);
    }
    if (!message) {
      std::fflush(stdout);
      return report("consume", message.error());
    }
    if (!*message) continue;
    text.clear();
    const RecordView record = view(**message, options.topic);
    if (options.json) {
      append_json(record, text);
    } else {
      format.append(record, text);
    }
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
      return report("consume", {Errc::kIo, "standard output: cannot write"});
    }
    ++printed;
  }
  std::fflush(stdout);
  return kDone;
}

int run(const ConsumeOptions& options) {
  const Result<std::int64_t> from = parse_from(options.from);
  if (!from) return report("consume", from.error());
  const Result<RecordFormat> format = RecordFormat::parse(options.format);
  if (!format) return report("consume", format.error());
  const auto consumer = Consumer::start(options.client, options.topic, options.partitions, *from);
  if (!consumer) return report("consume", consumer.error());

  struct sigaction action {};
  action.sa_handler = stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // a second Ctrl-C ends the program at once
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return print_all(**consumer, options, *format);
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
  command->footer(
      "Waits for new records until Ctrl-C, unless --count or --exit say otherwise.\n"
      "\n"
      "Examples:\n"
      "  duolog consume greetings --exit\n"
      "  duolog consume trades --from -10 --format '{offset} {key}: {value}\\n'\n"
      "  duolog consume trades --from latest --json");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace duolog::tools
