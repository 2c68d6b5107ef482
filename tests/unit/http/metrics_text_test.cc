#include "net/http/metrics_text.h"

#include <array>

#include <gtest/gtest.h>

namespace duolog::http {
namespace {

TEST(MetricsTextTest, WritesAFamilyAndItsSamplesAsPrometheusReadsThem) {
  MetricsText text;
  text.family("requests_total", "counter", "What was asked");
  const std::array<MetricLabel, 2> labels{{{"shard", "0"}, {"api", "Fetch"}}};
  text.sample(labels, 18'446'744'073'709'551'615U);
  text.family("up", "gauge", "Whether it is");
  text.sample({}, 1);
  EXPECT_EQ(text.take(),
            "# HELP requests_total What was asked\n# TYPE requests_total counter\n"
            "requests_total{shard=\"0\",api=\"Fetch\"} 18446744073709551615\n"
            "# HELP up Whether it is\n# TYPE up gauge\nup 1\n");
}

TEST(MetricsTextTest, EscapesWhatALabelsValueMayNotHold) {
  MetricsText text;
  text.family("m", "gauge", "h");
  const MetricLabel label{"l", "a\"b\\c\nd"};
  text.sample({&label, 1}, 0);
  EXPECT_TRUE(text.take().ends_with("m{l=\"a\\\"b\\\\c\\nd\"} 0\n"));
}

TEST(MetricsTextTest, WritesDecimalsOfSmallAndOfLargeNumbers) {
  MetricsText text;
  text.family("m", "gauge", "h");
  text.sample({}, 1'790'000'000'123, 3);
  text.sample({}, 45, 9);
  text.sample({}, 0, 3);
  EXPECT_TRUE(text.take().ends_with("m 1790000000.123\nm 0.000000045\nm 0.000\n"));
}

}  // namespace
}  // namespace duolog::http
