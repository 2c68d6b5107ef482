// What is asked of both servers. A scenario makes topics of its own, so that it needs no other.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "tests/differential/differ.h"

namespace duolog::differential {

struct Scenario {
  std::string_view name;
  void (*run)(Differ& differ);
  kafka::ApiKey needs = kafka::ApiKey::kApiVersions;  // passed over while that is not served
};

[[nodiscard]] std::vector<Scenario> topic_scenarios();
[[nodiscard]] std::vector<Scenario> produce_scenarios();
[[nodiscard]] std::vector<Scenario> compressed_scenarios();
[[nodiscard]] std::vector<Scenario> idempotence_scenarios();
[[nodiscard]] std::vector<Scenario> fetch_scenarios();
[[nodiscard]] std::vector<Scenario> offset_scenarios();
[[nodiscard]] std::vector<Scenario> group_scenarios();
[[nodiscard]] std::vector<Scenario> admin_scenarios();

// A view of one element, which outlives the call that it is made for.
template <class T>
[[nodiscard]] std::span<T> one(T& element) {
  return std::span(&element, 1);
}

// Creates a topic on both servers and waits until both have it.
void create_topic(Differ& differ, std::string_view name, std::int32_t partitions = 1);

// A batch of records with these values, at times 1000, 1001, ...
[[nodiscard]] std::vector<std::uint8_t> batch_of(std::initializer_list<std::string_view> values,
                                                 std::int64_t first_timestamp = 1000);

// Appends a batch to a partition of both.
void produce(Differ& differ, std::string_view topic, std::int32_t partition, Bytes batch);

}  // namespace duolog::differential
