#include "engine/server/doors.h"

#include <algorithm>

#include "engine/base/version.h"
#include "engine/runtime/descriptors.h"
#include "engine/session/kafka/counter_list.h"

namespace duolog::server {
namespace {

constexpr ShardId kListening{0};

// With what is no setting: where we listen, and what we are.
session::HttpPortSettings http_settings(const Config& config) {
  session::HttpPortSettings settings{config.http, config.websocket, config.live, config.push};
  settings.http.access.listen_address = config.http_address.host;
  // Whatever is taken can be read.
  settings.live.max_inflated_batch_bytes =
      std::max(settings.live.max_inflated_batch_bytes, config.kafka.max_inflated_bytes);
  settings.push.server = "duolog/" + std::string(version());
  return settings;
}

}  // namespace

Doors::Doors(broker::Cluster& cluster, const Config& config, std::size_t shards)
    : cluster_(cluster),
      kafka_address_(config.advertise.value_or(config.kafka_address)),
      kafka_settings_(config.kafka),
      http_settings_(http_settings(config)),
      max_connections_per_shard_((config.max_connections + shards - 1) / shards),
      groups_(config.groups, shards),
      view_(shards),
      sides_(shards) {}

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
  runtime::close_descriptor(descriptor);
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
