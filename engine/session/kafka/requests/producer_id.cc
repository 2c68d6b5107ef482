#include "engine/session/kafka/requests/producer_id.h"

#include "engine/session/kafka/connection.h"
#include "net/kafka/init_producer_id.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;

constexpr std::int64_t kNoId = -1;
constexpr std::int16_t kNoEpoch = -1;

// What forbids it.
ErrorCode check(const KafkaConnection& connection, const kafka::InitProducerIdRequest& request) {
  if (request.transactional_id) return ErrorCode::kTransactionalIdAuthorizationFailed;
  if (!broker::authorize(connection.principal(), broker::Operation::kIdempotentWrite,
                         {.type = broker::ResourceType::kCluster})) {
    return ErrorCode::kClusterAuthorizationFailed;
  }
  const bool both_or_none = (request.producer_id == kNoId) == (request.producer_epoch == kNoEpoch);
  return both_or_none ? ErrorCode::kNone : ErrorCode::kInvalidRequest;
}

void refuse(ResponseSlot& slot, ErrorCode error) {
  slot.connection.count_error(error);
  slot.connection.answer(
      slot, kafka::InitProducerIdResponse{
                .error_code = error, .producer_id = kNoId, .producer_epoch = kNoEpoch});
}

}  // namespace

Result<void> init_producer_id(ResponseSlot& slot, kafka::Reader& reader) {
  kafka::InitProducerIdRequest request;
  if (auto decoded = kafka::decode(reader, slot.version, request); !decoded) return decoded;
  KafkaConnection& connection = slot.connection;
  if (const ErrorCode error = check(connection, request); error != ErrorCode::kNone) {
    refuse(slot, error);
    return {};
  }
  connection.begin_flight();
  connection.broker().take_producer_id(
      [&slot, &connection, generation = slot.generation](Result<std::int64_t> id) {
        if (connection.wanted(slot, generation)) {
          if (id) {
            connection.answer(
                slot, kafka::InitProducerIdResponse{.producer_id = *id, .producer_epoch = 0});
          } else {
            refuse(slot, ErrorCode::kCoordinatorLoadInProgress);  // clients ask again
          }
        }
        connection.end_flight();
      });
  return {};
}

}  // namespace duolog::session
