#include "net/kafka/acls.h"

#include "net/kafka/codec.h"

namespace duolog::kafka {

template Result<void> decode(Reader&, std::int16_t, DescribeAclsRequest&);
template void encode(Writer&, std::int16_t, const DescribeAclsRequest&);
template Result<void> decode(Reader&, std::int16_t, DescribeAclsResponse&);
template void encode(Writer&, std::int16_t, const DescribeAclsResponse&);

}  // namespace duolog::kafka
