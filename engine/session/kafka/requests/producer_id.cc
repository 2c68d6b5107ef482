// InitProducerId: a producer id that nobody has had before, with epoch 0.
//
// Also for a producer that names the one it has had (KIP-360): without a transactional id it gets a
// new one, as in Kafka. There are no transactions: a transactional id is answered with
// TRANSACTIONAL_ID_AUTHORIZATION_FAILED, which clients give up at.
#include "engine/session/kafka/requests/gathering_job.h"
#include "engine/session/kafka/requests/handlers.h"
#include "net/kafka/init_producer_id.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;

constexpr std::int64_t kNoId = -1;
constexpr std::int16_t kNoEpoch = -1;

class InitProducerIdJob final : public GatheringJob {
 public:
  using Request = kafka::InitProducerIdRequest;
  using GatheringJob::GatheringJob;

  void start(const Request& request) {
    if (const ErrorCode error = check(request); error != ErrorCode::kNone) {
      return refuse(response_, error);
    }
    slot_.connection.broker().take_producer_id(then([this](Result<std::int64_t> id) {
      if (!id)
        return refuse(response_, ErrorCode::kCoordinatorLoadInProgress);  // clients ask again
      response_.producer_id = *id;
      response_.producer_epoch = 0;
    }));
  }

 private:
  // What forbids it.
  [[nodiscard]] ErrorCode check(const Request& request) const {
    if (request.transactional_id) return ErrorCode::kTransactionalIdAuthorizationFailed;
    if (!slot_.cluster_allowed) return ErrorCode::kClusterAuthorizationFailed;
    const bool both_or_none =
        (request.producer_id == kNoId) == (request.producer_epoch == kNoEpoch);
    return both_or_none ? ErrorCode::kNone : ErrorCode::kInvalidRequest;
  }

  void finish() override { slot_.connection.answer(slot_, response_); }

  kafka::InitProducerIdResponse response_{.producer_id = kNoId, .producer_epoch = kNoEpoch};
};

}  // namespace

Result<void> init_producer_id(ResponseSlot& slot, kafka::Reader& reader) {
  return start_job<InitProducerIdJob>(slot, reader);
}

}  // namespace duolog::session
