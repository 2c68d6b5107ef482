// Produce: what is taken, and each way to be refused.
#include "net/kafka/produce.h"
#include "storage/codec.h"
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

void in_every_version(Differ& differ) {
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
  send("far in the future", batch_of({"a"}, 4'000'000'000'000));
}

Batch compressed(storage::Codec codec, std::initializer_list<std::string_view> values) {
  const Batch plain = batch_of(values);
  Buffer packed;
  (void)storage::compress(codec, Bytes(plain).subspan(storage::kBatchHeaderBytes), packed);
  Batch batch(plain.begin(), plain.begin() + storage::kBatchHeaderBytes);
  batch.insert(batch.end(), packed.begin(), packed.end());
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

}  // namespace

std::vector<Scenario> produce_scenarios() {
  return {{"produce in every version", in_every_version},
          {"damaged batches", damaged_batches},
          {"batches that are too large", too_large},
          {"timestamps of a producer", timestamps},
          {"codecs", codecs}};
}

}  // namespace duolog::differential
