// Command: what a client of duolog.v1.json asks for, one JSON object each.
//
//   {"id":2,"subscribe":{"sid":7,"topic":"trades","from":"latest"}}
//
// An object has an `id`, a whole number from 0 to 2^53 - 1, and one member more: the command's name
// and its arguments, an object. Unknown members are ignored. Texts are views into the parser's
// memory, valid until it parses the next one. Plain data; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "engine/base/ids.h"
#include "engine/base/uuid.h"

namespace duolog::push {

struct Hello {
  std::string_view client;  // its name and version; empty: it does not say
  std::string_view token;   // empty: none
};

// How much a subscription may be sent: records, and bytes of the messages that carry them.
struct Credit {
  std::optional<std::uint64_t> records;
  std::optional<std::uint64_t> bytes;
};

struct PartitionOffset {
  PartitionId partition;
  Offset offset;
};

// Where a subscription begins, in each partition without a position of its own.
struct From {
  enum class Kind : std::uint8_t {
    kLatest,     // "latest", and the default
    kEarliest,   // "earliest"
    kTimestamp,  // {"timestamp":1790000000000}: the first record at or after it, in milliseconds
    kBack,       // "-100": so many records before the end, or as many as there are
    kOffset,     // "8812": that offset; of a single partition
  };
  Kind kind = Kind::kLatest;
  std::int64_t value = 0;  // milliseconds, records (not negative), or the offset
};

struct Subscribe {
  std::uint32_t sid = 0;  // the client's name for it, not in use on the connection
  std::string_view topic;
  std::optional<From> from;
  // "positions": {"0":"8812"}: the next offset wanted. Only these partitions, unless `from` says
  // where the others begin. These and `partitions` are sorted, and have each partition once.
  std::span<const PartitionOffset> positions;
  std::span<const PartitionId> partitions;  // "partitions": [0,3]; empty: all
  // What the client knows its positions from. With the topic's id they are proven, or refused.
  std::optional<Uuid> topic_id;
  std::optional<LeaderEpoch> epoch;
  Credit credit;  // "credit": {"records":100,"bytes":65536}; none: without a limit
};

struct Unsubscribe {
  std::uint32_t sid = 0;
};
struct Pause {
  std::uint32_t sid = 0;
};
struct Resume {
  std::uint32_t sid = 0;
};
// {"credit":{"sid":7,"records":100,"bytes":65536}}: that much more.
struct AddCredit {
  std::uint32_t sid = 0;
  Credit credit;
};

// {"offsets":{"topic":"trades"}}: where its partitions begin and end.
struct Offsets {
  std::string_view topic;
  std::span<const PartitionId> partitions;  // empty: all
};

struct PublishHeader {
  std::string_view key;
  std::optional<std::string_view> value;
};
// Keys and values are bytes; {"value_b64":"AAEC"} has been decoded.
struct PublishRecord {
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;  // none: a null value, a tombstone
  std::span<const PublishHeader> headers;
  std::optional<PartitionId> partition;
  std::optional<Timestamp> timestamp;  // "t", in milliseconds; none: now
};
struct Publish {
  enum class Ack : std::uint8_t { kNone, kAppended, kDurable };
  std::string_view topic;
  std::span<const PublishRecord> records;
  Ack ack = Ack::kDurable;
};

struct Ping {};

struct Command {
  std::uint64_t id = 0;
  std::variant<Hello, Subscribe, Unsubscribe, Pause, Resume, AddCredit, Offsets, Publish, Ping>
      what;
};

// Codes of {"error":{"code":...}} and {"unsub":{"code":...}}.
enum class ErrorCode : std::int32_t {
  kInternal = 100,
  kUnauthorised = 101,
  kUnknownTopic = 102,
  kPermission = 103,
  kUnknownCommand = 104,
  kDuplicateSubscription = 105,
  kLimit = 106,
  kBadRequest = 107,
  kNotAvailable = 108,
  kOffsetOutOfRange = 112,
  kEpochChanged = 113,
};

}  // namespace duolog::push
