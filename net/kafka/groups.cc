#include "net/kafka/groups.h"

#include "net/kafka/codec.h"

namespace duolog::kafka {

template Result<void> decode(Reader&, std::int16_t, JoinGroupRequest&);
template void encode(Writer&, std::int16_t, const JoinGroupRequest&);
template Result<void> decode(Reader&, std::int16_t, JoinGroupResponse&);
template void encode(Writer&, std::int16_t, const JoinGroupResponse&);
template Result<void> decode(Reader&, std::int16_t, SyncGroupRequest&);
template void encode(Writer&, std::int16_t, const SyncGroupRequest&);
template Result<void> decode(Reader&, std::int16_t, SyncGroupResponse&);
template void encode(Writer&, std::int16_t, const SyncGroupResponse&);
template Result<void> decode(Reader&, std::int16_t, HeartbeatRequest&);
template void encode(Writer&, std::int16_t, const HeartbeatRequest&);
template Result<void> decode(Reader&, std::int16_t, HeartbeatResponse&);
template void encode(Writer&, std::int16_t, const HeartbeatResponse&);
template Result<void> decode(Reader&, std::int16_t, LeaveGroupRequest&);
template void encode(Writer&, std::int16_t, const LeaveGroupRequest&);
template Result<void> decode(Reader&, std::int16_t, LeaveGroupResponse&);
template void encode(Writer&, std::int16_t, const LeaveGroupResponse&);

}  // namespace duolog::kafka
