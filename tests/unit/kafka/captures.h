// Requests as real clients sent them: kcat 1.7.1 and librdkafka 2.0.2 (Debian 12), captured from a
// socket. In hexadecimal, with their length.
#pragma once

#include <string_view>

namespace duolog::kafka::test {

// kcat -L
inline constexpr std::string_view kApiVersionsV3 =
    "000000240012000300000001000772646b61666b61000b6c696272646b61666b6106322e302e3200";

// kcat -P -t quotes -p 0 -X client.id=desk1
inline constexpr std::string_view kMetadataV4 =
    "0000001c000300040000000200056465736b3100000001000671756f74657301";

// the same: key k1, value hello, headers trace=7 and empty=
inline constexpr std::string_view kProduceV7 =
    "00000089000000070000000300056465736b31ffffffff0000753000000001000671756f74657300"
    "000001000000000000005a00000000000000000000004e000000000228988b330000000000000000"
    "01a20a643830000001a20a643830ffffffffffffffffffffffffffff0000000138000000046b310a"
    "68656c6c6f040a747261636502370a656d70747900";

// kcat -C -t quotes -p 0 -o 2
inline constexpr std::string_view kFetchV11 =
    "0000005c0001000b00000004000772646b61666b61ffffffff000001f40000000103200000010000"
    "0000ffffffff00000001000671756f7465730000000100000000ffffffff0000000000000002ffff"
    "ffffffffffff00100000000000000000";

// kcat -C -t quotes -p 0 -o s@1600000000000
inline constexpr std::string_view kListOffsetsV2 =
    "000000320002000200000004000772646b61666b61ffffffff0100000001000671756f7465730000"
    "00010000000000000174876e8000";

// rd_kafka_CreateTopics(quotes, 8 partitions, cleanup.policy=compact)
inline constexpr std::string_view kCreateTopicsV4 =
    "000000470013000400000003000561646d696e00000001000671756f746573000000080001000000"
    "0000000001000e636c65616e75702e706f6c6963790007636f6d706163740000ea6000";

// rd_kafka_DeleteTopics(quotes)
inline constexpr std::string_view kDeleteTopicsV1 =
    "0000001f0014000100000004000561646d696e00000001000671756f7465730000ea60";

struct Capture {
  std::string_view name;
  std::string_view hex;
};
inline constexpr Capture kCaptures[] = {
    {"ApiVersionsV3", kApiVersionsV3},   {"MetadataV4", kMetadataV4},
    {"ProduceV7", kProduceV7},           {"FetchV11", kFetchV11},
    {"ListOffsetsV2", kListOffsetsV2},   {"CreateTopicsV4", kCreateTopicsV4},
    {"DeleteTopicsV1", kDeleteTopicsV1},
};

}  // namespace duolog::kafka::test
