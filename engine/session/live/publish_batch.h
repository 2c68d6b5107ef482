// PublishBatch: one batch of what a client publishes, from its first record to its ack; and the
// pool that keeps them between uses.
//
// Used by the shard's thread. Limits: kKeptBatches are kept, of at most kKeptBatchBytes each.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/broker/append.h"
#include "storage/record_batch_builder.h"

namespace duolog::session {

struct PublishBatch {
  explicit PublishBatch(std::size_t the_max_bytes)
      : max_bytes(the_max_bytes), builder(the_max_bytes) {}
  std::size_t max_bytes;
  storage::RecordBatchBuilder builder;
  broker::AppendRequest request;
  void* owner = nullptr;  // who has taken it
};

class PublishBatches {
 public:
  PublishBatches() { kept_.reserve(kKeptBatches); }

  // An empty one.
  [[nodiscard]] std::unique_ptr<PublishBatch> take(std::size_t max_bytes);
  void give_back(std::unique_ptr<PublishBatch> batch);

 private:
  static constexpr std::size_t kKeptBatches = 16;
  static constexpr std::size_t kKeptBatchBytes = 64U << 10;

  std::vector<std::unique_ptr<PublishBatch>> kept_;
};

}  // namespace duolog::session
