#include "engine/runtime/log.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <thread>

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/base_sink.h>

namespace duolog::runtime {
namespace {

// Standard error, and a count of the lines written to it.
class StandardError : public spdlog::sinks::base_sink<std::mutex> {
 public:
  [[nodiscard]] std::uint64_t written() const { return written_.load(std::memory_order_acquire); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::fwrite(line.data(), 1, line.size(), stderr);
    written_.fetch_add(1, std::memory_order_release);
  }
  void flush_() override {}  // standard error has no buffer

 private:
  std::atomic<std::uint64_t> written_{0};
};

// Never destroyed: other threads may log for as long as the process runs.
struct Log {
  std::shared_ptr<spdlog::details::thread_pool> pool =
      std::make_shared<spdlog::details::thread_pool>(kLogQueueLines, 1);
  std::shared_ptr<StandardError> sink = std::make_shared<StandardError>();
  std::shared_ptr<spdlog::async_logger> logger = std::make_shared<spdlog::async_logger>(
      "duolog", sink, pool, spdlog::async_overflow_policy::overrun_oldest);
  std::atomic<std::uint64_t> queued{0};

  Log() { logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v"); }

  void write(spdlog::level::level_enum level, std::string_view line) {
    if (!logger->should_log(level)) return;
    logger->log(level, line);
    queued.fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] bool all_written() const {
    return sink->written() + pool->overrun_counter() >= queued.load(std::memory_order_relaxed);
  }
};

Log& log() {
  static Log* const instance = new Log;
  return *instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      break;
  }
  return spdlog::level::off;
}

}  // namespace

void set_log_level(LogLevel level) { log().logger->set_level(to_spdlog(level)); }
LogLevel log_level() {
  for (const LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    if (log().logger->level() == to_spdlog(level)) return level;
  }
  return LogLevel::kOff;
}
void log_info(std::string_view line) { log().write(spdlog::level::info, line); }
void log_warn(std::string_view line) { log().write(spdlog::level::warn, line); }
void log_error(std::string_view line) { log().write(spdlog::level::err, line); }

std::uint64_t log_lines_lost() { return log().pool->overrun_counter(); }

void flush_log() {
  while (!log().all_written()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace duolog::runtime
