#include "engine/session/kafka_coordinator.h"

#include "engine/session/kafka_connection.h"
#include "net/kafka/coordinator.h"

namespace duolog::session {
namespace {

constexpr kafka::ErrorCode kError = kafka::ErrorCode::kCoordinatorNotAvailable;
constexpr const char* kWhy = "This server has no consumer groups and no transactions.";
constexpr std::int32_t kNoNode = -1;
constexpr std::int32_t kNoPort = -1;

}  // namespace

Result<void> find_coordinator(ResponseSlot& slot, kafka::Reader& reader) {
  kafka::FindCoordinatorRequest request;
  if (auto decoded = kafka::decode(reader, slot.version, request); !decoded) return decoded;
  auto coordinators =
      slot.arena.make<kafka::FindCoordinatorResponse::Coordinator>(request.coordinator_keys.size());
  for (std::size_t i = 0; i < coordinators.size(); ++i) {
    coordinators[i].key = slot.arena.copy(request.coordinator_keys[i]);
    coordinators[i].node_id = kNoNode;
    coordinators[i].port = kNoPort;
    coordinators[i].error_code = kError;
    coordinators[i].error_message = kWhy;
    slot.connection.count_error(kError);
  }
  if (coordinators.empty()) slot.connection.count_error(kError);
  slot.connection.answer(slot, kafka::FindCoordinatorResponse{.error_code = kError,
                                                              .error_message = kWhy,
                                                              .node_id = kNoNode,
                                                              .port = kNoPort,
                                                              .coordinators = coordinators});
  return {};
}

}  // namespace duolog::session
