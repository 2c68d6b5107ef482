#include "engine/broker/topic.h"

#include <algorithm>

namespace duolog::broker {

std::string offline_text(const Partition& partition) {
  return "partition " + std::to_string(partition.id.value) + " of topic '" + partition.topic.name +
         "' is offline: it could not be recovered when the server started";
}

PartitionId online_partition(const Topic& topic, std::int32_t wanted) {
  const auto count = static_cast<std::int32_t>(topic.partitions.size());
  for (std::int32_t i = 0; i < count; ++i) {
    const PartitionId next((wanted + i) % count);
    if (!topic.partition(next)->offline()) return next;
  }
  return PartitionId(wanted);
}

storage::LogConfig log_config_of(const Topic& topic) {
  storage::LogConfig config = topic.config->log;
  // Who writes them rewrites them, too.
  if (is_internal_topic(topic.name)) config.cleanup_delete = config.cleanup_compact = false;
  return config;
}

bool is_internal_topic(std::string_view name) {
  return name == kOffsetsTopic || name == "__transaction_state" || name == "__share_group_state";
}

bool is_valid_topic_name(std::string_view name) {
  constexpr std::size_t kMaxLength = 249;
  if (name.empty() || name.size() > kMaxLength || name == "." || name == "..") return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

}  // namespace duolog::broker
