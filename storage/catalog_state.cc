#include "storage/catalog_state.h"

#include <utility>

#include "engine/base/check.h"
#include "engine/base/uuid.h"

namespace duolog::storage {

Result<void> CatalogState::check(const CatalogEntry& entry) const {
  return std::visit([this](const auto& one) { return check_one(one); }, entry);
}

void CatalogState::apply(const CatalogEntry& entry) {
  CHECK(check(entry).has_value());
  std::visit([this](const auto& one) { apply_one(one); }, entry);
}

std::vector<CatalogEntry> CatalogState::entries() const {
  std::vector<CatalogEntry> entries;
  if (!cluster_id_.is_zero()) entries.emplace_back(ClusterIdEntry{cluster_id_});
  if (incarnation_ != kNoIncarnation) entries.emplace_back(IncarnationEntry{incarnation_});
  if (next_producer_id_ > 0) entries.emplace_back(NextProducerIdEntry{next_producer_id_});
  for (const auto& [resource, configs] : resource_configs_) {
    entries.emplace_back(ResourceConfigsEntry{resource.first, resource.second, configs});
  }
  for (const auto& [name, topic] : topics_) entries.emplace_back(topic);
  for (const auto& [id, topic] : deleted_) entries.emplace_back(topic);
  return entries;
}

const TopicRecord* CatalogState::find(std::string_view name) const {
  const auto at = topics_.find(name);
  return at == topics_.end() ? nullptr : &at->second;
}

const TopicRecord* CatalogState::find(const Uuid& id) const {
  const auto at = topics_by_id_.find(id);
  return at == topics_by_id_.end() ? nullptr : at->second;
}

TopicRecord& CatalogState::topic(const Uuid& id) { return *topics_by_id_.at(id); }

Result<void> CatalogState::check_exists(const Uuid& id) const {
  if (find(id)) return {};
  return fail(Errc::kNotFound, "no topic has the id " + to_text(id));
}

// ---- Checking

Result<void> CatalogState::check_one(const ClusterIdEntry& entry) const {
  if (entry.id.is_zero()) return fail(Errc::kInvalid, "the cluster id is zero");
  if (!cluster_id_.is_zero()) return fail(Errc::kExists, "the cluster id is already known");
  return {};
}

Result<void> CatalogState::check_one(const IncarnationEntry& entry) const {
  if (entry.incarnation > incarnation_) return {};
  return fail(Errc::kInvalid, "incarnation " + std::to_string(entry.incarnation.value) +
                                  " is not above " + std::to_string(incarnation_.value));
}

Result<void> CatalogState::check_one(const TopicRecord& entry) const {
  if (entry.name.empty() || entry.id.is_zero() || entry.partition_count < 1) {
    return fail(Errc::kInvalid,
                "topic \"" + entry.name + "\" needs a name, an id and at least one partition");
  }
  if (find(entry.name)) return fail(Errc::kExists, "topic " + entry.name + " exists already");
  if (find(entry.id) || deleted_.contains(entry.id)) {
    return fail(Errc::kExists, "a topic has or had the id " + to_text(entry.id));
  }
  for (const auto& [partition, offset] : entry.log_starts) {
    if (partition.value < 0 || partition.value >= entry.partition_count || offset.value < 0) {
      return fail(Errc::kOutOfRange,
                  "topic " + entry.name + " has no partition " + std::to_string(partition.value));
    }
  }
  return {};
}

Result<void> CatalogState::check_one(const TopicDeletedEntry& entry) const {
  return check_exists(entry.id);
}

Result<void> CatalogState::check_one(const TopicConfigsEntry& entry) const {
  return check_exists(entry.id);
}

Result<void> CatalogState::check_one(const LogStartEntry& entry) const {
  if (auto exists = check_exists(entry.id); !exists) return exists;
  const TopicRecord& record = *find(entry.id);
  if (entry.partition.value < 0 || entry.partition.value >= record.partition_count) {
    return fail(Errc::kOutOfRange, "topic " + record.name + " has no partition " +
                                       std::to_string(entry.partition.value));
  }
  const auto start = record.log_starts.find(entry.partition);
  const Offset now = start == record.log_starts.end() ? Offset{0} : start->second;
  if (entry.offset >= now) return {};
  return fail(Errc::kOutOfRange, "the log of " + record.name + "-" +
                                     std::to_string(entry.partition.value) + " starts at " +
                                     std::to_string(now.value) + " and cannot start at " +
                                     std::to_string(entry.offset.value) + " again");
}

Result<void> CatalogState::check_one(const PartitionsAddedEntry& entry) const {
  if (auto exists = check_exists(entry.id); !exists) return exists;
  const TopicRecord& record = *find(entry.id);
  if (entry.partition_count > record.partition_count) return {};
  return fail(Errc::kInvalid, "topic " + record.name + " has " +
                                  std::to_string(record.partition_count) +
                                  " partitions: their number can only grow");
}

Result<void> CatalogState::check_one(const DeletedTopic& entry) const {
  if (!find(entry.id) && !deleted_.contains(entry.id)) return {};
  return fail(Errc::kExists, "a topic has or had the id " + to_text(entry.id));
}

Result<void> CatalogState::check_one(const DeletedForgottenEntry& entry) const {
  if (deleted_.contains(entry.id)) return {};
  return fail(Errc::kNotFound, "no deleted topic had the id " + to_text(entry.id));
}

Result<void> CatalogState::check_one(const NextProducerIdEntry& entry) const {
  if (entry.next_producer_id > next_producer_id_) return {};
  return fail(Errc::kInvalid, "producer ids up to " + std::to_string(next_producer_id_) +
                                  " were given out already");
}

Result<void> CatalogState::check_one(const ResourceConfigsEntry&) const { return {}; }

// ---- Applying

void CatalogState::apply_one(const ClusterIdEntry& entry) { cluster_id_ = entry.id; }

void CatalogState::apply_one(const IncarnationEntry& entry) { incarnation_ = entry.incarnation; }

void CatalogState::apply_one(const TopicRecord& entry) {
  const auto [at, added] = topics_.emplace(entry.name, entry);
  CHECK(added);
  topics_by_id_[entry.id] = &at->second;
}

void CatalogState::apply_one(const TopicDeletedEntry& entry) {
  const TopicRecord& gone = topic(entry.id);
  deleted_[entry.id] = DeletedTopic{gone.name, gone.id, gone.partition_count};
  topics_by_id_.erase(entry.id);
  topics_.erase(deleted_[entry.id].name);
}

void CatalogState::apply_one(const TopicConfigsEntry& entry) {
  topic(entry.id).configs = entry.configs;
}

void CatalogState::apply_one(const LogStartEntry& entry) {
  topic(entry.id).log_starts[entry.partition] = entry.offset;
}

void CatalogState::apply_one(const PartitionsAddedEntry& entry) {
  topic(entry.id).partition_count = entry.partition_count;
}

void CatalogState::apply_one(const DeletedTopic& entry) { deleted_[entry.id] = entry; }

void CatalogState::apply_one(const DeletedForgottenEntry& entry) { deleted_.erase(entry.id); }

void CatalogState::apply_one(const NextProducerIdEntry& entry) {
  next_producer_id_ = entry.next_producer_id;
}

void CatalogState::apply_one(const ResourceConfigsEntry& entry) {
  std::pair resource(entry.resource_type, entry.name);
  if (entry.configs.empty()) {
    resource_configs_.erase(resource);
  } else {
    resource_configs_[std::move(resource)] = entry.configs;
  }
}

}  // namespace duolog::storage
