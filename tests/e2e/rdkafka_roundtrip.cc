// Writes records to a topic with librdkafka, reads them back and compares every byte.
//
//   rdkafka_roundtrip BROKER TOPIC PARTITIONS RECORDS WRITE_SEED READ_SEED [NAME=VALUE ...]
//
// The topic exists and is empty. A record follows from its partition, its number in it and the
// seed, so two different seeds must be told apart. NAME=VALUE are settings of the producer. Exit
// status 0: all came back alike, in order.
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/rdkafka_client.h"

namespace duolog::tests {
namespace {

using Text = std::optional<std::string>;  // nothing: null

struct Record {
  Text key;
  Text value;
  std::vector<std::pair<std::string, Text>> headers;
  std::int64_t timestamp_ms = 0;
  bool operator==(const Record&) const = default;
};

std::string random_bytes(std::mt19937_64& dice, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(dice());
  return bytes;
}

// Null once in ten, empty once in ten, else up to `most` bytes.
Text random_text(std::mt19937_64& dice, std::size_t most) {
  const auto kind = dice() % 10;
  if (kind == 0) return std::nullopt;
  if (kind == 1) return std::string();
  return random_bytes(dice, 1 + dice() % most);
}

Record make_record(std::uint64_t seed, std::int32_t partition, std::int64_t number) {
  std::mt19937_64 dice(seed * 1'000'003 + static_cast<std::uint64_t>(partition) * 10'000'019 +
                       static_cast<std::uint64_t>(number));
  Record record;
  record.key = random_text(dice, 24);
  // Half of a value repeats, so that it compresses; now and then one is large.
  record.value = random_text(dice, dice() % 1000 == 0 ? 50'000 : 60);
  if (record.value) record.value->append(record.value->size(), 'v');
  for (auto left = dice() % 4; left > 0; --left) {
    record.headers.emplace_back(random_bytes(dice, 1 + dice() % 8), random_text(dice, 16));
    // A header's name is a C string in librdkafka.
    for (char& byte : record.headers.back().first) byte = static_cast<char>(byte | 1);
  }
  record.timestamp_ms = 1'700'000'000'000 + number * 10 + partition;
  return record;
}

std::string show(const Text& text) {
  return text ? "'" + text->substr(0, 20) + "' of " + std::to_string(text->size()) : "null";
}

struct Producer {
  std::vector<std::int64_t> delivered;  // by partition
  bool with_offsets = false;            // acks=0 knows none
};

// The opaque of a message is its number within its partition, plus one.
void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto& producer = *static_cast<Producer*>(opaque);
  const auto number =
      static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(message->_private) - 1);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    give_up(std::string("not delivered: ") + rd_kafka_err2str(message->err));
  }
  auto& delivered = producer.delivered[static_cast<std::size_t>(message->partition)];
  if (number != delivered) give_up("delivered out of order");
  if (producer.with_offsets && message->offset != number) {
    give_up("record " + std::to_string(number) + " was acked at offset " +
            std::to_string(message->offset));
  }
  ++delivered;
}

void send(rd_kafka_t* client, const std::string& topic, std::int32_t partition, std::int64_t number,
          const Record& record) {
  Headers headers(rd_kafka_headers_new(record.headers.size()));
  for (const auto& [name, value] : record.headers) {
    rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()),
                        value ? value->data() : nullptr,
                        value ? static_cast<ssize_t>(value->size()) : 0);
  }
  const auto bytes = [](const Text& text) {
    return text ? const_cast<char*>(text->data()) : nullptr;
  };
  const auto size = [](const Text& text) { return text ? text->size() : 0; };
  for (;;) {
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        client, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(bytes(record.key), size(record.key)),
        RD_KAFKA_V_VALUE(bytes(record.value), size(record.value)),
        RD_KAFKA_V_HEADERS(headers.get()), RD_KAFKA_V_TIMESTAMP(record.timestamp_ms),
        RD_KAFKA_V_OPAQUE(reinterpret_cast<void*>(number + 1)), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      (void)headers.release();  // the client's now
      return;
    }
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) give_up(rd_kafka_err2str(error));
    rd_kafka_poll(client, 100);
  }
}

struct Job {
  std::string broker;
  std::string topic;
  std::int32_t partitions;
  std::int64_t per_partition;
  std::uint64_t write_seed;
  std::uint64_t read_seed;
  Settings settings;
};

void write_all(const Job& job) {
  Producer producer;
  producer.delivered.resize(static_cast<std::size_t>(job.partitions));
  producer.with_offsets = true;
  Settings settings = {{"bootstrap.servers", job.broker}, {"linger.ms", "5"}};
  for (const auto& [name, value] : job.settings) {
    settings.emplace_back(name, value);
    if (name == "acks" && value == "0") producer.with_offsets = false;
  }
  const Client client = make_client(RD_KAFKA_PRODUCER, settings, on_delivery, &producer);
  for (std::int64_t number = 0; number < job.per_partition; ++number) {
    for (std::int32_t partition = 0; partition < job.partitions; ++partition) {
      send(client.get(), job.topic, partition, number,
           make_record(job.write_seed, partition, number));
    }
    rd_kafka_poll(client.get(), 0);
  }
  if (rd_kafka_flush(client.get(), kDeadlineMs) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    give_up("not everything was delivered in time");
  }
}

