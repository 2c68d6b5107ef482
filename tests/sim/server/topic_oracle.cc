#include "tests/sim/server/topic_oracle.h"

#include <algorithm>

#include <fmt/format.h>

namespace duolog::sim {

void TopicOracle::created(const std::string& name, const std::string& id, std::int32_t partitions) {
  ++acks_;
  creating_.erase(name);
  if (gone_.contains(id) || topics_.contains(id)) {
    oracle_.wrong(fmt::format("topic {}: the id {} was given out before", name, id));
  }
  topics_[id] = {.name = name, .id = id, .partitions = partitions, .most_partitions = partitions};
}

void TopicOracle::growing(const std::string& id, std::int32_t partitions) {
  topics_.at(id).most_partitions = partitions;
}

void TopicOracle::grown(const std::string& id, std::int32_t partitions) {
  ++acks_;
  topics_.at(id).partitions = partitions;
}

void TopicOracle::deleting(const std::string& id) {
  topics_.at(id).deleting = true;
  oracle_.deleted(id);
}

void TopicOracle::deleted(const std::string& id) {
  ++acks_;
  topics_.erase(id);
  gone_.insert(id);
}

TopicOracle::Expected TopicOracle::expected() const {
  Expected all{.topics = {}, .gone = gone_};
  for (const auto& [id, topic] : topics_) {
    if (!topic.deleting) all.topics.push_back(topic);
  }
  return all;
}

const KnownTopic* TopicOracle::find(const std::string& id) const {
  const auto found = topics_.find(id);
  return found == topics_.end() ? nullptr : &found->second;
}

void TopicOracle::listed(const Expected& expected, const std::vector<KnownTopic>& topics) {
  for (const KnownTopic& topic : topics) {
    if (expected.gone.contains(topic.id)) {
      oracle_.wrong(fmt::format("topic {}: {} was deleted, and is there", topic.name, topic.id));
    }
    const KnownTopic* known = find(topic.id);
    const bool may_be = known != nullptr || gone_.contains(topic.id) ||
                        creating_.contains(topic.name) || topic.name.starts_with("__");
    if (!may_be) {
      oracle_.wrong(fmt::format("topic {}: nobody made it as {}", topic.name, topic.id));
    }
    if (known != nullptr && (topic.name != known->name || topic.partitions < 1 ||
                             topic.partitions > known->most_partitions)) {
      oracle_.wrong(fmt::format("topic {}: listed as {} with {} partitions, and has at most {}",
                                known->name, topic.name, topic.partitions, known->most_partitions));
    }
  }
  for (const KnownTopic& topic : expected.topics) {
    const KnownTopic* now = find(topic.id);
    if (now == nullptr || now->deleting) continue;  // meanwhile
    const auto found = std::ranges::find(topics, topic.id, &KnownTopic::id);
    if (found == topics.end()) {
      oracle_.wrong(fmt::format("topic {}: created as {}, and is gone", topic.name, topic.id));
    } else if (found->partitions < topic.partitions) {
      oracle_.wrong(fmt::format("topic {}: has {} partitions, and had {}", topic.name,
                                found->partitions, topic.partitions));
    }
  }
}

}  // namespace duolog::sim
