#include "net/kafka/produce.h"

#include "net/kafka/codec.h"

namespace duolog::kafka {

template Result<void> decode(Reader&, std::int16_t, ProduceRequest&);
template void encode(Writer&, std::int16_t, const ProduceRequest&);
template Result<void> decode(Reader&, std::int16_t, ProduceResponse&);
template void encode(Writer&, std::int16_t, const ProduceResponse&);

}  // namespace duolog::kafka
