#include "net/kafka/offsets.h"

#include "net/kafka/codec.h"

namespace duolog::kafka {

template Result<void> decode(Reader&, std::int16_t, ListOffsetsRequest&);
template void encode(Writer&, std::int16_t, const ListOffsetsRequest&);
template Result<void> decode(Reader&, std::int16_t, ListOffsetsResponse&);
template void encode(Writer&, std::int16_t, const ListOffsetsResponse&);
template Result<void> decode(Reader&, std::int16_t, OffsetForLeaderEpochRequest&);
template void encode(Writer&, std::int16_t, const OffsetForLeaderEpochRequest&);
template Result<void> decode(Reader&, std::int16_t, OffsetForLeaderEpochResponse&);
template void encode(Writer&, std::int16_t, const OffsetForLeaderEpochResponse&);

}  // namespace duolog::kafka
