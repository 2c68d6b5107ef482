#include "tests/unit/kafka/message_cases.h"

#include <cstdlib>

#include "engine/base/check.h"
#include "net/kafka/acls.h"
#include "net/kafka/api_versions.h"
#include "net/kafka/cluster.h"
#include "net/kafka/configs.h"
#include "net/kafka/coordinator.h"
#include "net/kafka/fetch.h"
#include "net/kafka/group_admin.h"
#include "net/kafka/group_offsets.h"
#include "net/kafka/groups.h"
#include "net/kafka/init_producer_id.h"
#include "net/kafka/metadata.h"
#include "net/kafka/offsets.h"
#include "net/kafka/partitions.h"
#include "net/kafka/produce.h"
#include "net/kafka/topics.h"
#include "net/kafka/walk.h"

namespace duolog::kafka::test {

namespace {

std::size_t below(Rng& rng, std::size_t limit) { return rng() % limit; }

Bytes random_bytes(Rng& rng, Arena& arena) {
  constexpr std::size_t kSizes[] = {0, 1, 5, 126, 127, 128, 300};
  auto bytes = arena.make<std::uint8_t>(kSizes[below(rng, std::size(kSizes))]);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng());
  return bytes;
}

// Fills `sent` with random values, in all fields, and `expected` with what must come back.
template <class T>
void randomize(Rng& rng, Arena& arena, std::int16_t version, bool nullable, T& sent, T& expected) {
  using namespace codec;
  const bool null = nullable && below(rng, 4) == 0;
  if constexpr (Struct<T>) {
    all_fields<T>([&](auto i) {
      constexpr auto& row = kField<T, i>;
      auto copy = expected.*row.member;
      const bool present = row.versions.has(version);
      if (row.is_tagged() && below(rng, 3) == 0) return true;  // keeps its default
      randomize(rng, arena, version, row.nullable_versions.has(version), sent.*row.member, copy);
      if (present) expected.*row.member = copy;
      return true;
    });
  } else if constexpr (OptionalStruct<T>) {
    if (null) return;
    randomize(rng, arena, version, false, sent.emplace(), expected.emplace());
  } else if constexpr (ArrayType<T>) {
    using Element = typename ElementOf<T>::Type;
    const std::size_t count = below(rng, 4);
    auto sent_elements = arena.make<Element>(count);
    auto expected_elements = arena.make<Element>(count);
    for (std::size_t i = 0; i < count; ++i) {
      randomize(rng, arena, version, false, sent_elements[i], expected_elements[i]);
    }
    sent = null ? T::null() : T(sent_elements);
    expected = null ? T::null() : T(expected_elements);
  } else {
    if constexpr (std::same_as<T, bool>) {
      sent = below(rng, 2) == 0;
    } else if constexpr (Number<T>) {
      sent = static_cast<T>(static_cast<typename NumberOf<T>::Rep>(rng()));
    } else if constexpr (std::same_as<T, Uuid>) {
      for (auto& byte : sent.bytes) byte = static_cast<std::uint8_t>(rng());
    } else if constexpr (std::same_as<T, Records>) {
      sent = null ? Records::null() : Records(random_bytes(rng, arena));
    } else if constexpr (std::same_as<T, std::string_view>) {
      sent = as_text(random_bytes(rng, arena));
    } else if constexpr (std::same_as<T, Bytes>) {
      sent = random_bytes(rng, arena);
    } else if constexpr (std::same_as<T, NullableBytes>) {
      sent = null ? NullableBytes() : NullableBytes(random_bytes(rng, arena));
    } else {
      sent = null ? NullableString() : NullableString(as_text(random_bytes(rng, arena)));
    }
    expected = sent;
  }
}

std::vector<std::uint8_t> copy_of(const Writer& writer) {
  return {writer.bytes().begin(), writer.bytes().end()};
}

template <class Message>
std::vector<std::uint8_t> encoded(std::int16_t version, const Message& message) {
  Writer writer;
  encode(writer, version, message);
  return copy_of(writer);
}

template <class Message>
std::vector<std::uint8_t> random_message(Rng& rng, std::int16_t version) {
  Arena arena;
  Message sent;
  Message expected;
  randomize(rng, arena, version, false, sent, expected);
  return encoded(version, sent);
}

template <class Message>
bool round_trips(Rng& rng, std::int16_t version) {
  Arena arena;
  Message sent;
  Message expected;
  randomize(rng, arena, version, false, sent, expected);
  const auto bytes = encoded(version, sent);
  Message received;
  Reader reader(bytes, arena);
  if (!decode(reader, version, received)) return false;
  return codec::equal(received, expected) && encoded(version, received) == bytes;
}

template <class Message>
Result<void> decode_and_again(Bytes bytes, std::int16_t version) {
  Arena arena;
  Message message;
  Reader reader(bytes, arena);
  if (auto decoded = decode(reader, version, message); !decoded) return decoded;
  const auto again = encoded(version, message);
  Message second;
  Reader second_reader(again, arena);
  auto decoded = decode(second_reader, version, second);
  CHECK(decoded && codec::equal(message, second));
  return decoded;
}

template <class Message>
MessageCase case_of() {
  return {detail::message_name<Message>(), Message::kApi,        find_api(Message::kApi)->versions,
          random_message<Message>,         round_trips<Message>, decode_and_again<Message>};
}

}  // namespace

