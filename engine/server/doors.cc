#include "engine/server/doors.h"

#include <unistd.h>

#include "engine/base/version.h"
#include "engine/runtime/log.h"
#include "engine/session/kafka/counter_list.h"

namespace duolog::server {
namespace {

constexpr ShardId kListening{0};

constexpr std::uint64_t kMsPerMinute = 60'000;

groups::GroupSettings group_settings(const Config& config) {
  groups::GroupSettings settings;
  settings.offset_metadata_max_bytes = static_cast<std::uint32_t>(config.offset_metadata_max_bytes);
  settings.offsets_retention_ms = config.offsets_retention_minutes * kMsPerMinute;
  settings.offsets_retention_check_interval_ms = config.offsets_retention_check_interval_ms;
  settings.max_groups = config.max_groups;
  settings.max_offsets = config.max_committed_offsets;
  settings.members.initial_rebalance_delay_ms = config.group_initial_rebalance_delay_ms;
  settings.members.min_session_timeout_ms = config.group_min_session_timeout_ms;
  settings.members.max_session_timeout_ms = config.group_max_session_timeout_ms;
  settings.members.max_size = config.group_max_size;
  return settings;
}

}  // namespace

Doors::Doors(broker::Cluster& cluster, const Config& config, std::size_t shards)
    : cluster_(cluster),
      kafka_address_(config.advertise.value_or(config.kafka)),
      max_connections_per_shard_((config.max_connections + shards - 1) / shards),
      groups_(group_settings(config), shards),
      view_(shards),
      sides_(shards) {
  kafka_settings_.max_request_bytes = static_cast<std::uint32_t>(config.socket_request_max_bytes);
  kafka_settings_.request_budget_bytes = config.queued_max_request_bytes;
  kafka_settings_.max_in_flight = config.max_in_flight_requests;
  kafka_settings_.max_held_bytes = config.max_in_flight_bytes;
  kafka_settings_.max_idle_ms = config.connections_max_idle_ms;
  http_settings_.http.access.host_names = config.ws_allowed_hosts;
  http_settings_.http.access.allowed_origins = config.ws_allowed_origins;
  http_settings_.http.access.listen_address = config.http.host;
  http_settings_.http.request_timeout_ms = config.http_upgrade_timeout_ms;
  http_settings_.http.max_listed_partitions = config.http_max_listed_partitions;
  http_settings_.websocket.echo = config.echo;
  http_settings_.websocket.max_message_bytes =
      static_cast<std::uint32_t>(config.ws_max_message_bytes);
  http_settings_.live.compress = config.ws_compression;
  http_settings_.push.server = "duolog/" + std::string(version());
}

Result<void> Doors::start(runtime::Shard& shard) {
  auto broker = cluster_.start_broker(shard);
  if (!broker) return std::unexpected(broker.error());
  Side& side = sides_[shard.id().value];
  side.broker = *broker;
  side.groups = &groups_.start(**broker);
  side.kafka = std::make_unique<session::KafkaSessions>(**broker, *side.groups, kafka_settings_);
  side.http = std::make_unique<session::HttpPort>(**broker, http_settings_, view_);
  runtime::CounterList& list = view_.list(shard.id());
  list.add(runtime::kMetrics, shard.counters());
  list.add(broker::kBrokerMetrics, side.broker->counters());
  session::list_counters(list, side.kafka->counters());
  list.add(groups::kGroupMetrics, side.groups->counters());
  list.add(groups::kMembershipMetrics, side.groups->counters().members);
  side.http->list_counters(list);
  return {};
}

void Doors::stop(runtime::Shard& shard) {
  view_.set(session::ServerView::State::kStopping);
  if (shard.id() == kListening) {
    close_listener(kafka_listener_);
    close_listener(http_listener_);
  }
  Side& side = sides_[shard.id().value];
  side.kafka->stop();
  side.http->drain();
  side.groups->stop();
  shard.hold();
  side.broker->stop([&shard] { shard.release(); });
}

void Doors::close_listener(std::unique_ptr<runtime::Listener>& listener) {
  if (!listener) return;
  listener.release()->close([](runtime::Listener& closed, void*) { delete &closed; }, nullptr);
}

bool Doors::admit(runtime::Shard& here, int descriptor) {
  if (here.counters().sockets_open.get() < max_connections_per_shard_) return true;
  ::close(descriptor);
  here.counters().connections_refused.add();
  return false;
}

void Doors::open(runtime::Runtime& runtime, runtime::ListeningSocket kafka,
                 runtime::ListeningSocket http) {
  if (kafka_address_.port == 0) kafka_address_.port = kafka.port;
  view_.set_kafka_address(to_string(kafka_address_));
  view_.set(session::ServerView::State::kReady);
  runtime.run_on_and_wait(kListening, [&, this](runtime::Shard& shard) {
    kafka_listener_ = std::make_unique<runtime::Listener>(
        shard, kafka,
        [](runtime::Shard& here, void* self, int descriptor) {
          auto& doors = *static_cast<Doors*>(self);
          if (doors.admit(here, descriptor))
            doors.sides_[here.id().value].kafka->accept(descriptor);
        },
        this);
    http_listener_ = std::make_unique<runtime::Listener>(
        shard, http,
        [](runtime::Shard& here, void* self, int descriptor) {
          auto& doors = *static_cast<Doors*>(self);
          if (doors.admit(here, descriptor)) doors.sides_[here.id().value].http->accept(descriptor);
        },
        this);
  });
}

}  // namespace duolog::server
