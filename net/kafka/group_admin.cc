#include "net/kafka/group_admin.h"

#include "net/kafka/codec.h"

namespace duolog::kafka {

template Result<void> decode(Reader&, std::int16_t, ListGroupsRequest&);
template void encode(Writer&, std::int16_t, const ListGroupsRequest&);
template Result<void> decode(Reader&, std::int16_t, ListGroupsResponse&);
template void encode(Writer&, std::int16_t, const ListGroupsResponse&);
template Result<void> decode(Reader&, std::int16_t, DescribeGroupsRequest&);
template void encode(Writer&, std::int16_t, const DescribeGroupsRequest&);
template Result<void> decode(Reader&, std::int16_t, DescribeGroupsResponse&);
template void encode(Writer&, std::int16_t, const DescribeGroupsResponse&);
template Result<void> decode(Reader&, std::int16_t, DeleteGroupsRequest&);
template void encode(Writer&, std::int16_t, const DeleteGroupsRequest&);
template Result<void> decode(Reader&, std::int16_t, DeleteGroupsResponse&);
template void encode(Writer&, std::int16_t, const DeleteGroupsResponse&);

}  // namespace duolog::kafka
