#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "engine/broker/cluster.h"
#include "engine/session/kafka/requests/config_access.h"
#include "engine/session/kafka/requests/distinct.h"
#include "engine/session/kafka/requests/gathering_job.h"
#include "engine/session/kafka/requests/handlers.h"
#include "engine/session/kafka/requests/logger.h"
#include "engine/session/kafka/requests/refusal.h"
#include "net/kafka/configs.h"

namespace duolog::session {
namespace {

using broker::ConfigResource;
using broker::NewConfigs;
using kafka::ErrorCode;
using Operation = broker::NewConfigs::Operation;

// AlterConfigs sets what it names and unsets the rest.
constexpr bool replaces(const kafka::AlterConfigsRequest&) { return true; }
constexpr bool replaces(const kafka::IncrementalAlterConfigsRequest&) { return false; }
constexpr std::int8_t operation_of(const kafka::AlterConfigsRequest::Resource::Config&) {
  return static_cast<std::int8_t>(Operation::kSet);
}
constexpr std::int8_t operation_of(
    const kafka::IncrementalAlterConfigsRequest::Resource::Config& config) {
  return config.config_operation;
}

// The settings of one resource, as far as they can be read without knowing the resource.
template <class Asked>
Refusal read_settings(const Asked& asked, NewConfigs& wanted) {
  std::set<std::string_view> names;
  for (const auto& config : asked.configs) {
    if (!names.insert(config.name).second) {
      return {ErrorCode::kInvalidRequest, "Error due to duplicate config keys"};
    }
    const std::int8_t operation = operation_of(config);
    if (operation < 0 || operation > static_cast<std::int8_t>(Operation::kSubtract)) {
      return {ErrorCode::kInvalidRequest, "Unknown operation type id " + std::to_string(operation)};
    }
    if (!config.value && static_cast<Operation>(operation) != Operation::kDelete) {
      return {ErrorCode::kInvalidRequest,
              "Null value not supported for : " + std::string(config.name)};
    }
    wanted.settings.push_back({std::string(config.name), static_cast<Operation>(operation),
                               std::string(config.value.value_or(""))});
  }
  return {};
}

bool is_given(const NewConfigs::Setting& setting) {
  return setting.operation != Operation::kDelete;
}

Refusal change_logger(const NewConfigs& wanted) {
  for (const NewConfigs::Setting& setting : wanted.settings) {
    if (setting.name != kLogger) {
      return {ErrorCode::kInvalidConfig, "Logger " + setting.name + " does not exist!"};
    }
    if (setting.operation != Operation::kSet) {
      return {ErrorCode::kInvalidRequest, "The level of a logger can only be set"};
    }
    const auto level = find_level(setting.value);
    if (!level) {
      return {ErrorCode::kInvalidConfig,
              "Cannot set the log level of " + setting.name + " to " + setting.value +
                  " as it is not a supported log level. Valid log levels are DEBUG, ERROR, FATAL, "
                  "INFO, TRACE, WARN"};
    }
    if (!wanted.validate_only) runtime::set_log_level(*level);
  }
  return {};
}

// An AlterConfigs or IncrementalAlterConfigs request.
template <class RequestType, class Response>
class AlterConfigsJob final : public GatheringJob {
 public:
  using Request = RequestType;
  using GatheringJob::GatheringJob;

  void start(const Request& request) {
    responses_ = slot_.arena.make<ResourceResponse>(request.resources.size());
    const auto which = [](const ResourceRequest& asked) {
      return std::pair(asked.resource_type, asked.resource_name);
    };
    for_each_distinct(request.resources, which, [&](const ResourceRequest& asked, bool again) {
      ResourceResponse& response = responses_[count_++];
      response.resource_type = asked.resource_type;
      response.resource_name = slot_.arena.copy(asked.resource_name);
      response.error_message = std::nullopt;
      if (again) {
        return refuse(response, ErrorCode::kInvalidRequest,
                      "Each resource must appear at most once.");
      }
      start_resource(request, asked, response);
    });
  }

 private:
  using ResourceRequest = Request::Resource;
  using ResourceResponse = Response::Resource;

  void start_resource(const Request& request, const ResourceRequest& asked,
                      ResourceResponse& response) {
    NewConfigs wanted{.resource = static_cast<ConfigResource>(asked.resource_type),
                      .name = std::string(asked.resource_name),
                      .replace = replaces(request),
                      .validate_only = request.validate_only,
                      .by = slot_.connection.who(slot_)};
    Refusal refusal = read_settings(asked, wanted);
    if (refusal.error == ErrorCode::kNone) refusal = check_resource(wanted);
    if (refusal.error != ErrorCode::kNone) {
      return refuse(response, refusal.error, refusal.message);
    }
    if (wanted.resource == ConfigResource::kBroker && !wanted.name.empty()) {
      // However it was written ("01").
      wanted.name = std::to_string(slot_.connection.broker().options().node_id);
    }
    if (wanted.resource == ConfigResource::kBrokerLogger) {
      const Refusal outcome = change_logger(wanted);
      return refuse(response, outcome.error, outcome.message);
    }
    slot_.connection.broker().alter_configs(
        std::move(wanted), then([this, &response](const broker::TopicOutcome& outcome) {
          refuse(response, outcome.error, outcome.message);
        }));
  }

  // What is wrong with who asks for what.
  [[nodiscard]] Refusal check_resource(const NewConfigs& wanted) const {
    Refusal refusal = check_config_access(slot_, wanted.resource, wanted.name);
    if (refusal.error != ErrorCode::kNone) return refusal;
    const std::int32_t here = slot_.connection.broker().options().node_id;
    switch (wanted.resource) {
      case ConfigResource::kTopic:
        if (!wanted.name.empty()) return {};
        return {ErrorCode::kInvalidRequest, "Default topic resources are not allowed."};
      case ConfigResource::kBroker:
        if (wanted.name.empty()) return {};  // every broker
        return check_broker_id(wanted.name, here);
      case ConfigResource::kBrokerLogger:
        if (wanted.replace) {
          return {ErrorCode::kInvalidRequest, "Loggers are altered by IncrementalAlterConfigs"};
        }
        return check_broker_id(wanted.name, here);
      case ConfigResource::kClientMetrics:
        if (std::ranges::any_of(wanted.settings, is_given)) {
          return {ErrorCode::kInvalidRequest,
                  "This server takes no metrics from clients: there is nothing to subscribe to."};
        }
        [[fallthrough]];
      case ConfigResource::kGroup:
        if (!wanted.name.empty()) return {};
        return {ErrorCode::kInvalidRequest, "The name of the resource is empty."};
    }
    return {
        ErrorCode::kInvalidRequest,
        "Unsupported resource type: " + std::to_string(static_cast<std::int8_t>(wanted.resource))};
  }

  void finish() override {
    slot_.connection.answer(slot_, Response{.responses = responses_.first(count_)});
  }

  std::span<ResourceResponse> responses_;  // in the slot's arena
  std::size_t count_ = 0;
};

}  // namespace

Result<void> alter_configs(ResponseSlot& slot, kafka::Reader& reader) {
  return start_job<AlterConfigsJob<kafka::AlterConfigsRequest, kafka::AlterConfigsResponse>>(
      slot, reader);
}

Result<void> incremental_alter_configs(ResponseSlot& slot, kafka::Reader& reader) {
  return start_job<AlterConfigsJob<kafka::IncrementalAlterConfigsRequest,
                                   kafka::IncrementalAlterConfigsResponse>>(slot, reader);
}

}  // namespace duolog::session
