// A record as an item of a `records` push, and the text around the items.
//
//   {"records":{"sid":8,"partition":0,"base":"8812","next":"8814","epoch":4,"items":[
//     {"o":"8812","t":1790000000000,"key":"AAPL","value":"{...}","headers":[["k","v"]]},...]}}
//
// An item depends on the record alone, so it is encoded once for all subscribers; the text before
// the items is each subscriber's own. A key, value or header's value that is not valid UTF-8 is
// "key_b64", "value_b64" and, as an item's header, ["k",{"v_b64":"AAEC"}]. A header's key that is
// not is sent with U+FFFD in place of what is wrong. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "engine/base/buffer.h"
#include "engine/base/bytes.h"
#include "engine/base/ids.h"

namespace duolog::push {

struct HeaderItem {
  std::string_view key;
  std::optional<Bytes> value;  // none: a null value
};
struct RecordItem {
  Offset offset;
  Timestamp timestamp;
  std::optional<Bytes> key;    // none: a null key
  std::optional<Bytes> value;  // none: a tombstone
};

// Appends one item without its headers and its closing brace ...
void begin_item(Buffer& out, const RecordItem& record);
// ... then its headers, if it has any, and the end.
void begin_headers(Buffer& out);
void append_header(Buffer& out, bool first, const HeaderItem& header);
void end_headers(Buffer& out);
void end_item(Buffer& out);

// The text before the items. At most kMaxHeadBytes; returns its length.
inline constexpr std::size_t kMaxHeadBytes = 192;
struct RecordsHead {
  std::uint32_t sid = 0;
  PartitionId partition;
  Offset base;  // of the first item
  Offset next;  // where to go on
  LeaderEpoch epoch;
};
[[nodiscard]] std::size_t write_head(const RecordsHead& head, std::span<char, kMaxHeadBytes> out);
inline constexpr std::string_view kRecordsTail = "]}}";

}  // namespace duolog::push
