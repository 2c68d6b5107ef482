#include "tests/sim/server/cast.h"

#include <utility>

#include <fmt/format.h>

#include "tests/sim/server/admin.h"
#include "tests/sim/server/config_admin.h"
#include "tests/sim/server/feed_client.h"
#include "tests/sim/server/fetcher.h"
#include "tests/sim/server/group_member.h"
#include "tests/sim/server/producer.h"
#include "tests/sim/server/publisher.h"
#include "tests/sim/server/subscriber.h"

namespace duolog::sim {

std::vector<std::unique_ptr<Client>> Cast::clients() {
  add_producers();
  add_fetchers();
  add_subscribers();
  add_publishers();
  add_feeds();
  add_members();
  if (below(2) == 0) add_admin();
  if (below(2) == 0) add_config_admin();
  return std::exchange(clients_, {});
}

std::vector<std::unique_ptr<Client>> Cast::producers_and_fetchers() {
  add_producers();
  add_fetchers();
  return std::exchange(clients_, {});
}

void Cast::add_producers() {
  const std::uint64_t producers = 1 + below(5);
  for (std::uint64_t i = 0; i < producers; ++i) {
    const NewSimTopic& topic = any_topic();
    ProducerPlan plan;
    plan.topic = topic.name;
    plan.topic_id = id_of(topic);
    plan.partition = any_partition(topic);
    plan.idempotent = below(3) != 0;
    plan.acks = below(3) == 0 ? 1 : -1;
    plan.batches = static_cast<std::uint32_t>(5 + below(60));
    plan.most_in_flight = static_cast<std::uint32_t>(1 + below(5));
    plan.most_value_bytes = below(8) == 0 ? 40'000 : 1 + below(3'000);
    clients_.push_back(std::make_unique<SimProducer>(world_, fmt::format("{}p{}", wave_, i), plan));
  }
}

void Cast::add_fetchers() {
  const std::uint64_t fetchers = below(4);
  for (std::uint64_t i = 0; i < fetchers; ++i) {
    const NewSimTopic& topic = any_topic();
    FetcherPlan plan;
    plan.topic = topic.name;
    plan.topic_id = id_of(topic);
    plan.partition = any_partition(topic);
    plan.session = below(2) == 0;
    plan.max_bytes = 1 << (9 + below(8));
    clients_.push_back(std::make_unique<SimFetcher>(world_, fmt::format("{}f{}", wave_, i), plan));
  }
}

void Cast::add_subscribers() {
  for (std::uint64_t i = below(3); i > 0; --i) {
    const NewSimTopic& topic = any_topic();
    SubscriberPlan plan;
    plan.topic = topic.name;
    plan.topic_id = id_of(topic);
    plan.credit = below(2) == 0 ? 0 : static_cast<std::uint32_t>(1 + below(40));
    plan.drops = below(3) == 0 ? 20 : 0;
    plan.pauses = below(3) == 0 ? 10 : 0;
    clients_.push_back(std::make_unique<SimSubscriber>(world_, fmt::format("s{}", i), plan));
  }
}

void Cast::add_publishers() {
  for (std::uint64_t i = below(3); i > 0; --i) {
    const NewSimTopic& topic = any_topic();
    PublisherPlan plan;
    plan.topic = topic.name;
    plan.topic_id = id_of(topic);
    plan.partitions = topic.partitions;
    plan.appended = below(2) == 0;
    plan.commands = static_cast<std::uint32_t>(5 + below(60));
    plan.most_in_flight = static_cast<std::uint32_t>(1 + below(8));
    plan.most_value_bytes = below(8) == 0 ? 20'000 : 1 + below(1'500);
    clients_.push_back(std::make_unique<SimPublisher>(world_, fmt::format("w{}", i), plan));
  }
}

void Cast::add_feeds() {
  for (std::uint64_t i = below(3); i > 0; --i) {
    const NewSimTopic& topic = any_topic();
    FeedPlan plan;
    plan.topic = topic.name;
    plan.topic_id = id_of(topic);
    if (below(3) != 0) plan.partition = any_partition(topic);
    plan.binary = below(2) == 0;
    plan.drops = below(3) == 0 ? 40 : 0;
    plan.publishes = below(2) == 0 ? 0 : static_cast<std::uint32_t>(1 + below(60));
    plan.most_value_bytes = below(8) == 0 ? 20'000 : 1 + below(1'500);
    clients_.push_back(std::make_unique<SimFeedClient>(world_, fmt::format("e{}", i), plan));
  }
}

void Cast::add_members() {
  const std::uint64_t groups = below(3);
  for (std::uint64_t group = 0; group < groups; ++group) add_members_of(group);
}

void Cast::add_members_of(std::uint64_t group) {
  groups_.push_back(fmt::format("g{}", group));
  const NewSimTopic& topic = any_topic();
  const std::uint64_t members = 1 + below(4);
  const std::uint64_t statics = below(2) == 0 ? 0 : below(members + 1);
  const bool busy = below(2) == 0;
  for (std::uint64_t i = 0; i < members; ++i) {
    MemberPlan plan{.group = groups_.back(),
                    .topic = topic.name,
                    .topic_id = id_of(topic),
                    .partitions = topic.partitions};
    // Some of them under one name, one after the other or at once.
    if (i < statics) plan.instance = fmt::format("i{}", below(statics));
    plan.starts_after_us = below(4) == 0 ? below(3'000'000) : below(100'000);
    plan.beats = static_cast<std::uint32_t>(busy ? 50 + below(200) : 1 + below(50));
    plan.dies = below(3) == 0;
    plan.comes_back = static_cast<std::uint32_t>(below(3));
    plan.session_timeout_ms = static_cast<std::int32_t>(300 + below(3'000));
    plan.commit_every_us = busy ? 3'000 : 20'000;
    plan.most_commits = 1 + below(4);
    clients_.push_back(std::make_unique<SimMember>(world_, fmt::format("g{}m{}", group, i), plan));
  }
}

void Cast::add_admin() {
  AdminPlan plan{.operations = static_cast<std::uint32_t>(1 + below(40)), .others = {}};
  for (const auto& [name, id] : ids_) plan.others.push_back(id);
  clients_.push_back(std::make_unique<SimAdmin>(world_, "admin", plan));
}

void Cast::add_config_admin() {
  ConfigPlan plan{.operations = static_cast<std::uint32_t>(1 + below(30)), .topics = {}};
  for (const auto& [name, id] : ids_) plan.topics.push_back({name, id});
  clients_.push_back(std::make_unique<SimConfigAdmin>(world_, "configs", plan));
}

std::vector<std::unique_ptr<SimVandal>> Cast::vandals() {
  std::vector<std::unique_ptr<SimVandal>> all;
  for (std::uint64_t i = below(2) == 0 ? 0 : below(4); i > 0; --i) {
    VandalPlan plan{.kind = static_cast<VandalPlan::Kind>(below(VandalPlan::kKinds)),
                    .http = below(3) == 0,
                    .topic = any_topic().name,
                    .hangs_up = below(2) == 0,
                    .visits = static_cast<std::uint32_t>(1 + below(20))};
    all.push_back(std::make_unique<SimVandal>(world_, fmt::format("v{}", i), plan));
  }
  return all;
}

}  // namespace duolog::sim
