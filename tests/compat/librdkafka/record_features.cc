#include <algorithm>
#include <random>

#include "tests/compat/librdkafka/client.h"

namespace duolog::tests {
namespace {

void offsets_are_from_zero(const std::vector<std::int64_t>& offsets) {
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    check(offsets[i] == static_cast<std::int64_t>(i), "an ack with another offset");
  }
}

void check_produce(const std::string& broker) {
  for (const int partition : {0, 1}) {
    offsets_are_from_zero(produce(broker, "produce", partition, numbered("v", 100)));
  }
}

void check_consume(const std::string& broker) {
  for (const int partition : {0, 1}) {
    const auto records = numbered("p" + std::to_string(partition), 100);
    produce(broker, "consume", partition, records);
    check(consume(broker, "consume", partition, RD_KAFKA_OFFSET_BEGINNING, 100) == records,
          "other records came back");
  }
}

void check_seek_offset(const std::string& broker) {
  const auto records = numbered("v", 20);
  produce(broker, "seek-offset", 0, records);
  check(consume(broker, "seek-offset", 0, 7, 13) ==
            std::vector<Record>(records.begin() + 7, records.end()),
        "other records from offset 7 on");
  check(consume(broker, "seek-offset", 0, RD_KAFKA_OFFSET_TAIL(3), 3) ==
            std::vector<Record>(records.end() - 3, records.end()),
        "other records at the end");
}

void check_seek_time(const std::string& broker) {
  constexpr std::int64_t kBeginMs = 1'700'000'000'000;
  auto records = numbered("v", 20);
  for (int i = 0; i < 20; ++i) {
    records[static_cast<std::size_t>(i)].timestamp_ms = kBeginMs + 1000 * i;
  }
  produce(broker, "seek-time", 0, records);
  const Client client = make_consumer(broker, {{"group.id", "none"}});
  const std::pair<std::int64_t, std::int64_t> asked[] = {
      {kBeginMs, 0}, {kBeginMs + 6001, 7}, {kBeginMs + 19'001, RD_KAFKA_OFFSET_END}};
  for (const auto& [time_ms, offset] : asked) {
    const Partitions found(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(found.get(), "seek-time", 0)->offset = time_ms;
    check(rd_kafka_offsets_for_times(client.get(), found.get(), 20'000), "offsets for times");
    check(found->elems[0].offset == offset,
          std::to_string(found->elems[0].offset) + " instead of " + std::to_string(offset));
  }
}

void check_codec(const std::string& broker, const std::string& codec) {
  auto records = numbered("v", 50);
  for (Record& record : records) record.value->append(400, 'c');
  produce(broker, "codec-" + codec, 0, records, {{"compression.type", codec}, {"linger.ms", "50"}});
  check(consume(broker, "codec-" + codec, 0, 0, 50) == records, "other records came back");
}

void check_headers(const std::string& broker) {
  const std::vector<Record> records = {
      {.key = std::nullopt,
       .value = "v",
       .headers = {
           {"a", "1"}, {"a", "2"}, {"empty", ""}, {"null", std::nullopt}, {"", "unnamed"}}}};
  produce(broker, "headers", 0, records);
  check(consume(broker, "headers", 0, 0, 1) == records, "other headers came back");
}

void check_nulls(const std::string& broker) {
  const std::vector<Record> records = {
      {std::nullopt, "no key"}, {"no value", std::nullopt}, {std::nullopt, std::nullopt}, {"", ""}};
  produce(broker, "nulls", 0, records);
  check(consume(broker, "nulls", 0, 0, 4) == records, "null and empty are mixed up");
}

void check_large(const std::string& broker) {
  std::mt19937_64 dice(5);
  std::string value(5 << 20, '\0');
  std::ranges::generate(value, [&] { return static_cast<char>(dice()); });
  const std::vector<Record> records = {{std::nullopt, value}};
  produce(broker, "large", 0, records);
  check(consume(broker, "large", 0, 0, 1) == records, "another value came back");
}

void check_idempotence(const std::string& broker) {
  const auto records = numbered("v", 1000);
  offsets_are_from_zero(produce(broker, "idempotence", 0, records,
                                {{"enable.idempotence", "true"}, {"batch.num.messages", "10"}}));
  check(consume(broker, "idempotence", 0, 0, 1000) == records, "other records came back");
}

}  // namespace

void add_record_features(Features& features) {
  features["produce"] = check_produce;
  features["consume"] = check_consume;
  features["seek-offset"] = check_seek_offset;
  features["seek-time"] = check_seek_time;
  for (const std::string codec : {"none", "gzip", "snappy", "lz4", "zstd"}) {
    features["codec-" + codec] = [codec](const std::string& broker) { check_codec(broker, codec); };
  }
  features["headers"] = check_headers;
  features["nulls"] = check_nulls;
  features["large"] = check_large;
  features["idempotence"] = check_idempotence;
}

}  // namespace duolog::tests
