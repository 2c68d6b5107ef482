#include "engine/session/kafka/requests/coordinator.h"

#include "engine/session/kafka/connection.h"
#include "net/kafka/coordinator.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using Coordinator = kafka::FindCoordinatorResponse::Coordinator;

constexpr std::int8_t kGroup = 0;
constexpr std::int8_t kTransaction = 1;
constexpr std::int8_t kShare = 2;
constexpr std::int16_t kFirstVersionWithShare = 6;  // KIP-932
constexpr std::int16_t kFirstVersionWithMany = 4;   // KIP-699
constexpr std::int32_t kNone = -1;                  // no node, no port

// A FindCoordinator request: for groups it waits until `__consumer_offsets` exists.
class FindCoordinatorJob final : public KafkaJob {
 public:
  explicit FindCoordinatorJob(ResponseSlot& slot) : slot_(slot) {}

  [[nodiscard]] Result<void> start(kafka::Reader& reader);

 private:
  [[nodiscard]] Coordinator describe(std::string_view key, ErrorCode error);
  void answer(ErrorCode error);

  ResponseSlot& slot_;
  std::int8_t key_type_ = kGroup;
  std::span<std::string_view> keys_;  // in the slot's arena
};

Result<void> FindCoordinatorJob::start(kafka::Reader& reader) {
  kafka::FindCoordinatorRequest request;
  if (auto decoded = kafka::decode(reader, slot_.version, request); !decoded) return decoded;
  slot_.job = this;
  key_type_ = request.key_type;
  const bool many = slot_.version >= kFirstVersionWithMany;
  keys_ = slot_.arena.make<std::string_view>(many ? request.coordinator_keys.size() : 1);
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    keys_[i] = slot_.arena.copy(many ? request.coordinator_keys[i] : request.key);
  }
  if (key_type_ == kTransaction) {  // as InitProducerId: clients give up at it
    answer(ErrorCode::kTransactionalIdAuthorizationFailed);
    return {};
  }
  if (key_type_ != kGroup) {
    const bool known = key_type_ == kShare && slot_.version >= kFirstVersionWithShare;
    answer(known ? ErrorCode::kCoordinatorNotAvailable : ErrorCode::kInvalidRequest);
    return {};
  }
  KafkaConnection& connection = slot_.connection;
  connection.begin_flight();
  connection.sessions().groups().when_there(
      [this, &connection, generation = slot_.generation](ErrorCode error) {
        if (connection.wanted(slot_, generation)) answer(error);
        connection.end_flight();
      });
  return {};
}

Coordinator FindCoordinatorJob::describe(std::string_view key, ErrorCode error) {
  if (error != ErrorCode::kNone) {
    constexpr const char* kWhy = "This server coordinates groups, but no transactions or shares.";
    return {.key = key,
            .node_id = kNone,
            .port = kNone,
            .error_code = error,
            .error_message = key_type_ == kGroup ? "The coordinator is not available." : kWhy};
  }
  KafkaConnection& connection = slot_.connection;
  const broker::Options& options = connection.broker().options();
  const LocalAddress& reached = connection.local_address();
  return {.key = key,
          .node_id = options.node_id,
          .host = slot_.arena.copy(options.advertised_host.empty() ? reached.host
                                                                   : options.advertised_host),
          .port = options.advertised_port == 0 ? reached.port : options.advertised_port};
}

void FindCoordinatorJob::answer(ErrorCode error) {
  auto coordinators = slot_.arena.make<Coordinator>(keys_.size());
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    coordinators[i] = describe(keys_[i], error);
    slot_.connection.count_error(error);
  }
  kafka::FindCoordinatorResponse response;
  if (slot_.version >= kFirstVersionWithMany) {
    response.coordinators = coordinators;
  } else {
    const Coordinator& only = coordinators[0];
    response = {.error_code = only.error_code,
                .error_message = only.error_message,
                .node_id = only.node_id,
                .host = only.host,
                .port = only.port};
  }
  slot_.connection.answer(slot_, response);
}

}  // namespace

Result<void> find_coordinator(ResponseSlot& slot, kafka::Reader& reader) {
  return start_job<FindCoordinatorJob>(slot, reader);
}

}  // namespace duolog::session
