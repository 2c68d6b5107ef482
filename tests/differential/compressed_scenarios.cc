// Produce of compressed batches: those that are as they should be, damaged ones, and ones that are
// whole outside and wrong inside.
#include <algorithm>
#include <limits>

#include <lz4frame.h>

#include "engine/base/clock.h"
#include "net/kafka/offsets.h"
#include "net/kafka/produce.h"
#include "net/kafka/topics.h"
#include "storage/codec.h"
#include "storage/record_batch_builder.h"
#include "tests/differential/scenarios.h"

namespace duolog::differential {
namespace {

using storage::Codec;
using Batch = std::vector<std::uint8_t>;
namespace at = storage::batch_at;

constexpr std::size_t kHeader = storage::kBatchHeaderBytes;

template <class T>
Batch set(Batch batch, std::size_t position, T value) {
  store_be<T>(batch.data() + position, value);
  storage::store_crc(batch);
  return batch;
}

// `head`'s header in front of `payload`, which is what its codec says.
Batch assemble(Codec codec, const Batch& head, Bytes payload) {
  Batch batch(head.begin(), head.begin() + kHeader);
  batch.insert(batch.end(), payload.begin(), payload.end());
  store_be<std::int32_t>(batch.data() + at::kBatchLength,
                         static_cast<std::int32_t>(batch.size() - storage::kBatchLengthEnd));
  const auto attributes = load_be<std::uint16_t>(batch.data() + at::kAttributes);
  return set<std::uint16_t>(
      std::move(batch), at::kAttributes,
      static_cast<std::uint16_t>(attributes | static_cast<std::uint16_t>(codec)));
}

Batch squeeze(Codec codec, Bytes records) {
  Buffer packed;
  CHECK(storage::compress(codec, records, packed).has_value());
  return {packed.begin(), packed.end()};
}

// A plain batch with its records compressed.
Batch pack(Codec codec, const Batch& plain) {
  return assemble(codec, plain, squeeze(codec, Bytes(plain).subspan(kHeader)));
}

// Two records with these times; what the header says of them is put right only if they are in
// order.
Batch two_at(std::int64_t first, std::int64_t second) {
  storage::RecordBatchBuilder builder(1 << 20);
  CHECK(builder.add({.timestamp = Timestamp(first), .value = as_bytes("a")}).has_value());
  CHECK(builder.add({.timestamp = Timestamp(second), .value = as_bytes("b")}).has_value());
  const MutableBytes batch = builder.finish();
  return {batch.begin(), batch.end()};
}

// Where the log starts is said of some refused batches there, and of none here.
constexpr std::string_view kStart = "log_start_offset";

void ask(Differ& differ, std::string_view label, std::string_view topic, const Batch& batch,
         Differ::Allowed allowed = {kStart}) {
  differ.label(label);
  kafka::ProduceRequest::Topic::Partition p{.index = PartitionId(0),
                                            .records = kafka::Records(batch)};
  kafka::ProduceRequest::Topic t{.name = topic, .partition_data = one(p)};
  differ.ask<kafka::ProduceResponse>(
      9, kafka::ProduceRequest{.acks = -1, .timeout_ms = 30'000, .topic_data = one(t)}, allowed);
}

// What is taken there, and then stops some of its readers, or is answered with another code.
void ask_stricter(Differ& differ, std::string_view label, const Batch& batch) {
  ask(differ, label, "stricter", batch, {kStart, "error_code", "base_offset"});
}

void damaged_payloads(Differ& differ, std::string_view topic, Codec codec) {
  const Batch plain = batch_of({"some words", "and some more words", "and the last words"});
  const Batch good = squeeze(codec, Bytes(plain).subspan(kHeader));
  const auto send = [&](std::string_view label, Bytes payload) {
    ask(differ, label, topic, assemble(codec, plain, payload));
  };
  send("good", good);
  if (codec == Codec::kZstd) {
    ask_stricter(differ, "nothing", assemble(codec, plain, {}));  // no frame; no record there
  } else {
    send("nothing", {});
  }
  send("half of it", Bytes(good).first(good.size() / 2));
  send("a byte too few", Bytes(good).first(good.size() - 1));
  send("five bytes too few", Bytes(good).first(good.size() - 5));
  Batch garbage = good;
  for (std::size_t i = 12; i < garbage.size(); ++i) garbage[i] = static_cast<std::uint8_t>(i * 151);
  send("garbage behind the magic", garbage);
  const Batch noise(100, 0xA5);
  send("no frame at all", noise);
}

void wrong_inside(Differ& differ, std::string_view topic, Codec codec) {
  const Batch plain = batch_of({"a", "b", "c"});
  const Bytes records = Bytes(plain).subspan(kHeader);
  const std::size_t each = records.size() / 3;
  const auto send = [&](std::string_view label, const Batch& head, Bytes inside) {
    ask(differ, label, topic, assemble(codec, head, squeeze(codec, inside)));
  };
  const auto claim = [&](std::int32_t records_claimed) {
    return set<std::int32_t>(set<std::int32_t>(plain, at::kRecordCount, records_claimed),
                             at::kLastOffsetDelta, records_claimed - 1);
  };
  send("a record too many claimed", claim(4), records);
  send("a record too few claimed", claim(2), records);
  send("two billion records", claim(std::numeric_limits<std::int32_t>::max()), records);
  send("no record inside", plain, {});
  Batch more(records.begin(), records.end());
  more.push_back(7);
  send("a byte behind the last record", plain, more);
  send("a torn record", plain, records.first(records.size() - 2));
  Batch longer(records.begin(), records.end());
  longer[each] = 0x7E;
  ask_stricter(differ, "a record longer than the batch",
               assemble(codec, plain, squeeze(codec, longer)));
  Batch negative(records.begin(), records.end());
  negative[each] = 0x01;
  ask_stricter(differ, "a negative length", assemble(codec, plain, squeeze(codec, negative)));
  Batch key(records.begin(), records.end());
  key[4] = 0x7E;
  send("a key longer than its record", plain, key);
}

void times_inside(Differ& differ, std::string_view topic, Codec codec) {
  const std::int64_t now = wall_clock().value;
  const auto send = [&](std::string_view label, const Batch& plain) {
    ask(differ, label, topic, pack(codec, plain));
  };
  send("far ahead", two_at(now, 1LL << 60));
  send("far ahead, and the header says now",
       set<std::int64_t>(two_at(now, 1LL << 60), at::kMaxTimestamp, now));
  send("the maximum is the first's",
       set<std::int64_t>(two_at(now, now + 5), at::kMaxTimestamp, now));
  send("the maximum is none", set<std::int64_t>(two_at(now, now + 5), at::kMaxTimestamp, -1));
  send("the maximum is too high",
       set<std::int64_t>(two_at(now, now + 5), at::kMaxTimestamp, now + 77));
  send("before any clock", two_at(now, -(1LL << 60)));
  for (const std::int64_t asked : {now + 5, now + 6}) {
    differ.label("by time");
    kafka::ListOffsetsRequest::Topic::Partition p{.partition_index = PartitionId(0),
                                                  .timestamp = Timestamp(asked)};
    kafka::ListOffsetsRequest::Topic t{.name = topic, .partitions = one(p)};
    differ.ask<kafka::ListOffsetsResponse>(
        5, kafka::ListOffsetsRequest{.replica_id = -1, .topics = one(t)});
  }
}

std::string_view name_of(Codec codec) {
  switch (codec) {
    case Codec::kGzip:
      return "gzip";
    case Codec::kSnappy:
      return "snappy";
    case Codec::kLz4:
      return "lz4";
    default:
      return "zstd";
  }
}

constexpr Codec kCodecs[] = {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd};

void damaged(Differ& differ) {
  create_topic(differ, "stricter");
  for (const Codec codec : kCodecs) {
    const std::string topic = "damaged-" + std::string(name_of(codec));
    create_topic(differ, topic);
    damaged_payloads(differ, topic, codec);
  }
}

void inside(Differ& differ) {
  create_topic(differ, "stricter");
  for (const Codec codec : kCodecs) {
    const std::string topic = "inside-" + std::string(name_of(codec));
    create_topic(differ, topic);
    wrong_inside(differ, topic, codec);
  }
}

void times(Differ& differ) {
  for (const Codec codec : kCodecs) {
    const std::string topic = "times-" + std::string(name_of(codec));
    create_topic(differ, topic);
    times_inside(differ, topic, codec);
  }
}

void keys(Differ& differ) {
  kafka::CreateTopicsRequest::Topic::Config config{.name = "cleanup.policy", .value = "compact"};
  kafka::CreateTopicsRequest::Topic topic{
      .name = "packed-keys", .num_partitions = 1, .replication_factor = 1, .configs = one(config)};
  differ.ask<kafka::CreateTopicsResponse>(
      4, kafka::CreateTopicsRequest{.topics = one(topic), .timeout_ms = 30'000});
  create_topic(differ, "packed-keys");
  for (const Codec codec : kCodecs) {
    ask(differ, "without keys", "packed-keys", pack(codec, batch_of({"a", "b"})));
  }
  const std::int64_t now = wall_clock().value;
  ask(differ, "without keys, far ahead", "packed-keys", pack(Codec::kZstd, two_at(now, 1LL << 60)));
}

// Whether it is large does not matter, nor that it is inflated by another thread.
void large(Differ& differ) {
  std::string text;
  for (int i = 0; text.size() < 900'000; ++i) text += std::to_string(i * 7919);
  for (const Codec codec : kCodecs) {
    const std::string topic = "large-" + std::string(name_of(codec));
    create_topic(differ, topic);
    const Batch plain = batch_of({text, "the last"}, wall_clock().value);
    const Batch good = squeeze(codec, Bytes(plain).subspan(kHeader));
    ask(differ, "large", topic, assemble(codec, plain, good));
    ask(differ, "large and torn", topic,
        assemble(codec, plain, Bytes(good).first(good.size() / 2)));
    ask(differ, "large, with a record too many", topic,
        set<std::int32_t>(set<std::int32_t>(assemble(codec, plain, good), at::kRecordCount, 3),
                          at::kLastOffsetDelta, 2));
    ask(differ, "small behind it", topic, pack(codec, batch_of({"a"}, wall_clock().value)));
  }
}

// What the formats allow and not every reader can read.
void odd_frames(Differ& differ) {
  create_topic(differ, "stricter");
  create_topic(differ, "odd");
  const std::string text(200'000, 'x');
  const Batch plain = batch_of({text}, wall_clock().value);
  const Bytes records = Bytes(plain).subspan(kHeader);
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockMode = LZ4F_blockLinked;
  Batch linked(LZ4F_compressFrameBound(records.size(), &preferences));
  linked.resize(LZ4F_compressFrame(linked.data(), linked.size(), records.data(), records.size(),
                                   &preferences));
  ask(differ, "lz4 with linked blocks", "odd", assemble(Codec::kLz4, plain, linked));
  preferences.frameInfo = {};
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  preferences.frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled;
  preferences.frameInfo.contentSize = records.size();
  Batch checked(LZ4F_compressFrameBound(records.size(), &preferences));
  checked.resize(LZ4F_compressFrame(checked.data(), checked.size(), records.data(), records.size(),
                                    &preferences));
  ask(differ, "lz4 with checksums and size", "odd", assemble(Codec::kLz4, plain, checked));

  const Batch small = batch_of({"a"}, wall_clock().value);
  const Bytes inside = Bytes(small).subspan(kHeader);
  for (const std::uint8_t window : {std::uint8_t{17 << 3}, std::uint8_t{18 << 3}}) {
    // Magic, no flags, the window, one raw block.
    Batch frame{0x28, 0xB5, 0x2F, 0xFD, 0, window, 0, 0, 0};
    frame[6] = static_cast<std::uint8_t>(1 | (inside.size() << 3));
    frame.insert(frame.end(), inside.begin(), inside.end());
    ask(differ, window == 17 << 3 ? "zstd with a window of 128 MiB" : "zstd with one of 256 MiB",
        "odd", assemble(Codec::kZstd, small, frame));
  }
  for (const Codec codec : kCodecs) {
    Batch twice = squeeze(codec, inside);
    twice.push_back(0);
    differ.begin("odd compressed batches, " + std::string(name_of(codec)));
    ask_stricter(differ, "a byte behind the frame", assemble(codec, small, twice));
    Batch parts = squeeze(codec, inside.first(3));
    const Batch rest = squeeze(codec, inside.subspan(3));
    parts.insert(parts.end(), rest.begin(), rest.end());
    if (codec == Codec::kLz4) {
      ask_stricter(differ, "two frames", assemble(codec, small, parts));  // only the first is read
    } else {
      ask(differ, "two frames", "odd", assemble(codec, small, parts));
    }
  }
  // snappy-java's framing.
  const Batch block = squeeze(Codec::kSnappy, inside);
  Batch xerial{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0};
  xerial.push_back(static_cast<std::uint8_t>(block.size()));
  xerial.insert(xerial.end(), block.begin(), block.end());
  ask(differ, "snappy in frames", "odd", assemble(Codec::kSnappy, small, xerial));
  ask(differ, "snappy in a torn frame", "odd",
      assemble(Codec::kSnappy, small, Bytes(xerial).first(xerial.size() - 1)));
  xerial.insert(xerial.end(), 3, 0);
  ask_stricter(differ, "snappy in frames with bytes behind",
               assemble(Codec::kSnappy, small, xerial));
}

}  // namespace

std::vector<Scenario> compressed_scenarios() {
  return {{"damaged compressed batches", damaged},
          {"compressed batches that are wrong inside", inside},
          {"timestamps inside compressed batches", times},
          {"keys inside compressed batches", keys},
          {"large compressed batches", large},
          {"odd compressed batches", odd_frames}};
}

}  // namespace duolog::differential
