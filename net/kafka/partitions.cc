#include "net/kafka/partitions.h"

#include "net/kafka/codec.h"

namespace duolog::kafka {

template Result<void> decode(Reader&, std::int16_t, CreatePartitionsRequest&);
template void encode(Writer&, std::int16_t, const CreatePartitionsRequest&);
template Result<void> decode(Reader&, std::int16_t, CreatePartitionsResponse&);
template void encode(Writer&, std::int16_t, const CreatePartitionsResponse&);
template Result<void> decode(Reader&, std::int16_t, DeleteRecordsRequest&);
template void encode(Writer&, std::int16_t, const DeleteRecordsRequest&);
template Result<void> decode(Reader&, std::int16_t, DeleteRecordsResponse&);
template void encode(Writer&, std::int16_t, const DeleteRecordsResponse&);

}  // namespace duolog::kafka
