#include "net/push/reply.h"

#include "engine/base/uuid.h"
#include "net/push/json_text.h"

namespace duolog::push {
namespace {

// These append the text in front of a value, and the value.

void put_offset(std::string& out, std::string_view front, Offset offset) {
  put(out, front);
  put(out, "\"");
  put_number(out, offset.value);
  put(out, "\"");
}

template <class Number>
void put_whole(std::string& out, std::string_view front, Number number) {
  put(out, front);
  put_number(out, number);
}

void put_flag(std::string& out, std::string_view front, bool flag) {
  put(out, front);
  put(out, flag ? "true" : "false");
}

void put_text(std::string& out, std::string_view front, std::string_view text) {
  put(out, front);
  put_any(out, text);
}

// {"0":{"next":"8812","start":"100","end":"9001","epoch":4}}
void put_positions(std::string& out, std::string_view front,
                   std::span<const PositionText> positions) {
  put(out, front);
  put(out, "{");
  bool first = true;
  for (const PositionText& position : positions) {
    put_whole(out, first ? "\"" : ",\"", position.partition.value);
    first = false;
    put(out, "\":{");
    const std::size_t empty = out.size();
    const auto comma = [&] { return out.size() == empty ? "" : ","; };
    if (position.next) put_offset(out.append(comma()), R"("next":)", *position.next);
    if (position.start) put_offset(out.append(comma()), R"("start":)", *position.start);
    if (position.end) put_offset(out.append(comma()), R"("end":)", *position.end);
    if (position.epoch) put_whole(out.append(comma()), R"("epoch":)", position.epoch->value);
    put(out, "}");
  }
  put(out, "}");
}

// Begins a reply: {"id":3,"what":{
void begin_reply(std::string& out, std::uint64_t id, std::string_view what) {
  put_whole(out, R"({"id":)", id);
  put(out, ",\"");
  put(out, what);
  put(out, "\":{");
}

void put_error(std::string& out, const ErrorText& error) {
  put_whole(out, R"("code":)", static_cast<std::int32_t>(error.code));
  put_text(out, R"(,"message":)", error.message);
  put_flag(out, R"(,"temporary":)", error.temporary);
}

}  // namespace

void append_hello(std::string& out, std::uint64_t id, std::string_view server,
                  std::string_view session, std::uint64_t max_message_bytes,
                  std::uint64_t heartbeat_ms) {
  begin_reply(out, id, "hello");
  put_text(out, R"("server":)", server);
  put_text(out, R"(,"session":)", session);
  put_whole(out, R"(,"max_message_bytes":)", max_message_bytes);
  put_whole(out, R"(,"heartbeat_ms":)", heartbeat_ms);
  put(out, "}}");
}

void append_subscribed(std::string& out, std::uint64_t id, std::uint32_t sid, const Uuid& topic_id,
                       std::optional<bool> recovered, std::span<const PositionText> positions) {
  begin_reply(out, id, "subscribed");
  put_whole(out, R"("sid":)", sid);
  put_text(out, R"(,"topic_id":)", to_text(topic_id));
  if (recovered) put_flag(out, R"(,"recovered":)", *recovered);
  put_positions(out, R"(,"positions":)", positions);
  put(out, "}}");
}

void append_done(std::string& out, std::uint64_t id, std::string_view what, std::uint32_t sid) {
  begin_reply(out, id, what);
  put_whole(out, R"("sid":)", sid);
  put(out, "}}");
}

void append_offsets(std::string& out, std::uint64_t id, std::string_view topic,
                    const Uuid& topic_id, std::span<const PositionText> positions) {
  begin_reply(out, id, "offsets");
  put_text(out, R"("topic":)", topic);
  put_text(out, R"(,"topic_id":)", to_text(topic_id));
  put_positions(out, R"(,"positions":)", positions);
  put(out, "}}");
}

void append_pong(std::string& out, std::uint64_t id, Timestamp now) {
  begin_reply(out, id, "pong");
  put_whole(out, R"("time_ms":)", now.value);
  put(out, "}}");
}

void append_published(std::string& out, std::uint64_t id, std::string_view stage,
                      std::span<const PublishedItem> items) {
  begin_reply(out, id, "published");
  put_text(out, R"("stage":)", stage);
  put(out, R"(,"items":[)");
  bool first = true;
  for (const PublishedItem& item : items) {
    put_whole(out, first ? R"({"partition":)" : R"(,{"partition":)", item.partition.value);
    first = false;
    if (item.error) {
      put(out, R"(,"error":{)");
      put_error(out, *item.error);
      put(out, "}");
    } else {
      put_offset(out, R"(,"offset":)", item.offset);
    }
    put(out, "}");
  }
  put(out, "]}}");
}

void append_error(std::string& out, std::optional<std::uint64_t> id, const ErrorText& error,
                  const ResumeRefusal* resume) {
  if (id) {
    begin_reply(out, *id, "error");
  } else {
    put(out, R"({"error":{)");
  }
  put_error(out, error);
  if (resume != nullptr) {
    put_text(out, R"(,"reason":)", resume->reason);
    put_text(out, R"(,"topic_id":)", to_text(resume->topic_id));
    put_positions(out, R"(,"positions":)", resume->positions);
  }
  put(out, "}}");
}

void append_gap(std::string& out, std::uint32_t sid, PartitionId partition, Offset from, Offset to,
                std::string_view reason) {
  put_whole(out, R"({"gap":{"sid":)", sid);
  put_whole(out, R"(,"partition":)", partition.value);
  put_offset(out, R"(,"from":)", from);
  put_offset(out, R"(,"to":)", to);
  put_text(out, R"(,"reason":)", reason);
  put(out, "}}");
}

void append_unsub(std::string& out, std::uint32_t sid, ErrorCode code, std::string_view reason) {
  put_whole(out, R"({"unsub":{"sid":)", sid);
  put_whole(out, R"(,"code":)", static_cast<std::int32_t>(code));
  put_text(out, R"(,"reason":)", reason);
  put(out, "}}");
}

void append_bye(std::string& out, std::uint16_t code, std::string_view reason, bool reconnect,
                std::uint64_t after_ms) {
  put_whole(out, R"({"bye":{"code":)", code);
  put_text(out, R"(,"reason":)", reason);
  put_flag(out, R"(,"reconnect":)", reconnect);
  put_whole(out, R"(,"after_ms":)", after_ms);
  put(out, "}}");
}

void begin_heartbeat(std::string& out) { put(out, R"({"hb":{"positions":{)"); }

void append_heartbeat(std::string& out, bool first, std::uint32_t sid,
                      std::span<const PositionText> positions) {
  put_whole(out, first ? "\"" : ",\"", sid);
  put_positions(out, "\":", positions);
}

void end_heartbeat(std::string& out) { put(out, "}}}"); }

}  // namespace duolog::push
