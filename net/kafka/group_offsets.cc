#include "net/kafka/group_offsets.h"

#include "net/kafka/codec.h"

namespace duolog::kafka {

template Result<void> decode(Reader&, std::int16_t, OffsetCommitRequest&);
template void encode(Writer&, std::int16_t, const OffsetCommitRequest&);
template Result<void> decode(Reader&, std::int16_t, OffsetCommitResponse&);
template void encode(Writer&, std::int16_t, const OffsetCommitResponse&);
template Result<void> decode(Reader&, std::int16_t, OffsetFetchRequest&);
template void encode(Writer&, std::int16_t, const OffsetFetchRequest&);
template Result<void> decode(Reader&, std::int16_t, OffsetFetchResponse&);
template void encode(Writer&, std::int16_t, const OffsetFetchResponse&);
template Result<void> decode(Reader&, std::int16_t, OffsetDeleteRequest&);
template void encode(Writer&, std::int16_t, const OffsetDeleteRequest&);
template Result<void> decode(Reader&, std::int16_t, OffsetDeleteResponse&);
template void encode(Writer&, std::int16_t, const OffsetDeleteResponse&);

}  // namespace duolog::kafka
