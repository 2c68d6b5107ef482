#include "engine/broker/change_log.h"

#include "engine/base/clock.h"

namespace duolog::broker {
namespace {

std::string count_of(std::size_t partitions) {
  return std::to_string(partitions) + (partitions == 1 ? " partition" : " partitions");
}

std::string_view kind_of(ConfigResource resource) {
  switch (resource) {
    case ConfigResource::kTopic:
      return "topic";
    case ConfigResource::kBroker:
    case ConfigResource::kBrokerLogger:
      return "broker";
    case ConfigResource::kGroup:
      return "group";
    case ConfigResource::kClientMetrics:
      return "client metrics";
  }
  return "?";
}

// "retention.ms=1000"; a secret stays one, and so does what a key says that nobody here knows.
std::string text_of(const NewConfigs::Setting& setting, ConfigResource resource) {
  using Operation = NewConfigs::Operation;
  const ConfigKey* key = find_config_key(resource, setting.name);
  const std::string value = key == nullptr || key->is_sensitive() ? "(hidden)" : setting.value;
  switch (setting.operation) {
    case Operation::kSet:
      return setting.name + "=" + value;
    case Operation::kDelete:
      return setting.name + " unset";
    case Operation::kAppend:
      return setting.name + "+=" + value;
    case Operation::kSubtract:
      return setting.name + "-=" + value;
  }
  return setting.name;
}

}  // namespace

void ChangeLog::created(const Topic& topic, std::string_view by) {
  std::string line = "topic '" + topic.name + "' created with " + count_of(topic.partitions.size());
  for (const auto& [name, value] : topic.config->overrides)
    line.append(", ").append(name).append("=").append(value);
  write(std::move(line), by);
}

void ChangeLog::deleted(const Topic& topic, std::string_view by) {
  write("topic '" + topic.name + "' deleted", by);
}

void ChangeLog::grown(const Topic& topic, std::size_t before, std::string_view by) {
  write("topic '" + topic.name + "' has " + count_of(topic.partitions.size()) + " instead of " +
            std::to_string(before) + ": changed",
        by);
}

void ChangeLog::records_deleted(const Partition& partition, Offset start, std::string_view by) {
  write("topic '" + partition.topic.name + "', partition " + std::to_string(partition.id.value) +
            ": records before offset " + std::to_string(start.value) + " deleted",
        by);
}

void ChangeLog::altered(const NewConfigs& wanted) {
  std::string line = "settings of " + std::string(kind_of(wanted.resource)) + " '" + wanted.name +
                     "' " + (wanted.replace ? "replaced" : "changed") + ":";
  for (const NewConfigs::Setting& setting : wanted.settings) {
    line += ' ' + text_of(setting, wanted.resource) + ',';
    if (line.size() > kMaxLineBytes) break;
  }
  if (wanted.settings.empty()) line += " all unset,";
  write(std::move(line), wanted.by);
}

// A name or a value may have any bytes; a line is one line.
void ChangeLog::write(std::string line, std::string_view by) {
  if (line.size() > kMaxLineBytes) line.replace(kMaxLineBytes, std::string::npos, " ...");
  line += " by ";
  line += by.empty() ? "the server" : by.substr(0, kMaxLineBytes);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  limit_.info(monotonic_ns(), line);
}

}  // namespace duolog::broker
