// The texts a server sends in duolog.v1.json: replies to commands, and pushes other than records.
//
// Each function appends one JSON object, without a line break, to `out`. Offsets are strings.
// Pure functions of any thread; what clients sent is escaped.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "net/push/command.h"

namespace duolog::push {

// Where a subscription, or a partition, is. Absent fields are left out.
struct PositionText {
  PartitionId partition;
  std::optional<Offset> next;
  std::optional<Offset> start;
  std::optional<Offset> end;
  std::optional<LeaderEpoch> epoch;
};

void append_hello(std::string& out, std::uint64_t id, std::string_view server,
                  std::string_view session, std::uint64_t max_message_bytes,
                  std::uint64_t heartbeat_ms);
// `recovered`: of a resume only.
void append_subscribed(std::string& out, std::uint64_t id, std::uint32_t sid, const Uuid& topic_id,
                       std::optional<bool> recovered, std::span<const PositionText> positions);
// {"id":5,"unsubscribed":{"sid":7}}, and "paused", "resumed", "credited" alike.
void append_done(std::string& out, std::uint64_t id, std::string_view what, std::uint32_t sid);
void append_offsets(std::string& out, std::uint64_t id, std::string_view topic,
                    const Uuid& topic_id, std::span<const PositionText> positions);
void append_pong(std::string& out, std::uint64_t id, Timestamp now);

struct ErrorText {
  ErrorCode code = ErrorCode::kInternal;
  std::string_view message;
  bool temporary = false;
};
struct PublishedItem {
  PartitionId partition;
  Offset offset;
  std::optional<ErrorText> error;  // instead of an offset
};
// `stage`: "appended" or "durable".
void append_published(std::string& out, std::uint64_t id, std::string_view stage,
                      std::span<const PublishedItem> items);

// A resume that is refused says what is there now: `topic_id` and `positions`, with "reason":
// "epoch_changed" or "ahead".
struct ResumeRefusal {
  std::string_view reason;
  Uuid topic_id;
  std::span<const PositionText> positions;
};
void append_error(std::string& out, std::optional<std::uint64_t> id, const ErrorText& error,
                  const ResumeRefusal* resume = nullptr);

// Pushes.
void append_gap(std::string& out, std::uint32_t sid, PartitionId partition, Offset from, Offset to,
                std::string_view reason);
void append_unsub(std::string& out, std::uint32_t sid, ErrorCode code, std::string_view reason);
void append_bye(std::string& out, std::uint16_t code, std::string_view reason, bool reconnect,
                std::uint64_t after_ms);
// {"hb":{"positions":{"8":{"0":{"next":"8814","end":"9001"}}}}}: begin, one call for each
// subscription, end.
void begin_heartbeat(std::string& out);
void append_heartbeat(std::string& out, bool first, std::uint32_t sid,
                      std::span<const PositionText> positions);
void end_heartbeat(std::string& out);

}  // namespace duolog::push
