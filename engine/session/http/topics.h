// The answer to GET /v1/topics.
//
//   {"topics":[{"name":"trades","id":"5iXLUpLRQxevprLHyzkFTA","internal":false,
//      "partition_count":1,"partitions":[
//        {"partition":0,"start":"100","end":"9001","size_bytes":815123,"end_bytes":815123}]}],
//    "partitions_left_out":0}
//
// Topics in the order of their names. Offsets are strings; `end` is where a consumer that has read
// everything is. `size_bytes` is what is kept; `end_bytes` only grows while the server runs, so
// that its difference over time is a rate. Beyond HttpSettings::max_listed_partitions no more are
// listed: the last topic may have fewer partitions here than `partition_count`.
#pragma once

#include <string>

namespace duolog::session {

class HttpDoor;

[[nodiscard]] std::string topics_json(HttpDoor& door);

}  // namespace duolog::session
