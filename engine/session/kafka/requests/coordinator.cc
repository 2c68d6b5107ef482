// FindCoordinator: which broker looks after a group: this one, the only one that there is.
//
// Answered once `__consumer_offsets` exists, so that what follows finds it. There are no share
// groups, COORDINATOR_NOT_AVAILABLE, and no transactions. That, clients give up at, and show why:
// librdkafka, up to version 2, the message of TRANSACTIONAL_ID_AUTHORIZATION_FAILED alone; Java,
// from version 4 on, every message but that one's.
#include "net/kafka/coordinator.h"

#include "engine/groups/group_coordinators.h"
#include "engine/session/kafka/requests/gathering_job.h"
#include "engine/session/kafka/requests/handlers.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using kafka::NullableString;
using Coordinator = kafka::FindCoordinatorResponse::Coordinator;

constexpr std::int8_t kGroup = 0;
constexpr std::int8_t kTransaction = 1;
constexpr std::int8_t kShare = 2;
constexpr std::int16_t kFirstVersionWithShare = 6;  // KIP-932
constexpr std::int16_t kFirstVersionWithMany = 4;   // KIP-699
constexpr std::int32_t kNone = -1;                  // no node, no port

// Why a key has no coordinator.
std::string_view reason(ErrorCode error, std::int8_t key_type) {
  if (error == ErrorCode::kGroupAuthorizationFailed) return "Group authorization failed.";
  if (key_type == kGroup) return "The coordinator is not available.";
  if (key_type == kTransaction) return "This server has no transactions: unset transactional.id.";
  return "This server coordinates groups, but no shares.";
}

class FindCoordinatorJob final : public GatheringJob {
 public:
  using Request = kafka::FindCoordinatorRequest;
  using GatheringJob::GatheringJob;

  void start(const Request& request);

 private:
  // What is wrong with every key of this type.
  [[nodiscard]] ErrorCode check_type() const;
  [[nodiscard]] Coordinator describe(std::string_view key);
  void finish() override;

  std::int8_t key_type_ = kGroup;
  ErrorCode error_ = ErrorCode::kNone;
  std::span<std::string_view> keys_;  // in the slot's arena
};

void FindCoordinatorJob::start(const Request& request) {
  key_type_ = request.key_type;
  const bool many = slot_.version >= kFirstVersionWithMany;
  keys_ = slot_.arena.make<std::string_view>(many ? request.coordinator_keys.size() : 1);
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    keys_[i] = slot_.arena.copy(many ? request.coordinator_keys[i] : request.key);
  }
  error_ = check_type();
  if (error_ != ErrorCode::kNone) return;
  slot_.connection.sessions().groups().when_there(
      then([this](ErrorCode error) { error_ = error; }));
}

ErrorCode FindCoordinatorJob::check_type() const {
  if (key_type_ == kGroup) return ErrorCode::kNone;
  if (key_type_ == kTransaction) {
    return slot_.version >= kFirstVersionWithMany ? ErrorCode::kUnsupportedVersion
                                                  : ErrorCode::kTransactionalIdAuthorizationFailed;
  }
  const bool known = key_type_ == kShare && slot_.version >= kFirstVersionWithShare;
  return known ? ErrorCode::kCoordinatorNotAvailable : ErrorCode::kInvalidRequest;
}

Coordinator FindCoordinatorJob::describe(std::string_view key) {
  KafkaConnection& connection = slot_.connection;
  ErrorCode error = error_;
  if (key_type_ == kGroup && !connection.may(slot_, key)) {
    error = ErrorCode::kGroupAuthorizationFailed;
  } else if (error == ErrorCode::kNone && connection.sessions().groups().offline(key)) {
    error = ErrorCode::kCoordinatorNotAvailable;
  }
  if (error != ErrorCode::kNone) {
    connection.count_error(error);
    return {.key = key,
            .node_id = kNone,
            .port = kNone,
            .error_code = error,
            .error_message = reason(error, key_type_)};
  }
  const broker::Options& options = connection.broker().options();
  const LocalAddress& reached = connection.local_address();
  return {.key = key,
          .node_id = options.node_id,
          .host = slot_.arena.copy(options.advertised_host.empty() ? reached.host
                                                                   : options.advertised_host),
          .port = options.advertised_port == 0 ? reached.port : options.advertised_port};
}

void FindCoordinatorJob::finish() {
  auto coordinators = slot_.arena.make<Coordinator>(keys_.size());
  for (std::size_t i = 0; i < keys_.size(); ++i) coordinators[i] = describe(keys_[i]);
  kafka::FindCoordinatorResponse response;
  if (slot_.version >= kFirstVersionWithMany) {
    response.coordinators = coordinators;
  } else {
    const Coordinator& only = coordinators[0];
    response = {.error_code = only.error_code,
                .error_message = only.error_code == ErrorCode::kNone
                                     ? NullableString("NONE")  // as Kafka has it, and only here
                                     : only.error_message,
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
