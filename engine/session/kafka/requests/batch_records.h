// What a topic's settings say of the records in a batch: that their timestamps are near the
// broker's clock, and that those of a compacted topic have keys.
//
// Any thread; only batches that may break a rule have their records looked at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/buffer.h"
#include "engine/base/result.h"
#include "engine/broker/topic_config.h"
#include "net/kafka/errors.h"
#include "storage/record_batch.h"

namespace duolog::session {

struct BatchRefusal {
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
  std::string message{};
  std::vector<std::int32_t> records{};  // the numbers, in the batch, of those that break the rule
};

// What to answer when a batch is refused by storage::validate, or its records cannot be read.
[[nodiscard]] kafka::ErrorCode batch_error(const Error& error);

// `info`: of `batch`, by storage::validate. `inflated`: its records if they have been inflated
// already, so that no client has that done twice; otherwise empty, and used.
[[nodiscard]] BatchRefusal check_records(const broker::TopicConfig& config, Bytes batch,
                                         const storage::BatchInfo& info, Timestamp now,
                                         Buffer& inflated);

}  // namespace duolog::session
