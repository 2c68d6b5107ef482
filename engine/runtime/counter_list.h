// CounterList: what one shard counts, as it is shown. Every room adds its table (metric.h), so that
// whoever shows them knows neither the rooms nor their structs.
//
// Filled on the shard while it starts; read by any thread once every shard has started. The
// counters outlive it. The lists of all shards have the same rows in the same order.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/runtime/counters.h"
#include "engine/runtime/metric.h"

namespace duolog::runtime {

class CounterList {
 public:
  struct Row {
    MetricType type;
    std::string_view name;   // rows of one name follow each other
    std::string_view help;   // one line
    std::string_view label;  // what tells rows of one name apart; empty where there is only one
    std::string label_value;
    const Counter* counter;
  };

  template <class Of, std::size_t size>
  void add(const std::array<Metric<Of>, size>& table, const Of& counters) {
    for (const Metric<Of>& row : table) {
      rows_.push_back({row.type, row.name, row.help, {}, {}, &(counters.*row.counter)});
    }
  }
  // Counters in an array: `count` of them, each counter_of(i) called label="name_of(i)".
  template <class Name, class Pick>
  void add_each(std::string_view name, std::string_view help, std::string_view label,
                std::size_t count, Name name_of, Pick counter_of) {
    for (std::size_t i = 0; i < count; ++i) {
      rows_.push_back(
          {MetricType::kCounter, name, help, label, std::string(name_of(i)), &counter_of(i)});
    }
  }

  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }

 private:
  std::vector<Row> rows_;
};

}  // namespace duolog::runtime
