#include "engine/groups/group_records.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace duolog::groups {
namespace {

std::string written(auto write) {
  kafka::Writer writer;
  write(writer);
  return std::string(as_text(writer.bytes()));
}

std::string text(const char* bytes, std::size_t size) { return std::string(bytes, size); }
template <std::size_t N>
std::string bytes(const char (&literal)[N]) {
  return text(literal, N - 1);
}

Uuid some_id() {
  Uuid id;
  for (std::uint8_t i = 0; i < 16; ++i) id.bytes[i] = static_cast<std::uint8_t>(i + 1);
  return id;
}

CommittedOffset some_offset() {
  return {.offset = Offset(258),
          .leader_epoch = LeaderEpoch(7),
          .metadata = "m",
          .commit_time = Timestamp(1000),
          .topic_id = some_id()};
}

// As Kafka's serializers write them: version, then the fields of the schema in that version.
const std::string kOffsetKeyBytes = bytes(
    "\0\1"
    "\0\2g1"
    "\0\1t"
    "\0\0\0\3");
const std::string kOffsetValueBytes = bytes(
    "\0\4"
    "\0\0\0\0\0\0\1\2"
    "\0\0\0\7"
    "\2m"
    "\0\0\0\0\0\0\3\xe8"
    "\1\0\x10\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10");
const std::string kGroupKeyBytes = bytes(
    "\0\2"
    "\0\2g1");

TEST(GroupRecordsTest, AnOffsetIsWrittenAsKafkaWritesIt) {
  EXPECT_EQ(written([](auto& w) { write_offset_key(w, "g1", "t", PartitionId(3)); }),
            kOffsetKeyBytes);
  EXPECT_EQ(written([](auto& w) { write_offset_value(w, some_offset()); }), kOffsetValueBytes);
}

TEST(GroupRecordsTest, AnOffsetWithoutATopicIdHasNoTags) {
  CommittedOffset offset = some_offset();
  offset.topic_id = {};
  EXPECT_EQ(written([&](auto& w) { write_offset_value(w, offset); }), bytes("\0\4"
                                                                            "\0\0\0\0\0\0\1\2"
                                                                            "\0\0\0\7"
                                                                            "\2m"
                                                                            "\0\0\0\0\0\0\3\xe8"
                                                                            "\0"));
}

TEST(GroupRecordsTest, AnOffsetWithItsOwnExpiryIsOfVersionOne) {
  CommittedOffset offset = some_offset();
  offset.expiry = Timestamp(2000);
  EXPECT_EQ(written([&](auto& w) { write_offset_value(w, offset); }), bytes("\0\1"
                                                                            "\0\0\0\0\0\0\1\2"
                                                                            "\0\1m"
                                                                            "\0\0\0\0\0\0\3\xe8"
                                                                            "\0\0\0\0\0\0\7\xd0"));
}

TEST(GroupRecordsTest, AnOffsetIsReadBack) {
  const auto read = read_group_record(as_bytes(kOffsetKeyBytes), as_bytes(kOffsetValueBytes));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->kind, GroupRecord::Kind::kOffset);
  EXPECT_EQ(read->group, "g1");
  EXPECT_EQ(read->topic, "t");
  EXPECT_EQ(read->partition, PartitionId(3));
  ASSERT_TRUE(read->offset.has_value());
  EXPECT_EQ(read->offset->offset, Offset(258));
  EXPECT_EQ(read->offset->leader_epoch, LeaderEpoch(7));
  EXPECT_EQ(read->offset->metadata, "m");
  EXPECT_EQ(read->offset->commit_time, Timestamp(1000));
  EXPECT_EQ(read->offset->expiry, kNoExpiry);
  EXPECT_EQ(read->offset->topic_id, some_id());
}

