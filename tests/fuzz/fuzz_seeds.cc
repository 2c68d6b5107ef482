// fuzz_seeds DIRECTORY: writes where the fuzzers begin, DIRECTORY/<target>/<name>: the requests
// that real clients sent, the batches in them, and batches of every codec; HTTP requests, WebSocket
// frames, and every command of the push protocol.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "engine/base/check.h"
#include "net/kafka/header.h"
#include "net/kafka/produce.h"
#include "net/ws/frame.h"
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

void write_texts(const std::filesystem::path& folder, std::span<const std::string_view> texts) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    write(folder / std::to_string(i), as_bytes(texts[i]));
  }
}

void write_http_requests(const std::filesystem::path& directory) {
  static constexpr std::string_view kRequests[] = {
      "GET /v1/topics/t/ws?from=latest&key=%41 HTTP/1.1\r\nHost: localhost:8080\r\n"
      "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x80\x01\x02\x03\x04",
      "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello"
      "GET http://h/ HTTP/1.0\r\nHost: h\r\n\r\n",
      "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n0A;ext=\"v\"\r\n, my world\r\n0\r\nTrailer: x\r\n\r\n",
  };
  write_texts(directory / "http_request_fuzz", kRequests);
}

// Two bytes of choices, then frames: tests/fuzz/ws_frame_fuzz.cc.
void write_ws_frames(const std::filesystem::path& directory) {
  using ws::Opcode;
  constexpr ws::MaskKey kKey = 0x3D21FA37;
  const std::string large(400, 'x');
  std::vector<std::uint8_t> frames{0, 5};
  const auto add = [&](Opcode opcode, bool fin, std::string_view payload, bool rsv1 = false) {
    ws::append_masked_frame(frames, opcode, fin, as_bytes(payload), kKey, rsv1);
  };
  add(Opcode::kText, false, "h\xC3");
  add(Opcode::kPing, true, "p");
  add(Opcode::kContinuation, true, "\xA9");
  add(Opcode::kBinary, true, large);
  add(Opcode::kClose, true, "\x03\xE8 bye");
  write(directory / "ws_frame_fuzz" / "messages", frames);
  frames = {8 + 16, 0};
  add(Opcode::kText, false, "\xAA\x00", true);
  add(Opcode::kContinuation, true, "");
  add(Opcode::kBinary, true, large);
  write(directory / "ws_frame_fuzz" / "compressed", frames);
  frames = {1, 1, 0x81, 5, 'H', 'e', 'l', 'l', 'o', 0x89, 0};
  write(directory / "ws_frame_fuzz" / "server", frames);
}

void write_push_commands(const std::filesystem::path& directory) {
  static constexpr std::string_view kCommands[] = {
      R"({"id":1,"hello":{"client":"screen/1.2","token":null}})",
      R"({"id":2,"subscribe":{"sid":7,"topic":"trades","from":"latest","partitions":[0,3]}})",
      R"({"id":3,"subscribe":{"sid":8,"topic":"t","positions":{"0":"8812","3":120},)"
      R"("topic_id":"b1c0AAAAAAAAAAAAAAAAAA","epoch":4,"credit":{"records":1,"bytes":2}}})",
      R"({"id":4,"subscribe":{"sid":8,"topic":"t","from":{"timestamp":1790000000000}}})",
      R"({"id":5,"subscribe":{"sid":8,"topic":"t","from":"-100"}})",
      R"({"id":6,"publish":{"topic":"o","records":[{"key":"u1","value":"\u00e9\ud83d\ude00"},)"
      R"({"value_b64":"AAEC","partition":2,"t":1,"headers":[["k","v"],["n",null],)"
      R"(["b",{"v_b64":"/w=="}]]},{"key_b64":"AAE="}],"ack":"appended"}})",
      R"({"id":7,"unsubscribe":{"sid":7}})",
      R"({"id":8,"pause":{"sid":7}})",
      R"({"id":9,"resume":{"sid":7}})",
      R"({"id":10,"credit":{"sid":7,"records":100,"bytes":65536}})",
      R"({"id":11,"offsets":{"topic":"trades"}})",
      R"({"id":9007199254740991,"ping":{}})",
  };
  write_texts(directory / "push_command_fuzz", kCommands);
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
  write_http_requests(directory);
  write_ws_frames(directory);
  write_push_commands(directory);
  return 0;
}
