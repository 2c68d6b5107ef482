// A Kafka client for tests: blocking, and able to say anything, right or wrong.
#pragma once

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/kafka/fetch.h"
#include "net/kafka/header.h"
#include "net/kafka/metadata.h"
#include "net/kafka/offsets.h"
#include "net/kafka/partitions.h"
#include "net/kafka/produce.h"
#include "net/kafka/topics.h"
#include "storage/codec.h"
#include "storage/record.h"
#include "storage/record_batch_builder.h"
#include "tests/unit/patience.h"

namespace duolog::session {

// Waits until `condition` holds; false when it does not within kPatience.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// A response, with the memory that it points into.
template <class Message>
struct Answer {
  std::vector<std::uint8_t> frame;
  kafka::Arena arena;
  std::int32_t correlation_id = 0;
  Message message;
  const Message* operator->() const { return &message; }
};

class KafkaClient {
 public:
  explicit KafkaClient(std::uint16_t port, int receive_buffer_bytes = 0) {
    descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer_bytes > 0) {
      ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                   sizeof receive_buffer_bytes);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const timeval limit{.tv_sec = std::chrono::seconds(kPatience).count(), .tv_usec = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const int yes = 1;
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  ~KafkaClient() { ::close(descriptor_); }
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  void send_bytes(Bytes bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
  }
  template <class Request>
  static std::vector<std::uint8_t> encode(std::int16_t version, const Request& request,
                                          std::int32_t correlation_id) {
    kafka::Writer writer;
    const auto frame =
        kafka::begin_request(writer, {.api_key = static_cast<std::int16_t>(Request::kApi),
                                      .api_version = version,
                                      .correlation_id = correlation_id,
                                      .client_id = "test"});
    kafka::encode(writer, version, request);
    writer.end_frame(frame);
    return {writer.bytes().begin(), writer.bytes().end()};
  }
  template <class Request>
  std::int32_t send(std::int16_t version, const Request& request) {
    const std::int32_t id = next_id_++;
    send_bytes(encode(version, request, id));
    return id;
  }
  // The next response, taken for one of this kind; null if the connection has ended.
  template <class Response>
  std::unique_ptr<Answer<Response>> receive(std::int16_t version) {
    auto answer = std::make_unique<Answer<Response>>();
    std::uint8_t length[4];
    if (!read_all(length)) return nullptr;
    answer->frame.resize(load_be<std::uint32_t>(length));
    if (!read_all(answer->frame)) return nullptr;
    kafka::Reader reader(answer->frame, answer->arena);
    const auto header = kafka::parse_response_header(reader, Response::kApi, version);
    EXPECT_TRUE(header.has_value());
    if (!header) return nullptr;
    answer->correlation_id = header->correlation_id;
    const auto decoded = kafka::decode(reader, version, answer->message);
    EXPECT_TRUE(decoded.has_value()) << decoded.error().message;
    return answer;
  }
  template <class Response, class Request>
  std::unique_ptr<Answer<Response>> call(std::int16_t version, const Request& request) {
    const std::int32_t id = send(version, request);
    auto answer = receive<Response>(version);
    EXPECT_NE(answer, nullptr);
    EXPECT_EQ(answer ? answer->correlation_id : -1, id);
    return answer;
  }
  // True when the server has closed the connection and nothing came before that.
  [[nodiscard]] bool at_end() {
    std::uint8_t byte = 0;
    const ssize_t got = ::recv(descriptor_, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }
  // True when nothing has arrived yet.
  [[nodiscard]] bool silent() {
    std::uint8_t byte = 0;
    return ::recv(descriptor_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }
  // What follows is a reset: whatever is on its way to here is lost.
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  void end_of_input() { ::shutdown(descriptor_, SHUT_WR); }

  // ---- What most tests ask for
  kafka::ErrorCode create_topic(std::string_view name, std::int32_t partitions) {
    kafka::CreateTopicsRequest::Topic topic{
        .name = name, .num_partitions = partitions, .replication_factor = 1};
    auto answer = call<kafka::CreateTopicsResponse>(
        5, kafka::CreateTopicsRequest{.topics = std::span(&topic, 1)});
    return answer ? answer->message.topics[0].error_code : kafka::ErrorCode::kNetworkException;
  }
  kafka::ErrorCode delete_topic(std::string_view name) {
    auto answer = call<kafka::DeleteTopicsResponse>(
        5, kafka::DeleteTopicsRequest{.topic_names = std::span(&name, 1)});
    return answer ? answer->message.responses[0].error_code : kafka::ErrorCode::kNetworkException;
  }
  // What Metadata says of one topic, without creating it.
  std::unique_ptr<Answer<kafka::MetadataResponse>> metadata(kafka::MetadataRequest::Topic topic,
                                                            std::int16_t version = 12) {
    return call<kafka::MetadataResponse>(
        version,
        kafka::MetadataRequest{.topics = std::span(&topic, 1), .allow_auto_topic_creation = false});
  }
  Uuid topic_id(std::string_view name) {
    return metadata({.name = name})->message.topics[0].topic_id;
  }
  kafka::MetadataResponse::Topic::Partition partition_metadata(std::string_view topic) {
    return metadata({.name = topic})->message.topics[0].partitions[0];
  }
  std::int32_t send_produce(std::string_view topic, std::int32_t partition, Bytes batch,
                            std::int16_t acks = -1, std::int16_t version = 9) {
    kafka::ProduceRequest::Topic::Partition p{.index = PartitionId(partition),
                                              .records = kafka::Records(batch)};
    kafka::ProduceRequest::Topic t{.name = topic, .partition_data = std::span(&p, 1)};
    return send(version, kafka::ProduceRequest{
                             .acks = acks, .timeout_ms = 30'000, .topic_data = std::span(&t, 1)});
  }
  kafka::ProduceResponse::Topic::Partition produce(std::string_view topic, std::int32_t partition,
                                                   Bytes batch, std::int16_t acks = -1,
                                                   std::int16_t version = 9) {
    send_produce(topic, partition, batch, acks, version);
    auto answer = receive<kafka::ProduceResponse>(version);
    EXPECT_NE(answer, nullptr);
    if (!answer) return {};
    auto partition_response = answer->message.responses[0].partition_responses[0];
    partition_response.error_message = std::nullopt;
    return partition_response;
  }
  struct Fetch {
    std::string_view topic;
    std::vector<kafka::FetchRequest::Topic::Partition> partitions;
    std::int32_t max_wait_ms = 0;
    std::int32_t min_bytes = 1;
    std::int32_t max_bytes = 50 << 20;
    std::int8_t isolation_level = 0;
    std::int32_t session_id = 0;
    std::int32_t session_epoch = -1;
  };
  static kafka::FetchRequest::Topic::Partition from(std::int32_t partition, std::int64_t offset,
                                                    std::int32_t max_bytes = 1 << 20) {
    return {.partition = PartitionId(partition),
            .fetch_offset = Offset(offset),
            .partition_max_bytes = max_bytes};
  }
  std::int32_t send_fetch(Fetch fetch, std::int16_t version = 12) {
    kafka::FetchRequest::Topic t{.topic = fetch.topic, .partitions = std::span(fetch.partitions)};
    return send(version, kafka::FetchRequest{.max_wait_ms = fetch.max_wait_ms,
                                             .min_bytes = fetch.min_bytes,
                                             .max_bytes = fetch.max_bytes,
                                             .isolation_level = fetch.isolation_level,
                                             .session_id = fetch.session_id,
                                             .session_epoch = fetch.session_epoch,
                                             .topics = std::span(&t, 1)});
  }
  std::unique_ptr<Answer<kafka::FetchResponse>> fetch(Fetch fetch, std::int16_t version = 12) {
    send_fetch(std::move(fetch), version);
    return receive<kafka::FetchResponse>(version);
  }

  // Whether there was one before the end.
  bool receive_byte() {
    std::uint8_t byte = 0;
    return read_all({&byte, 1});
  }

 private:
  bool read_all(std::span<std::uint8_t> into) {
    while (!into.empty()) {
      const ssize_t got = ::recv(descriptor_, into.data(), into.size(), 0);
      if (got <= 0) return false;
      into = into.subspan(static_cast<std::size_t>(got));
    }
    return true;
  }

  int descriptor_ = -1;
  std::int32_t next_id_ = 1;
};

// A batch of records, value by value, at times `first_timestamp`, + 1, ...
inline std::vector<std::uint8_t> batch_of(const std::vector<std::string>& values,
                                          std::int64_t first_timestamp = 1000,
                                          storage::Codec codec = storage::Codec::kNone) {
  storage::RecordBatchBuilder builder(64 << 20);
  std::int64_t timestamp = first_timestamp;
  for (const std::string& value : values) {
    EXPECT_TRUE(builder.add({.timestamp = Timestamp(timestamp++), .value = as_bytes(value)}));
  }
  const MutableBytes plain = builder.finish();
  std::vector<std::uint8_t> batch(plain.begin(), plain.end());
  if (codec == storage::Codec::kNone) return batch;
  Buffer compressed;
  EXPECT_TRUE(storage::compress(codec, plain.subspan(storage::kBatchHeaderBytes), compressed));
  batch.resize(storage::kBatchHeaderBytes);
  batch.insert(batch.end(), compressed.begin(), compressed.end());
  store_be<std::int32_t>(batch.data() + storage::batch_at::kBatchLength,
                         static_cast<std::int32_t>(batch.size() - storage::kBatchLengthEnd));
  store_be<std::int16_t>(batch.data() + storage::batch_at::kAttributes,
                         static_cast<std::int16_t>(codec));
  storage::store_crc(batch);
  return batch;
}

struct FetchedRecord {
  std::int64_t offset;
  std::string value;
  bool operator==(const FetchedRecord&) const = default;
};

// The records of a partition's answer, which must be whole, uncompressed batches.
inline std::vector<FetchedRecord> records_in(
    const kafka::FetchResponse::Topic::Partition& partition) {
  std::vector<FetchedRecord> found;
  Bytes bytes = partition.records.bytes();
  while (!bytes.empty()) {
    const auto header = storage::parse_header(bytes);
    EXPECT_TRUE(header.has_value()) << bytes.size();
    if (!header) return found;
    EXPECT_LE(header->size_bytes(), bytes.size());
    if (header->size_bytes() > bytes.size()) return found;
    const Bytes batch = bytes.first(header->size_bytes());
    EXPECT_TRUE(storage::crc_matches(batch));
    EXPECT_TRUE(storage::for_each_record(
        *header, storage::records_of(batch, *header), [&](const storage::Record& record) {
          found.push_back({record.offset.value, std::string(as_text(*record.value))});
        }));
    bytes = bytes.subspan(header->size_bytes());
  }
  return found;
}

}  // namespace duolog::session
