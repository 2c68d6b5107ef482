// The server's log as Kafka's clients see it: one logger, whose level they may change until the
// server stops. Any thread.
#pragma once

#include <optional>
#include <string_view>

#include "engine/runtime/log.h"

namespace duolog::session {

inline constexpr std::string_view kLogger = "root";

[[nodiscard]] constexpr std::string_view level_name(runtime::LogLevel level) {
  switch (level) {
    case runtime::LogLevel::kTrace:
    case runtime::LogLevel::kDebug:
      return "DEBUG";
    case runtime::LogLevel::kInfo:
      return "INFO";
    case runtime::LogLevel::kWarn:
      return "WARN";
    case runtime::LogLevel::kError:
      return "ERROR";
    case runtime::LogLevel::kOff:
      break;
  }
  return "FATAL";
}

// By Kafka's names. Nothing is traced, and nothing fatal is logged as such.
[[nodiscard]] constexpr std::optional<runtime::LogLevel> find_level(std::string_view name) {
  if (name == "TRACE") return runtime::LogLevel::kDebug;
  for (const auto level :
       {runtime::LogLevel::kDebug, runtime::LogLevel::kInfo, runtime::LogLevel::kWarn,
        runtime::LogLevel::kError, runtime::LogLevel::kOff}) {
    if (name == level_name(level)) return level;
  }
  return std::nullopt;
}

}  // namespace duolog::session
