#include "engine/session/live/publish_batch.h"

#include <utility>

namespace duolog::session {

std::unique_ptr<PublishBatch> PublishBatches::take(std::size_t max_bytes) {
  if (kept_.empty()) return std::make_unique<PublishBatch>(max_bytes);
  std::unique_ptr<PublishBatch> batch = std::move(kept_.back());
  kept_.pop_back();
  if (batch->max_bytes != max_bytes) {
    batch->max_bytes = max_bytes;
    batch->builder = storage::RecordBatchBuilder(max_bytes);
  }
  return batch;
}

void PublishBatches::give_back(std::unique_ptr<PublishBatch> batch) {
  if (kept_.size() == kKeptBatches || batch->builder.size_bytes() > kKeptBatchBytes) return;
  batch->builder.clear();
  kept_.push_back(std::move(batch));
}

}  // namespace duolog::session
