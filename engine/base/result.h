// Result<T>: a value, or an Error that says what went wrong and what to do about it.
//
// Errors are values on shard threads; exceptions appear at most in start-up code and tools.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace duolog {

// The classes of failure that callers tell apart. The text is for people.
enum class Errc : std::uint8_t {
  kInvalid,      // the input breaks its own format
  kCorrupt,      // stored bytes fail their checksum or contradict each other
  kTooLarge,     // a limit was exceeded
  kNotFound,     // no such topic, file, offset
  kExists,       // already there
  kOutOfRange,   // an offset before the log's start or beyond its end
  kNoSpace,      // the disk is full
  kIo,           // the kernel refused an operation
  kUnflushed,    // what was written was not flushed: nobody knows what of it is on the disk
  kUnsupported,  // valid, but not something that this build or kernel does
  kBusy,         // somebody else holds it: a locked directory, a used port
  kClosed,       // the object is closing
};

struct Error {
  Errc code = Errc::kInvalid;
  std::string message;
};

template <class T>
using Result = std::expected<T, Error>;

// fail(Errc::kInvalid, "..."): what a function returning Result<T> returns when it fails.
[[nodiscard]] inline std::unexpected<Error> fail(Errc code, std::string message) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}

// fail_errno(Errc::kIo, "open /x", 13) -> "open /x: Permission denied". ENOSPC and EDQUOT become
// kNoSpace and ENOENT kNotFound, whatever `code` says.
[[nodiscard]] std::unexpected<Error> fail_errno(Errc code, std::string what, int error_number);

}  // namespace duolog
