#include "net/kafka/configs.h"

#include "net/kafka/codec.h"

namespace duolog::kafka {

template Result<void> decode(Reader&, std::int16_t, DescribeConfigsRequest&);
template void encode(Writer&, std::int16_t, const DescribeConfigsRequest&);
template Result<void> decode(Reader&, std::int16_t, DescribeConfigsResponse&);
template void encode(Writer&, std::int16_t, const DescribeConfigsResponse&);
template Result<void> decode(Reader&, std::int16_t, AlterConfigsRequest&);
template void encode(Writer&, std::int16_t, const AlterConfigsRequest&);
template Result<void> decode(Reader&, std::int16_t, AlterConfigsResponse&);
template void encode(Writer&, std::int16_t, const AlterConfigsResponse&);
template Result<void> decode(Reader&, std::int16_t, IncrementalAlterConfigsRequest&);
template void encode(Writer&, std::int16_t, const IncrementalAlterConfigsRequest&);
template Result<void> decode(Reader&, std::int16_t, IncrementalAlterConfigsResponse&);
template void encode(Writer&, std::int16_t, const IncrementalAlterConfigsResponse&);

}  // namespace duolog::kafka
