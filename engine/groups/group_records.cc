#include "engine/groups/group_records.h"

#include "net/kafka/arena.h"
#include "net/kafka/codec.h"

namespace duolog::groups {
namespace {

using kafka::field;
using kafka::Fields;
using kafka::range;
using kafka::since;

constexpr std::int16_t kLegacyOffsetKey = 0;
constexpr std::int16_t kOffsetKey = 1;
constexpr std::int16_t kGroupKey = 2;
constexpr std::int16_t kOffsetValueWithExpiry = 1;
constexpr std::int16_t kOffsetValue = 4;
constexpr std::int16_t kGroupValue = 3;
constexpr std::int16_t kLastValue = 4;  // of both; also the first flexible one

struct OffsetKey {
  std::string_view group{};
  std::string_view topic{};
  PartitionId partition{};

  static constexpr auto kFields =
      Fields{field<&OffsetKey::group>(since(0)), field<&OffsetKey::topic>(since(0)),
             field<&OffsetKey::partition>(since(0))};
};

struct OffsetValue {
  Offset offset{};
  LeaderEpoch leader_epoch{-1};
  std::string_view metadata{};
  Timestamp commit_timestamp{};
  Timestamp expire_timestamp = kNoExpiry;
  Uuid topic_id{};

  static constexpr auto kFields = Fields{field<&OffsetValue::offset>(since(0)),
                                         field<&OffsetValue::leader_epoch>(since(3)),
                                         field<&OffsetValue::metadata>(since(0)),
                                         field<&OffsetValue::commit_timestamp>(since(0)),
                                         field<&OffsetValue::expire_timestamp>(range(1, 1)),
                                         field<&OffsetValue::topic_id>(since(4)).tagged(0)};
};

struct GroupKey {
  std::string_view group{};

  static constexpr auto kFields = Fields{field<&GroupKey::group>(since(0))};
};

struct GroupValue {
  struct Member {
    std::string_view member_id{};
    kafka::NullableString group_instance_id{};
    std::string_view client_id{};
    std::string_view client_host{};
    std::int32_t rebalance_timeout_ms = -1;
    std::int32_t session_timeout_ms = 0;
    Bytes subscription{};
    Bytes assignment{};

    static constexpr auto kFields =
        Fields{field<&Member::member_id>(since(0)),
               field<&Member::group_instance_id>(since(3)).nullable(since(3)),
               field<&Member::client_id>(since(0)),
               field<&Member::client_host>(since(0)),
               field<&Member::rebalance_timeout_ms>(since(1)),
               field<&Member::session_timeout_ms>(since(0)),
               field<&Member::subscription>(since(0)),
               field<&Member::assignment>(since(0))};
  };

  std::string_view protocol_type{};
  std::int32_t generation = 0;
  kafka::NullableString protocol{};
  kafka::NullableString leader{};
  Timestamp current_state_timestamp{-1};
  kafka::Array<Member> members{};