TEST(GroupRecordsTest, OlderValuesAreRead) {
  const std::string legacy_key = bytes(
      "\0\0"
      "\0\2g1"
      "\0\1t"
      "\0\0\0\3");
  const std::string v0 = bytes(
      "\0\0"
      "\0\0\0\0\0\0\1\2"
      "\0\1m"
      "\0\0\0\0\0\0\3\xe8");
  const std::string v3 = bytes(
      "\0\3"
      "\0\0\0\0\0\0\1\2"
      "\0\0\0\5"
      "\0\1m"
      "\0\0\0\0\0\0\3\xe8");
  for (const std::string& value : {v0, v3}) {
    const auto read = read_group_record(as_bytes(legacy_key), as_bytes(value));
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->offset->offset, Offset(258));
    EXPECT_EQ(read->offset->leader_epoch, LeaderEpoch(value == v0 ? -1 : 5));
    EXPECT_TRUE(read->offset->topic_id.is_zero());
  }
}

TEST(GroupRecordsTest, ATombstoneHasNothing) {
  const auto offset = read_group_record(as_bytes(kOffsetKeyBytes), std::nullopt);
  ASSERT_TRUE(offset.has_value());
  EXPECT_EQ(offset->kind, GroupRecord::Kind::kOffset);
  EXPECT_FALSE(offset->offset.has_value());
  const auto group = read_group_record(as_bytes(kGroupKeyBytes), std::nullopt);
  ASSERT_TRUE(group.has_value());
  EXPECT_EQ(group->kind, GroupRecord::Kind::kGroup);
  EXPECT_FALSE(group->metadata.has_value());
}

TEST(GroupRecordsTest, AGroupIsWrittenAsKafkaWritesItAndReadBack) {
  const GroupMetadata metadata{.protocol_type = "consumer",
                               .generation = 5,
                               .protocol = "range",
                               .leader = "m1",
                               .state_since = Timestamp(1000),
                               .members = {{.member_id = "m1",
                                            .group_instance_id = std::nullopt,
                                            .client_id = "c",
                                            .client_host = "/h",
                                            .rebalance_timeout_ms = 3,
                                            .session_timeout_ms = 4,
                                            .subscription = "S",
                                            .assignment = "AB"}}};
  const std::string value = written([&](auto& w) { write_group_value(w, metadata); });
  EXPECT_EQ(value, bytes("\0\3"
                         "\0\x08"
                         "consumer"
                         "\0\0\0\5"
                         "\0\5range"
                         "\0\2m1"
                         "\0\0\0\0\0\0\3\xe8"
                         "\0\0\0\1"
                         "\0\2m1"
                         "\xff\xff"
                         "\0\1c"
                         "\0\2/h"
                         "\0\0\0\3"
                         "\0\0\0\4"
                         "\0\0\0\1S"
                         "\0\0\0\2"
                         "AB"));
  const auto read = read_group_record(as_bytes(kGroupKeyBytes), as_bytes(value));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  ASSERT_TRUE(read->metadata.has_value());
  EXPECT_EQ(read->metadata->generation, 5);
  EXPECT_EQ(read->metadata->protocol, "range");
  ASSERT_EQ(read->metadata->members.size(), 1U);
  EXPECT_EQ(read->metadata->members[0].assignment, "AB");
  EXPECT_FALSE(read->metadata->members[0].group_instance_id.has_value());
}

TEST(GroupRecordsTest, KeysOfOtherKindsOfGroupsAreLeftAlone) {
  const auto read = read_group_record(as_bytes(bytes("\0\3"
                                                     "anything")),
                                      std::nullopt);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->kind, GroupRecord::Kind::kOther);
}

TEST(GroupRecordsTest, WhatIsCutOffOrOfAnUnknownVersionIsAnError) {
  for (std::size_t size = 0; size < kOffsetKeyBytes.size(); ++size) {
    EXPECT_FALSE(read_group_record(as_bytes(kOffsetKeyBytes).first(size), std::nullopt)) << size;
  }
  for (std::size_t size = 0; size < kOffsetValueBytes.size(); ++size) {
    EXPECT_FALSE(
        read_group_record(as_bytes(kOffsetKeyBytes), as_bytes(kOffsetValueBytes).first(size)))
        << size;
  }
  const auto newer = read_group_record(as_bytes(kOffsetKeyBytes), as_bytes(bytes("\0\5")));
  ASSERT_FALSE(newer.has_value());
  EXPECT_EQ(newer.error().code, Errc::kUnsupported);
}

}  // namespace
}  // namespace duolog::groups
