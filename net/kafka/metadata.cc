#include "net/kafka/metadata.h"

#include "net/kafka/codec.h"

namespace duolog::kafka {

template Result<void> decode(Reader&, std::int16_t, MetadataRequest&);
template void encode(Writer&, std::int16_t, const MetadataRequest&);
template Result<void> decode(Reader&, std::int16_t, MetadataResponse&);
template void encode(Writer&, std::int16_t, const MetadataResponse&);

}  // namespace duolog::kafka
