// Any bytes as a command of the push protocol. What is refused is answered with valid JSON that
// says why. What is accepted is JSON, keeps the limits, and its records can be written as items and
// published again.
#include <algorithm>
#include <ranges>

#include <nlohmann/json.hpp>

#include "engine/base/check.h"
#include "net/push/command_parser.h"
#include "net/push/record_json.h"
#include "net/push/reply.h"

using namespace duolog;
using namespace duolog::push;

namespace {

constexpr std::uint64_t kMaxId = (1ULL << 53) - 1;

void check_refusal(const Refusal& refusal) {
  std::string reply;
  append_error(reply, refusal.id, {.code = refusal.code, .message = refusal.message});
  const auto json = nlohmann::json::parse(reply);  // throws at what is no JSON or no UTF-8
  CHECK(json.at("error").at("message") == refusal.message);
  CHECK(!refusal.message.empty() && refusal.message.size() < 300);
  CHECK(refusal.id ? json.at("id") == *refusal.id : !json.contains("id"));
}

std::optional<Bytes> bytes_of(const std::optional<std::string_view>& text) {
  return text ? std::optional(as_bytes(*text)) : std::nullopt;
}

std::string publish_again(std::span<const PublishRecord> records) {
  Buffer text;
  text.append(as_bytes(R"({"id":1,"publish":{"topic":"t","records":[)"));
  for (const PublishRecord& record : records) {
    if (&record != records.data()) text.append(as_bytes(","));
    begin_item(text, {.offset = Offset(1),
                      .timestamp = record.timestamp.value_or(Timestamp(0)),
                      .key = bytes_of(record.key),
                      .value = bytes_of(record.value)});
    begin_headers(text);
    for (const PublishHeader& header : record.headers) {
      append_header(text, &header == record.headers.data(),
                    {.key = header.key, .value = bytes_of(header.value)});
    }
    end_headers(text);
    end_item(text);
  }
  text.append(as_bytes("]}}"));
  return std::string(as_text(text));
}

bool same_header(const PublishHeader& a, const PublishHeader& b) {
  return a.key == b.key && a.value == b.value;
}
bool same_record(const PublishRecord& a, const PublishRecord& b) {
  return a.key == b.key && a.value == b.value &&
         std::ranges::equal(a.headers, b.headers, same_header);
}

void check_records(std::span<const PublishRecord> records) {
  static CommandParser parser;
  CHECK(!records.empty() && records.size() <= CommandParser::kMaxRecords);
  const std::string text = publish_again(records);
  const Command* const again = parser.parse(text);
  CHECK(again != nullptr);
  CHECK(std::ranges::equal(std::get<Publish>(again->what).records, records, same_record));
}

// Sorted, each once, and none negative.
void check_partitions(auto&& partitions) {
  CHECK(partitions.size() <= CommandParser::kMaxPartitions);
  PartitionId before(-1);
  for (const PartitionId partition : partitions) {
    CHECK(partition > before);
    before = partition;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static CommandParser parser;
  const std::string_view text = as_text(Bytes(data, size));
  const Command* const command = parser.parse(text);
  if (command == nullptr) {
    check_refusal(parser.refusal());
    return 0;
  }
  CHECK(command->id <= kMaxId);
  CHECK(nlohmann::json::accept(text));
  if (const auto* subscribe = std::get_if<Subscribe>(&command->what)) {
    check_partitions(subscribe->partitions);
    check_partitions(subscribe->positions | std::views::transform(&PartitionOffset::partition));
    for (const auto& position : subscribe->positions) CHECK(position.offset >= Offset(0));
    CHECK(!subscribe->from || subscribe->from->value >= 0);
  } else if (const auto* offsets = std::get_if<Offsets>(&command->what)) {
    check_partitions(offsets->partitions);
  } else if (const auto* publish = std::get_if<Publish>(&command->what)) {
    check_records(publish->records);
  }
  return 0;
}
