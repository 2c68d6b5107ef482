// Helpers of the WebSocket tests: build a client's byte stream, cut it, and list the events it
// gives.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "net/ws/frame_parser.h"

namespace duolog::ws {

using Stream = std::vector<std::uint8_t>;
using Events = std::vector<std::string>;

inline constexpr MaskKey kTestKey =
    0x3D21FA37;  // the wire's 37 fa 21 3d, the key of the RFC's examples

inline void append_bytes(Stream& stream, std::initializer_list<int> bytes) {
  for (const int byte : bytes) stream.push_back(static_cast<std::uint8_t>(byte));
}

inline Stream stream_of(std::initializer_list<int> bytes) {
  Stream stream;
  append_bytes(stream, bytes);
  return stream;
}

inline void append_frame(Stream& stream, Opcode opcode, bool fin, std::string_view payload) {
  append_masked_frame(stream, opcode, fin, as_bytes(payload), kTestKey);
}

inline Stream one_frame(Opcode opcode, bool fin, std::string_view payload) {
  Stream stream;
  append_frame(stream, opcode, fin, payload);
  return stream;
}

// A masked frame's header with these first two bytes, an extended length and a zero key.
inline Stream raw_header(int first, int length7, std::initializer_list<int> extended = {}) {
  Stream stream = stream_of({first, length7 | 0x80});
  append_bytes(stream, extended);
  append_bytes(stream, {0, 0, 0, 0});
  return stream;
}

// One event as text: "text hello", "ping x", "close 1000 bye", "error 1002 why".
inline std::string describe(const FrameEvent& event) {
  const std::string payload(as_text(event.payload));
  const std::string code = std::to_string(event.close_code);
  switch (event.kind) {
    case FrameEvent::Kind::kNeedMore:
      return "need more";
    case FrameEvent::Kind::kMessage:
      return (event.compressed ? "compressed " : "") +
             std::string(event.opcode == Opcode::kText ? "text " : "binary ") + payload;
    case FrameEvent::Kind::kPing:
      return "ping " + payload;
    case FrameEvent::Kind::kPong:
      return "pong " + payload;
    case FrameEvent::Kind::kClose:
      return "close " + code + " " + payload;
    case FrameEvent::Kind::kError:
      return "error " + code + " " + std::string(event.error);
  }
  return "?";
}

// Feeds one slice, in memory of its own size so that a sanitizer sees every byte read beyond it.
inline void feed_slice(FrameParser& parser, Bytes slice, Events& events) {
  Stream memory(slice.begin(), slice.end());
  MutableBytes input(memory);
  for (FrameEvent event = parser.next(input); event.kind != FrameEvent::Kind::kNeedMore;
       event = parser.next(input)) {
    events.push_back(describe(event));
  }
}

inline Events events_in_slices(const Stream& stream, std::size_t slice_bytes,
                               FrameParserConfig config = {}) {
  FrameParser parser(config);
  Events events;
  for (std::size_t at = 0; at < stream.size(); at += slice_bytes) {
    feed_slice(parser, Bytes(stream).subspan(at, std::min(slice_bytes, stream.size() - at)),
               events);
  }
  return events;
}

inline Events events_in_random_slices(const Stream& stream, std::mt19937_64& random,
                                      FrameParserConfig config = {}) {
  FrameParser parser(config);
  Events events;
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t most = std::min<std::size_t>(stream.size() - at, random() % 8 ? 40 : 4000);
    const std::size_t take = 1 + random() % most;
    feed_slice(parser, Bytes(stream).subspan(at, take), events);
    at += take;
  }
  return events;
}

// The events of the stream in one slice.
inline Events events_of(const Stream& stream, FrameParserConfig config = {}) {
  return events_in_slices(stream, std::max<std::size_t>(stream.size(), 1), config);
}

}  // namespace duolog::ws
