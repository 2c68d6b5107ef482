// What the features are written with: records in and out of topics, and failures as exceptions.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/e2e/rdkafka_client.h"

namespace duolog::tests {

using Text = std::optional<std::string>;  // nothing: null

struct Record {
  Text key;
  Text value;
  std::vector<std::pair<std::string, Text>> headers = {};
  std::int64_t timestamp_ms = 0;  // 0: the client's clock
  bool operator==(const Record&) const = default;
};

inline void check(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}
inline void check(rd_kafka_resp_err_t error, const std::string& what) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw std::runtime_error(what + ": " + rd_kafka_err2str(error));
  }
}

[[nodiscard]] std::vector<Record> numbered(const std::string& name, int count);

// Writes the records with acks=all; returns their offsets.
std::vector<std::int64_t> produce(const std::string& broker, const std::string& topic,
                                  std::int32_t partition, const std::vector<Record>& records,
                                  const Settings& more = {});

// A consumer without a group's assignment, and one that reads `count` records from an offset.
[[nodiscard]] Client make_consumer(const std::string& broker, const Settings& more = {});
[[nodiscard]] std::vector<Record> consume(const std::string& broker, const std::string& topic,
                                          std::int32_t partition, std::int64_t offset,
                                          std::size_t count);
[[nodiscard]] Record record_of(rd_kafka_message_t& message);

// The features, by name.
using Features = std::map<std::string, std::function<void(const std::string& broker)>>;
void add_record_features(Features& features);
void add_group_features(Features& features);
void add_admin_features(Features& features);

}  // namespace duolog::tests
