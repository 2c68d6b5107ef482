// Log: lines for the operator, written by a thread of their own.
//
// Any thread. A line is queued and written later to standard error; a shard never waits for a
// terminal or a disk. The queue holds kLogQueueLines; when it is full the oldest line goes, so that
// a flood of them costs no memory and no time. What may repeat for each request or connection goes
// through a LogLimit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace duolog::runtime {

inline constexpr std::size_t kLogQueueLines = 8192;

// kTrace is as kDebug: there is nothing finer.
enum class LogLevel : std::uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kOff };

// Lines below `level` are not written. kInfo until it is called.
void set_log_level(LogLevel level);
[[nodiscard]] LogLevel log_level();

// A line says what happened, where, and what to do: "kafka 127.0.0.1:5130: FetchRequest v12: ...".
void log_info(std::string_view line);
void log_warn(std::string_view line);
void log_error(std::string_view line);

// Lines that were queued and went, because the queue was full. Any thread.
[[nodiscard]] std::uint64_t log_lines_lost();

// Waits until what was logged before is written: at the end of the process.
void flush_log();

// Lets `burst` lines through each `kWindowNs`, and then says how many it held back. One owner, one
// thread.
class LogLimit {
 public:
  static constexpr std::uint32_t kBurst = 10;
  static constexpr std::uint64_t kWindowNs = 10'000'000'000;

  explicit LogLimit(std::uint32_t burst = kBurst) : burst_(burst) {}

  // Whether a line may be written at `now_ns` (monotonic). `held_back`: lines that were not, since
  // the last one that was.
  [[nodiscard]] bool allow(std::uint64_t now_ns, std::uint64_t& held_back) {
    if (now_ns - window_began_ns_ >= kWindowNs) {
      window_began_ns_ = now_ns;
      used_ = 0;
    }
    if (used_ == burst_) {
      ++held_back_;
      return false;
    }
    ++used_;
    held_back = held_back_;
    held_back_ = 0;
    return true;
  }

  // log_warn(line), with the count of lines held back behind it; or nothing.
  void warn(std::uint64_t now_ns, std::string_view line) { write(log_warn, now_ns, line); }
  // The same with log_info.
  void info(std::uint64_t now_ns, std::string_view line) { write(log_info, now_ns, line); }

 private:
  void write(void (*log)(std::string_view), std::uint64_t now_ns, std::string_view line) {
    std::uint64_t held_back = 0;
    if (!allow(now_ns, held_back)) return;
    if (held_back == 0) return log(line);
    log(std::string(line) + " (" + std::to_string(held_back) + " like it were not logged)");
  }

  std::uint32_t burst_;
  std::uint64_t window_began_ns_ = 0;
  std::uint64_t held_back_ = 0;
  std::uint32_t used_ = 0;
};

}  // namespace duolog::runtime
