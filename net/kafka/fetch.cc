#include "net/kafka/fetch.h"

#include "net/kafka/codec.h"

namespace duolog::kafka {

template Result<void> decode(Reader&, std::int16_t, FetchRequest&);
template void encode(Writer&, std::int16_t, const FetchRequest&);
template Result<void> decode(Reader&, std::int16_t, FetchResponse&);
template void encode(Writer&, std::int16_t, const FetchResponse&);

}  // namespace duolog::kafka