std::span<const MessageCase> message_cases() {
  static const MessageCase kCases[] = {
      case_of<ApiVersionsRequest>(),
      case_of<ApiVersionsResponse>(),
      case_of<MetadataRequest>(),
      case_of<MetadataResponse>(),
      case_of<FindCoordinatorRequest>(),
      case_of<FindCoordinatorResponse>(),
      case_of<CreateTopicsRequest>(),
      case_of<CreateTopicsResponse>(),
      case_of<DeleteTopicsRequest>(),
      case_of<DeleteTopicsResponse>(),
      case_of<ProduceRequest>(),
      case_of<ProduceResponse>(),
      case_of<FetchRequest>(),
      case_of<FetchResponse>(),
      case_of<ListOffsetsRequest>(),
      case_of<ListOffsetsResponse>(),
      case_of<OffsetForLeaderEpochRequest>(),
      case_of<OffsetForLeaderEpochResponse>(),
      case_of<JoinGroupRequest>(),
      case_of<JoinGroupResponse>(),
      case_of<SyncGroupRequest>(),
      case_of<SyncGroupResponse>(),
      case_of<HeartbeatRequest>(),
      case_of<HeartbeatResponse>(),
      case_of<LeaveGroupRequest>(),
      case_of<LeaveGroupResponse>(),
      case_of<OffsetCommitRequest>(),
      case_of<OffsetCommitResponse>(),
      case_of<OffsetFetchRequest>(),
      case_of<OffsetFetchResponse>(),
      case_of<OffsetDeleteRequest>(),
      case_of<OffsetDeleteResponse>(),
      case_of<ListGroupsRequest>(),
      case_of<ListGroupsResponse>(),
      case_of<DescribeGroupsRequest>(),
      case_of<DescribeGroupsResponse>(),
      case_of<DeleteGroupsRequest>(),
      case_of<DeleteGroupsResponse>(),
      case_of<DescribeConfigsRequest>(),
      case_of<DescribeConfigsResponse>(),
      case_of<AlterConfigsRequest>(),
      case_of<AlterConfigsResponse>(),
      case_of<IncrementalAlterConfigsRequest>(),
      case_of<IncrementalAlterConfigsResponse>(),
      case_of<DescribeClusterRequest>(),
      case_of<DescribeClusterResponse>(),
      case_of<DescribeTopicPartitionsRequest>(),
      case_of<DescribeTopicPartitionsResponse>(),
      case_of<CreatePartitionsRequest>(),
      case_of<CreatePartitionsResponse>(),
      case_of<DeleteRecordsRequest>(),
      case_of<DeleteRecordsResponse>(),
      case_of<InitProducerIdRequest>(),
      case_of<InitProducerIdResponse>(),
      case_of<DescribeAclsRequest>(),
      case_of<DescribeAclsResponse>(),
  };
  return kCases;
}

std::uint64_t seed() {
  const char* given = std::getenv("DUOLOG_SEED");
  return given == nullptr ? 20261 : std::strtoull(given, nullptr, 10);
}

std::vector<std::uint8_t> from_hex(std::string_view text) {
  std::string digits;
  for (char c : text) {
    if (c != ' ') digits += c;
  }
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::string to_hex(Bytes bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace duolog::kafka::test
