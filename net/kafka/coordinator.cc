#include "net/kafka/coordinator.h"

#include "net/kafka/codec.h"

namespace duolog::kafka {

template Result<void> decode(Reader&, std::int16_t, FindCoordinatorRequest&);
template void encode(Writer&, std::int16_t, const FindCoordinatorRequest&);
template Result<void> decode(Reader&, std::int16_t, FindCoordinatorResponse&);
template void encode(Writer&, std::int16_t, const FindCoordinatorResponse&);

}  // namespace duolog::kafka
