// Produce: what is taken, and each way to be refused.
#include <algorithm>
#include <limits>

#include "net/kafka/produce.h"
#include "net/kafka/topics.h"
#include "storage/codec.h"
#include "storage/record_batch_builder.h"
#include "tests/differential/scenarios.h"

namespace duolog::differential {
namespace {

using kafka::ProduceRequest;
using kafka::ProduceResponse;
using Batch = std::vector<std::uint8_t>;
namespace at = storage::batch_at;

void ask(Differ& differ, std::int16_t version, std::string_view topic, std::int32_t partition,
         const kafka::Records& records, std::int16_t acks = -1, Differ::Allowed allowed = {}) {
  ProduceRequest::Topic::Partition p{.index = PartitionId(partition), .records = records};
  ProduceRequest::Topic t{.name = topic, .partition_data = one(p)};
  differ.ask<ProduceResponse>(
      version, ProduceRequest{.acks = acks, .timeout_ms = 30'000, .topic_data = one(t)}, allowed);
}

void ask(Differ& differ, std::int16_t version, std::string_view topic, const Batch& batch,
         Differ::Allowed allowed = {}) {
  ask(differ, version, topic, 0, kafka::Records(batch), -1, allowed);
}

void produces_in_every_version(Differ& differ) {
  create_topic(differ, "produced", 2);
  for (std::int16_t version = 3; version <= 12; ++version) {
    ask(differ, version, "produced", batch_of({"a", "b"}));
    ask(differ, version, "never-there", batch_of({"a"}));
    ask(differ, version, "produced", 9, kafka::Records(batch_of({"a"})));
    ask(differ, version, "produced", -1, kafka::Records(batch_of({"a"})));
    ask(differ, version, "produced", 1, kafka::Records(batch_of({"a"})), 1);
    ask(differ, version, "produced", 1, kafka::Records(batch_of({"a"})), 2);
  }
  Uuid unknown;
  unknown.bytes[0] = 7;
  const Batch batch = batch_of({"a"});
  ProduceRequest::Topic::Partition p{.records = kafka::Records(batch)};
  ProduceRequest::Topic t{.topic_id = unknown, .partition_data = one(p)};
  differ.ask<ProduceResponse>(13,
                              ProduceRequest{.acks = -1, .timeout_ms = 1, .topic_data = one(t)});
}

template <class T>
Batch with(Batch batch, std::size_t position, T value, bool right_crc = true) {
  store_be<T>(batch.data() + position, value);
  if (right_crc) storage::store_crc(batch);
  return batch;
}

void damaged_batches(Differ& differ) {
  create_topic(differ, "damaged");
  const Batch good = batch_of({"a", "b", "c"});
  const auto send = [&](std::string_view label, const Batch& batch) {
    differ.label(label);
    // Where the log starts is said of some refused batches there, and of none here.
    ask(differ, 9, "damaged", batch, {"log_start_offset"});
  };
  send("no bytes", {});
  send("a wrong CRC", with<std::uint32_t>(good, at::kCrc, 1, false));
  send("magic 1", with<std::int8_t>(good, at::kMagic, 1, false));
  send("magic 3", with<std::int8_t>(good, at::kMagic, 3, false));
  send("a last offset delta too high", with<std::int32_t>(good, at::kLastOffsetDelta, 7));
  send("a last offset delta too low", with<std::int32_t>(good, at::kLastOffsetDelta, 1));
  send("a negative last offset delta", with<std::int32_t>(good, at::kLastOffsetDelta, -1));
  send("a record too few", with<std::int32_t>(good, at::kRecordCount, 2));
  send("a record too many", with<std::int32_t>(good, at::kRecordCount, 4));
  send("a negative record count", with<std::int32_t>(good, at::kRecordCount, -1));
  send("a control batch", with<std::int16_t>(good, at::kAttributes, storage::kControlBit));
  send("a base offset", with<std::int64_t>(good, at::kBaseOffset, 55, false));
  Batch twice = good;
  twice.insert(twice.end(), good.begin(), good.end());
  send("two batches", twice);
  send("a torn batch", Batch(good.begin(), good.end() - 3));
  send("a torn header", Batch(good.begin(), good.begin() + 20));
  // A byte behind the batch is refused here, and passed over there; null records are answered
  // here, and close the connection there.
}

void too_large(Differ& differ) {
  create_topic(differ, "large");
  const std::string most((1 << 20) - 80, 'x');
  const std::string beyond(1 << 20, 'x');
  ask(differ, 9, "large", batch_of({most}));
  ask(differ, 9, "large", batch_of({beyond}));
}

void timestamps(Differ& differ) {
  create_topic(differ, "times");
  const Batch good = batch_of({"a", "b"});
  const auto send = [&](std::string_view label, const Batch& batch) {
    differ.label(label);
    ask(differ, 9, "times", batch);
  };
  send("append time", with<std::int16_t>(good, at::kAttributes, storage::kLogAppendTimeBit));
  send("a wrong maximum", with<std::int64_t>(good, at::kMaxTimestamp, 77));
  send("no maximum", with<std::int64_t>(good, at::kMaxTimestamp, -1));
  send("no timestamp", batch_of({"a"}, -1));
  constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
  send("the first time", batch_of({"a"}, kFirst));
  send("the time behind it", batch_of({"a"}, kFirst + 1));
  send("long after it", batch_of({"a"}, kFirst / 2));
  send("far in the future", batch_of({"a"}, 4'000'000'000'000));
}

Batch compressed(storage::Codec codec, std::initializer_list<std::string_view> values) {
  const Batch plain = batch_of(values);
  Buffer packed;
  (void)storage::compress(codec, Bytes(plain).subspan(storage::kBatchHeaderBytes), packed);
  Batch batch = plain;
  batch.resize(storage::kBatchHeaderBytes + packed.size());
  std::ranges::copy(packed, batch.begin() + storage::kBatchHeaderBytes);
  store_be<std::int32_t>(batch.data() + at::kBatchLength,
                         static_cast<std::int32_t>(batch.size() - storage::kBatchLengthEnd));
  store_be<std::int16_t>(batch.data() + at::kAttributes, static_cast<std::int16_t>(codec));
  storage::store_crc(batch);
  return batch;
}

void codecs(Differ& differ) {
  create_topic(differ, "codecs");
  using storage::Codec;
  for (const Codec codec : {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    for (const int version : {3, 6, 7, 9}) {
      ask(differ, static_cast<std::int16_t>(version), "codecs", compressed(codec, {"a", "b"}));
    }
  }
}

void create_with(Differ& differ, std::string_view name, std::string_view key,
                 std::string_view value) {
  kafka::CreateTopicsRequest::Topic::Config config{.name = key, .value = value};
  kafka::CreateTopicsRequest::Topic topic{
      .name = name, .num_partitions = 1, .replication_factor = 1, .configs = one(config)};
  differ.ask<kafka::CreateTopicsResponse>(
      4, kafka::CreateTopicsRequest{.topics = one(topic), .timeout_ms = 30'000});
  create_topic(differ, name);  // it is there already: waits until it can be used
}

Batch without_keys(std::initializer_list<bool> keys) {
  storage::RecordBatchBuilder builder(1 << 20);
  for (const bool key : keys) {
    storage::NewRecord record{.timestamp = Timestamp(1000), .value = as_bytes("v")};
    if (key) record.key = as_bytes("k");
    CHECK(builder.add(record).has_value());
  }
  const MutableBytes batch = builder.finish();
  return {batch.begin(), batch.end()};
}

// What topics say of the timestamps and keys in a batch.
void settings_of_topics(Differ& differ) {
  create_with(differ, "append-time", "message.timestamp.type", "LogAppendTime");
  create_with(differ, "recent", "message.timestamp.before.max.ms", "86400000");
  create_with(differ, "any-time", "message.timestamp.after.max.ms", "9223372036854775807");
  create_with(differ, "with-keys", "cleanup.policy", "compact");
  for (const std::int16_t version : {std::int16_t{3}, std::int16_t{7}, std::int16_t{9}}) {
    differ.label("append time");
    ask(differ, version, "append-time", batch_of({"a"}, 4'000'000'000'000), {"log_append_time"});
    ask(differ, version, "append-time", compressed(storage::Codec::kGzip, {"a", "b"}),
        {"log_append_time"});
    differ.label("long ago");
    ask(differ, version, "recent", batch_of({"a", "b"}, 1000));
    ask(differ, version, "recent", compressed(storage::Codec::kZstd, {"a", "b"}));
    ask(differ, version, "recent", batch_of({"a"}, -1));
    differ.label("any time");
    ask(differ, version, "any-time", batch_of({"a"}, 4'000'000'000'000));
    differ.label("keys");
    ask(differ, version, "with-keys", without_keys({true, true}));
    ask(differ, version, "with-keys", without_keys({true, false, false}));
  }
}

}  // namespace

std::vector<Scenario> produce_scenarios() {
  return {{"produce in every version", produces_in_every_version},
          {"damaged batches", damaged_batches},
          {"batches that are too large", too_large},
          {"timestamps of a producer", timestamps},
          {"codecs", codecs},
          {"topics with settings", settings_of_topics}};
}

}  // namespace duolog::differential
