#include "net/push/record_reader.h"

#include <array>

namespace duolog::push {

void RecordReader::clear() {
  push::clear(records_, kKeptRecords);
  push::clear(headers_, kKeptHeaders);
  push::clear(headers_ends_, kKeptRecords);
}

bool RecordReader::read(const Member& member, std::span<const PublishRecord>& out) {
  JsonArray array;
  if (!reader_.array(member, array)) return false;
  for (const JsonValue& value : array) {
    if (records_.size() == CommandParser::kMaxRecords) {
      return reader_.refuse(member.name, "more than " + std::to_string(CommandParser::kMaxRecords),
                            ErrorCode::kLimit);
    }
    if (!read_record(value)) return reader_.within(member.name, records_.size() - 1);
  }
  if (records_.empty()) return reader_.refuse(member.name, "there are none");
  // Only now the list of headers stays where it is.
  std::size_t begin = 0;
  for (std::size_t i = 0; i < records_.size(); ++i) {
    records_[i].headers = std::span(headers_).subspan(begin, headers_ends_[i] - begin);
    begin = headers_ends_[i];
  }
  out = records_;
  return true;
}

bool RecordReader::read_record(const JsonValue& value) {
  std::array<Member, 7> members{
      {{"key"}, {"key_b64"}, {"value"}, {"value_b64"}, {"headers"}, {"partition"}, {"t"}}};
  const auto& [key, key_b64, text, text_b64, headers, partition, t] = members;
  PublishRecord& record = records_.emplace_back();
  if (!reader_.find(value, members) || !reader_.bytes(key, key_b64, record.key) ||
      !reader_.bytes(text, text_b64, record.value) || !read_headers(headers) ||
      !reader_.number(partition, kMaxInt32, record.partition) ||
      !reader_.number(t, kMaxNumber, record.timestamp)) {
    return false;
  }
  headers_ends_.push_back(headers_.size());
  return true;
}

bool RecordReader::read_headers(const Member& member) {
  JsonArray array;
  if (!member.given) return true;
  if (!reader_.array(member, array)) return false;
  std::size_t index = 0;
  for (const JsonValue& value : array) {
    if (!read_header(value)) return reader_.within(member.name, index);
    ++index;
  }
  return true;
}

// ["k","v"], ["k",null] or ["k",{"v_b64":"AAEC"}]
bool RecordReader::read_header(const JsonValue& value) {
  PublishHeader& header = headers_.emplace_back();
  JsonArray pair;
  if (value.get(pair) != simdjson::SUCCESS || pair.size() != 2 ||
      pair.at(0).get(header.key) != simdjson::SUCCESS) {
    return reader_.refuse("", "must be [key, value]");
  }
  const JsonValue content = pair.at(1).value_unsafe();
  std::array<Member, 2> members{{{"v"}, {"v_b64"}}};
  if (content.is_object()) {
    if (!reader_.find(content, members)) return false;
  } else {
    members[0] = {.name = "v", .seen = true, .given = !content.is_null(), .value = content};
  }
  return reader_.bytes(members[0], members[1], header.value);
}

}  // namespace duolog::push
