// DescribeAcls: nobody is asked here whether a client may, so there is nothing to describe:
// SECURITY_DISABLED, which MirrorMaker and other tools know to mean that.
#include "net/kafka/acls.h"

#include "engine/session/kafka/connection.h"
#include "engine/session/kafka/requests/handlers.h"

namespace duolog::session {

Result<void> describe_acls(ResponseSlot& slot, kafka::Reader& reader) {
  kafka::DescribeAclsRequest request;
  if (auto decoded = kafka::decode(reader, slot.version, request); !decoded) return decoded;
  kafka::DescribeAclsResponse response{.error_message = std::nullopt};
  if (slot.cluster_allowed) {
    response.error_code = kafka::ErrorCode::kSecurityDisabled;
    response.error_message = "No Authorizer is configured.";
  } else {
    response.error_code = kafka::ErrorCode::kClusterAuthorizationFailed;
  }
  slot.connection.count_error(response.error_code);
  slot.connection.answer(slot, response);
  return {};
}

}  // namespace duolog::session
