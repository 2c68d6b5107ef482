#include "net/push/record_json.h"

#include <array>
#include <charconv>
#include <cstring>

#include "net/push/base64.h"
#include "net/push/json_text.h"
#include "net/ws/utf8.h"

namespace duolog::push {
namespace {

// Writes a text whose length is known to be small enough.
class Writer {
 public:
  explicit Writer(std::span<char> out)
      : begin_(out.data()), at_(begin_), end_(begin_ + out.size()) {}

  Writer& text(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
    return *this;
  }
  Writer& number(std::int64_t number) {
    at_ = std::to_chars(at_, end_, number).ptr;
    return *this;
  }
  [[nodiscard]] std::string_view written() const {
    return {begin_, static_cast<std::size_t>(at_ - begin_)};
  }

 private:
  char* begin_;
  char* at_;
  char* end_;
};

// Appends `"name":"..."`, or `"name_b64":"..."` of bytes that are no UTF-8.
void put_bytes(Buffer& out, std::string_view name, Bytes bytes) {
  put(out, name);
  if (ws::is_valid_utf8(bytes)) {
    put(out, "\":");
    put_utf8(out, as_text(bytes));
  } else {
    put(out, "_b64\":\"");
    append_base64(out, bytes);
    put(out, "\"");
  }
}

void put_field(Buffer& out, std::string_view name, const std::optional<Bytes>& bytes) {
  if (bytes) {
    put_bytes(out, name, *bytes);
  } else {
    put(out, name);
    put(out, "\":null");
  }
}

}  // namespace

void begin_item(Buffer& out, const RecordItem& record) {
  std::array<char, 64> head;
  put(out, Writer(head)
               .text(R"({"o":")")
               .number(record.offset.value)
               .text(R"(","t":)")
               .number(record.timestamp.value)
               .written());
  put_field(out, R"(,"key)", record.key);
  put_field(out, R"(,"value)", record.value);
}

void begin_headers(Buffer& out) { put(out, R"(,"headers":[)"); }

void append_header(Buffer& out, bool first, const HeaderItem& header) {
  put(out, first ? "[" : ",[");
  put_any(out, header.key);
  if (!header.value) {
    put(out, ",null]");
  } else if (ws::is_valid_utf8(*header.value)) {
    put(out, ",");
    put_utf8(out, as_text(*header.value));
    put(out, "]");
  } else {
    put(out, R"(,{"v_b64":")");
    append_base64(out, *header.value);
    put(out, R"("}])");
  }
}

void end_headers(Buffer& out) { put(out, "]"); }

void end_item(Buffer& out) { put(out, "}"); }

std::size_t write_head(const RecordsHead& head, std::span<char, kMaxHeadBytes> out) {
  // The text without its numbers, and those at their longest.
  static_assert(70 + 5 * kMaxNumberBytes <= kMaxHeadBytes);
  return Writer(out)
      .text(R"({"records":{"sid":)")
      .number(head.sid)
      .text(R"(,"partition":)")
      .number(head.partition.value)
      .text(R"(,"base":")")
      .number(head.base.value)
      .text(R"(","next":")")
      .number(head.next.value)
      .text(R"(","epoch":)")
      .number(head.epoch.value)
      .text(R"(,"items":[)")
      .written()
      .size();
}

}  // namespace duolog::push
