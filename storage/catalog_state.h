// CatalogState: what the metadata log says, in memory.
//
// Catalog owns it and is the only one that changes it; its thread rules are Catalog's.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/catalog_format.h"

namespace duolog::storage {

inline constexpr LeaderEpoch kNoIncarnation{-1};

class CatalogState {
 public:
  using Topics = std::map<std::string, TopicRecord, std::less<>>;
  using DeletedTopics = std::map<Uuid, DeletedTopic>;
  // By type (Kafka's code) and name. Those without configuration are not there.
  using ResourceConfigs = std::map<std::pair<std::int32_t, std::string>, TopicConfigs>;

  // Whether the entry may follow: kExists, kNotFound, kInvalid or kOutOfRange otherwise.
  [[nodiscard]] Result<void> check(const CatalogEntry& entry) const;
  // CHECKs that it may.
  void apply(const CatalogEntry& entry);
  // Entries that make this state of an empty one.
  [[nodiscard]] std::vector<CatalogEntry> entries() const;

  // Null when there is none. Valid until the next change.
  [[nodiscard]] const TopicRecord* find(std::string_view name) const;
  [[nodiscard]] const TopicRecord* find(const Uuid& id) const;
  [[nodiscard]] const Topics& topics() const { return topics_; }
  [[nodiscard]] const DeletedTopics& deleted() const { return deleted_; }
  [[nodiscard]] const ResourceConfigs& resource_configs() const { return resource_configs_; }
  [[nodiscard]] const Uuid& cluster_id() const { return cluster_id_; }
  [[nodiscard]] LeaderEpoch incarnation() const { return incarnation_; }
  [[nodiscard]] std::int64_t next_producer_id() const { return next_producer_id_; }

 private:
  [[nodiscard]] TopicRecord& topic(const Uuid& id);
  [[nodiscard]] Result<void> check_exists(const Uuid& id) const;

  [[nodiscard]] Result<void> check_one(const ClusterIdEntry& entry) const;
  [[nodiscard]] Result<void> check_one(const IncarnationEntry& entry) const;
  [[nodiscard]] Result<void> check_one(const TopicRecord& entry) const;
  [[nodiscard]] Result<void> check_one(const TopicDeletedEntry& entry) const;
  [[nodiscard]] Result<void> check_one(const TopicConfigsEntry& entry) const;
  [[nodiscard]] Result<void> check_one(const LogStartEntry& entry) const;
  [[nodiscard]] Result<void> check_one(const PartitionsAddedEntry& entry) const;
  [[nodiscard]] Result<void> check_one(const DeletedTopic& entry) const;
  [[nodiscard]] Result<void> check_one(const DeletedForgottenEntry& entry) const;
  [[nodiscard]] Result<void> check_one(const NextProducerIdEntry& entry) const;
  [[nodiscard]] Result<void> check_one(const ResourceConfigsEntry& entry) const;

  void apply_one(const ClusterIdEntry& entry);
  void apply_one(const IncarnationEntry& entry);
  void apply_one(const TopicRecord& entry);
  void apply_one(const TopicDeletedEntry& entry);
  void apply_one(const TopicConfigsEntry& entry);
  void apply_one(const LogStartEntry& entry);
  void apply_one(const PartitionsAddedEntry& entry);
  void apply_one(const DeletedTopic& entry);
  void apply_one(const DeletedForgottenEntry& entry);
  void apply_one(const NextProducerIdEntry& entry);
  void apply_one(const ResourceConfigsEntry& entry);

  Uuid cluster_id_;
  LeaderEpoch incarnation_ = kNoIncarnation;
  std::int64_t next_producer_id_ = 0;
  Topics topics_;
  std::unordered_map<Uuid, TopicRecord*> topics_by_id_;  // into topics_, whose nodes stay
  DeletedTopics deleted_;
  ResourceConfigs resource_configs_;
};

}  // namespace duolog::storage