Record record_of(rd_kafka_message_t& message) {
  const auto text = [](const void* bytes, std::size_t size) -> Text {
    if (bytes == nullptr) return std::nullopt;
    return std::string(static_cast<const char*>(bytes), size);
  };
  Record record;
  record.key = text(message.key, message.key_len);
  record.value = text(message.payload, message.len);
  record.timestamp_ms = rd_kafka_message_timestamp(&message, nullptr);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      record.headers.emplace_back(name, text(value, size));
    }
  }
  return record;
}

void check_time_lookup(const Job& job, rd_kafka_t* client) {
  const std::int64_t number = job.per_partition / 3;
  const Partitions asked(rd_kafka_topic_partition_list_new(job.partitions));
  for (std::int32_t partition = 0; partition < job.partitions; ++partition) {
    // Just after a record's time: the next record is the first at or after it.
    rd_kafka_topic_partition_list_add(asked.get(), job.topic.c_str(), partition)->offset =
        make_record(job.read_seed, partition, number).timestamp_ms + 1;
  }
  if (rd_kafka_offsets_for_times(client, asked.get(), kDeadlineMs) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    give_up("offsets for times: failed");
  }
  for (int i = 0; i < asked->cnt; ++i) {
    if (asked->elems[i].offset != number + 1) {
      give_up("offsets for times: " + std::to_string(asked->elems[i].offset) + " instead of " +
              std::to_string(number + 1));
    }
  }
}

void read_all(const Job& job) {
  const Client client = make_client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", job.broker},
                                                        {"group.id", "roundtrip"},
                                                        {"enable.auto.commit", "false"},
                                                        {"check.crcs", "true"},
                                                        {"fetch.wait.max.ms", "50"}});
  const Partitions assigned(rd_kafka_topic_partition_list_new(job.partitions));
  for (std::int32_t partition = 0; partition < job.partitions; ++partition) {
    rd_kafka_topic_partition_list_add(assigned.get(), job.topic.c_str(), partition)->offset = 0;
  }
  rd_kafka_assign(client.get(), assigned.get());
  std::vector<std::int64_t> next(static_cast<std::size_t>(job.partitions));
  for (std::int64_t left = job.per_partition * job.partitions; left > 0; --left) {
    const Message message(rd_kafka_consumer_poll(client.get(), kDeadlineMs));
    if (!message) give_up(std::to_string(left) + " records did not come");
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) give_up(rd_kafka_message_errstr(message.get()));
    std::int64_t& number = next[static_cast<std::size_t>(message->partition)];
    const std::string where =
        "partition " + std::to_string(message->partition) + ", record " + std::to_string(number);
    if (message->offset != number) {
      give_up(where + " has offset " + std::to_string(message->offset));
    }
    const Record got = record_of(*message);
    const Record expected = make_record(job.read_seed, message->partition, number);
    if (got != expected) {
      give_up(where + " differs: key " + show(got.key) + " for " + show(expected.key) + ", value " +
              show(got.value) + " for " + show(expected.value) + ", " +
              std::to_string(got.headers.size()) + " headers for " +
              std::to_string(expected.headers.size()) + ", time " +
              std::to_string(got.timestamp_ms) + " for " + std::to_string(expected.timestamp_ms));
    }
    ++number;
  }
  check_time_lookup(job, client.get());
  rd_kafka_consumer_close(client.get());
}

int run(const std::vector<std::string>& words) {
  if (words.size() < 6) {
    give_up("rdkafka_roundtrip BROKER TOPIC PARTITIONS RECORDS WRITE_SEED READ_SEED [NAME=VALUE]");
  }
  Job job{.broker = words[0],
          .topic = words[1],
          .partitions = std::stoi(words[2]),
          .per_partition = std::stoll(words[3]) / std::stoi(words[2]),
          .write_seed = std::stoull(words[4]),
          .read_seed = std::stoull(words[5]),
          .settings = {}};
  for (std::size_t i = 6; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    job.settings.emplace_back(words[i].substr(0, equals), words[i].substr(equals + 1));
  }
  write_all(job);
  read_all(job);
  std::printf("%lld records came back alike\n",
              static_cast<long long>(job.per_partition * job.partitions));
  return 0;
}

}  // namespace
}  // namespace duolog::tests

int main(int argc, char** argv) {
  return duolog::tests::run(std::vector<std::string>(argv + 1, argv + argc));
}
