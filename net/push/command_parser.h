// CommandParser: the text of one JSON object in, a Command out.
//
// One for each shard (the session's), used by its thread; it keeps its memory between calls, so
// that a warm one allocates nothing, up to kKeptBytes. What a larger text needs, 15 times its size,
// is given back at the next call. Parsing is simdjson's. Limits: what the caller lets be as large
// as a message, kMaxDepth, kMaxRecords and kMaxPartitions; beyond these three the code is kLimit.
//
// A member that is null counts as left out. One that is read may be there once. Numbers are whole,
// from 0 to 2^53 - 1 unless their type is smaller; others are ignored with the members that nobody
// reads, if they fit 64 bits or a double.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/push/command.h"

namespace duolog::push {

// Why a text is no command.
struct Refusal {
  ErrorCode code = ErrorCode::kBadRequest;
  std::string message;              // for people: names what is wrong, and where
  std::optional<std::uint64_t> id;  // of the command, if it could be read
};

class CommandParser {
 public:
  static constexpr std::size_t kKeptBytes = 64U << 10;
  static constexpr std::size_t kMaxDepth = 64;           // of arrays and objects
  static constexpr std::size_t kMaxRecords = 10'000;     // in one publish
  static constexpr std::size_t kMaxPartitions = 10'000;  // in one list of them

  CommandParser();
  ~CommandParser();
  CommandParser(const CommandParser&) = delete;
  CommandParser& operator=(const CommandParser&) = delete;

  // Parses one object, which is valid UTF-8. Null when it is not one, or no command this endpoint
  // knows: then `refusal()` says why. What is returned, and its texts, stay until the next call.
  [[nodiscard]] const Command* parse(std::string_view object);
  [[nodiscard]] const Refusal& refusal() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace duolog::push
