// MetricsText: Prometheus' text format, version 0.0.4, written from front to back.
//
//   # HELP duolog_kafka_requests_total Requests answered
//   # TYPE duolog_kafka_requests_total counter
//   duolog_kafka_requests_total{shard="0",api="Fetch"} 1027
//
// Every sample belongs to the family that was begun last; a family is begun once. One thread; the
// caller bounds how much it writes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace duolog::http {

inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

struct MetricLabel {
  std::string_view name;
  std::string_view value;  // any text; what it may not hold is escaped
};

class MetricsText {
 public:
  // `type`: "counter" or "gauge". `help` is one line.
  void family(std::string_view name, std::string_view type, std::string_view help);
  // A sample of the family: `value` with that many decimals, so that 1500 with 3 is 1.500.
  void sample(std::span<const MetricLabel> labels, std::uint64_t value, unsigned decimals = 0);

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::string family_;
};

}  // namespace duolog::http
