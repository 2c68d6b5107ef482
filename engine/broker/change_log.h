// ChangeLog: a line at info for each change of topics and settings, with who asked for it.
//
// The Cluster's, on shard 0. At most kBurst lines in ten seconds, so that no client floods the log;
// the next line says how many there would have been.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/broker/broker.h"
#include "engine/broker/topic.h"
#include "engine/runtime/log.h"

namespace duolog::broker {

class ChangeLog {
 public:
  static constexpr std::uint32_t kBurst = 100;
  static constexpr std::size_t kMaxLineBytes = 1024;  // a longer one is cut

  // `by`: as in NewTopic.
  void created(const Topic& topic, std::string_view by);
  void deleted(const Topic& topic, std::string_view by);
  void grown(const Topic& topic, std::size_t before, std::string_view by);
  void records_deleted(const Partition& partition, Offset start, std::string_view by);
  void altered(const NewConfigs& wanted);

 private:
  void write(std::string line, std::string_view by);

  runtime::LogLimit limit_{kBurst};
};

}  // namespace duolog::broker
