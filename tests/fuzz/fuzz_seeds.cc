// fuzz_seeds DIRECTORY: writes where the fuzzers begin, DIRECTORY/<target>/<name>: the requests
// that real clients sent, the batches in them, and batches of every codec.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "engine/base/check.h"
#include "net/kafka/header.h"
#include "net/kafka/produce.h"
#include "storage/codec.h"
#include "storage/record_batch_builder.h"
#include "tests/unit/kafka/captures.h"
#include "tests/unit/kafka/message_cases.h"

namespace {

using namespace duolog;

void write(const std::filesystem::path& file, Bytes bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  CHECK(out.good());
}

void write_captures(const std::filesystem::path& directory) {
  constexpr std::size_t kLengthBytes = 4;
  for (const auto& capture : kafka::test::kCaptures) {
    const auto frame = kafka::test::from_hex(capture.hex);
    const Bytes request = Bytes(frame).subspan(kLengthBytes);
    write(directory / "kafka_request_fuzz" / capture.name, request);
    kafka::Arena arena;
    kafka::Reader reader(request, arena);
    const auto header = kafka::parse_request_header(reader);
    kafka::ProduceRequest produce;
    if (!header || header->api_key != static_cast<std::int16_t>(kafka::ApiKey::kProduce)) continue;
    CHECK(kafka::decode(reader, header->api_version, produce));
    write(directory / "record_batch_fuzz" / capture.name,
          produce.topic_data[0].partition_data[0].records.bytes());
  }
}

// One of each message and version: random, but the same in every run.
void write_random_requests(const std::filesystem::path& directory) {
  kafka::test::Rng rng(kafka::test::seed());
  kafka::test::for_each_version([&](const kafka::test::MessageCase& message, std::int16_t version) {
    if (!message.is_request()) return;
    kafka::Writer writer;
    const auto frame = kafka::begin_request(
        writer, {.api_key = static_cast<std::int16_t>(message.key), .api_version = version});
    writer.raw(message.random(rng, version));
    writer.end_frame(frame);
    write(directory / "kafka_request_fuzz" / (std::string(message.name) + std::to_string(version)),
          writer.bytes().subspan(sizeof(std::int32_t)));
  });
}

void write_batches(const std::filesystem::path& directory) {
  storage::RecordBatchBuilder builder;
  const storage::RecordHeader header{.key = "trace", .value = as_bytes("7")};
  for (int i = 0; i < 3; ++i) {
    CHECK(builder.add({.timestamp = Timestamp(1'600'000'000'000 + i),
                       .key = as_bytes("key"),
                       .value = as_bytes("a value, a value, a value"),
                       .headers = std::span(&header, 1)}));
  }
  const Bytes plain = builder.finish();
  write(directory / "record_batch_fuzz" / "none", plain);
  using storage::Codec;
  for (const Codec codec : {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    Buffer compressed;
    CHECK(storage::compress(codec, plain.subspan(storage::kBatchHeaderBytes), compressed));
    std::vector<std::uint8_t> batch(plain.begin(), plain.begin() + storage::kBatchHeaderBytes);
    batch.insert(batch.end(), compressed.begin(), compressed.end());
    store_be<std::int32_t>(batch.data() + storage::batch_at::kBatchLength,
                           static_cast<std::int32_t>(batch.size() - storage::kBatchLengthEnd));
    store_be<std::int16_t>(batch.data() + storage::batch_at::kAttributes,
                           static_cast<std::int16_t>(codec));
    storage::store_crc(batch);
    write(directory / "record_batch_fuzz" / ("codec" + std::to_string(static_cast<int>(codec))),
          batch);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_seeds DIRECTORY\n");
    return 2;
  }
  const std::filesystem::path directory = argv[1];
  write_captures(directory);
  write_random_requests(directory);
  write_batches(directory);
  return 0;
}
