#include "net/kafka/topics.h"

#include "net/kafka/codec.h"

namespace duolog::kafka {

template Result<void> decode(Reader&, std::int16_t, CreateTopicsRequest&);
template void encode(Writer&, std::int16_t, const CreateTopicsRequest&);
template Result<void> decode(Reader&, std::int16_t, CreateTopicsResponse&);
template void encode(Writer&, std::int16_t, const CreateTopicsResponse&);
template Result<void> decode(Reader&, std::int16_t, DeleteTopicsRequest&);
template void encode(Writer&, std::int16_t, const DeleteTopicsRequest&);
template Result<void> decode(Reader&, std::int16_t, DeleteTopicsResponse&);
template void encode(Writer&, std::int16_t, const DeleteTopicsResponse&);

}  // namespace duolog::kafka
