#include "net/kafka/cluster.h"

#include "net/kafka/codec.h"

namespace duolog::kafka {

template Result<void> decode(Reader&, std::int16_t, DescribeClusterRequest&);
template void encode(Writer&, std::int16_t, const DescribeClusterRequest&);
template Result<void> decode(Reader&, std::int16_t, DescribeClusterResponse&);
template void encode(Writer&, std::int16_t, const DescribeClusterResponse&);
template Result<void> decode(Reader&, std::int16_t, DescribeTopicPartitionsRequest&);
template void encode(Writer&, std::int16_t, const DescribeTopicPartitionsRequest&);
template Result<void> decode(Reader&, std::int16_t, DescribeTopicPartitionsResponse&);
template void encode(Writer&, std::int16_t, const DescribeTopicPartitionsResponse&);

}  // namespace duolog::kafka