  static constexpr auto kFields = Fields{field<&GroupValue::protocol_type>(since(0)),
                                         field<&GroupValue::generation>(since(0)),
                                         field<&GroupValue::protocol>(since(0)).nullable(since(0)),
                                         field<&GroupValue::leader>(since(0)).nullable(since(0)),
                                         field<&GroupValue::current_state_timestamp>(since(2)),
                                         field<&GroupValue::members>(since(0))};
};

template <class T>
void write(kafka::Writer& out, std::int16_t version, bool flexible, const T& value) {
  out.integer(version);
  kafka::codec::encode_struct(out, {version, flexible}, value);
}

template <class T>
Result<void> read(kafka::Reader& reader, std::int16_t version, bool flexible, T& out) {
  if (kafka::codec::decode_struct(reader, {version, flexible}, out)) return {};
  return std::unexpected(reader.error("record"));
}

// A value, behind its version.
template <class T>
Result<void> read_value(Bytes bytes, kafka::Arena& arena, T& out) {
  kafka::Reader reader(bytes, arena);
  std::int16_t version = 0;
  if (!reader.integer(version)) return std::unexpected(reader.error("record value"));
  if (version < 0 || version > kLastValue) {
    return fail(Errc::kUnsupported, "a value of version " + std::to_string(version));
  }
  return read(reader, version, version >= kLastValue, out);
}

std::optional<std::string> owned(kafka::NullableString text) {
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

GroupMetadata metadata_of(const GroupValue& value) {
  GroupMetadata metadata{.protocol_type = std::string(value.protocol_type),
                         .generation = value.generation,
                         .protocol = owned(value.protocol),
                         .leader = owned(value.leader),
                         .state_since = value.current_state_timestamp,
                         .members = {}};
  for (const GroupValue::Member& member : value.members) {
    metadata.members.push_back({.member_id = std::string(member.member_id),
                                .group_instance_id = owned(member.group_instance_id),
                                .client_id = std::string(member.client_id),
                                .client_host = std::string(member.client_host),
                                .rebalance_timeout_ms = member.rebalance_timeout_ms,
                                .session_timeout_ms = member.session_timeout_ms,
                                .subscription = std::string(as_text(member.subscription)),
                                .assignment = std::string(as_text(member.assignment))});
  }
  return metadata;
}

Result<void> read_offset(kafka::Reader& reader, std::optional<Bytes> bytes, kafka::Arena& arena,
                         GroupRecord& record) {
  OffsetKey key;
  if (auto done = read(reader, 0, false, key); !done) return done;
  record.kind = GroupRecord::Kind::kOffset;
  record.group = key.group;
  record.topic = key.topic;
  record.partition = key.partition;
  if (!bytes) return {};
  OffsetValue value;
  if (auto done = read_value(*bytes, arena, value); !done) return done;
  record.offset = CommittedOffset{.offset = value.offset,
                                  .leader_epoch = value.leader_epoch,
                                  .metadata = std::string(value.metadata),
                                  .commit_time = value.commit_timestamp,
                                  .expiry = value.expire_timestamp,
                                  .topic_id = value.topic_id};
  return {};
}

Result<void> read_group(kafka::Reader& reader, std::optional<Bytes> bytes, kafka::Arena& arena,
                        GroupRecord& record) {
  GroupKey key;
  if (auto done = read(reader, 0, false, key); !done) return done;
  record.kind = GroupRecord::Kind::kGroup;
  record.group = key.group;
  if (!bytes) return {};
  GroupValue value;
  if (auto done = read_value(*bytes, arena, value); !done) return done;
  record.metadata = metadata_of(value);
  return {};
}

}  // namespace

void write_offset_key(kafka::Writer& out, std::string_view group, std::string_view topic,
                      PartitionId partition) {
  write(out, kOffsetKey, false, OffsetKey{.group = group, .topic = topic, .partition = partition});
}

void write_offset_value(kafka::Writer& out, const CommittedOffset& committed) {
  const bool expires = committed.expiry != kNoExpiry;
  const std::int16_t version = expires ? kOffsetValueWithExpiry : kOffsetValue;
  write(out, version, !expires,
        OffsetValue{.offset = committed.offset,
                    .leader_epoch = committed.leader_epoch,
                    .metadata = committed.metadata,
                    .commit_timestamp = committed.commit_time,
                    .expire_timestamp = committed.expiry,
                    .topic_id = committed.topic_id});
}

void write_group_key(kafka::Writer& out, std::string_view group) {
  write(out, kGroupKey, false, GroupKey{.group = group});
}

void write_group_value(kafka::Writer& out, const GroupMetadata& metadata) {
  kafka::Arena arena;
  auto members = arena.make<GroupValue::Member>(metadata.members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    const MemberMetadata& member = metadata.members[i];
    members[i] = {.member_id = member.member_id,
                  .group_instance_id = member.group_instance_id,
                  .client_id = member.client_id,
                  .client_host = member.client_host,
                  .rebalance_timeout_ms = member.rebalance_timeout_ms,
                  .session_timeout_ms = member.session_timeout_ms,
                  .subscription = as_bytes(member.subscription),
                  .assignment = as_bytes(member.assignment)};
  }
  write(out, kGroupValue, false,
        GroupValue{.protocol_type = metadata.protocol_type,
                   .generation = metadata.generation,
                   .protocol = metadata.protocol,
                   .leader = metadata.leader,
                   .current_state_timestamp = metadata.state_since,
                   .members = members});
}

Result<GroupRecord> read_group_record(Bytes key, std::optional<Bytes> value) {
  kafka::Arena arena;
  kafka::Reader reader(key, arena);
  GroupRecord record;
  std::int16_t version = 0;
  if (!reader.integer(version)) return std::unexpected(reader.error("record key"));
  Result<void> done;
  if (version == kLegacyOffsetKey || version == kOffsetKey) {
    done = read_offset(reader, value, arena, record);
  } else if (version == kGroupKey) {
    done = read_group(reader, value, arena, record);
  }
  if (!done) return std::unexpected(done.error());
  return record;
}

}  // namespace duolog::groups
