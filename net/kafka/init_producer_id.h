// InitProducerId (key 22): the id and epoch under which a producer numbers its batches. KIP-98,
// KIP-360 (the id and epoch that it has had so far).
#pragma once

#include <cstdint>

#include "net/kafka/errors.h"
#include "net/kafka/message.h"

namespace duolog::kafka {

struct InitProducerIdRequest {
  static constexpr ApiKey kApi = ApiKey::kInitProducerId;

  NullableString transactional_id;  // null: idempotent only
  std::int32_t transaction_timeout_ms = 0;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;

  static constexpr auto kFields =
      Fields{field<&InitProducerIdRequest::transactional_id>(since(0)).nullable(since(0)),
             field<&InitProducerIdRequest::transaction_timeout_ms>(since(0)),
             field<&InitProducerIdRequest::producer_id>(since(3)),
             field<&InitProducerIdRequest::producer_epoch>(since(3))};
};

struct InitProducerIdResponse {
  static constexpr ApiKey kApi = ApiKey::kInitProducerId;

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = 0;

  static constexpr auto kFields = Fields{field<&InitProducerIdResponse::throttle_time_ms>(since(0)),
                                         field<&InitProducerIdResponse::error_code>(since(0)),
                                         field<&InitProducerIdResponse::producer_id>(since(0)),
                                         field<&InitProducerIdResponse::producer_epoch>(since(0))};
};

}  // namespace duolog::kafka
