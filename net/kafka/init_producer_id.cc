#include "net/kafka/init_producer_id.h"

#include "net/kafka/codec.h"

namespace duolog::kafka {

template Result<void> decode(Reader&, std::int16_t, InitProducerIdRequest&);
template void encode(Writer&, std::int16_t, const InitProducerIdRequest&);
template Result<void> decode(Reader&, std::int16_t, InitProducerIdResponse&);
template void encode(Writer&, std::int16_t, const InitProducerIdResponse&);

}  // namespace duolog::kafka
