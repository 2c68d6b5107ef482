#include "engine/session/doors/http_port.h"

#include <string>

namespace duolog::session {

void HttpPort::list_counters(runtime::CounterList& list) const {
  list.add(kHttpMetrics, http_.counters());
  list.add(kWsMetrics, ws_.counters());
  list.add(kLiveMetrics, live_.counters());
  list.add(kFeedMetrics, feeds_.counters());
  list.add(kPushMetrics, pushes_.counters());
  constexpr auto& kCodes = CloseCounters::kCodes;
  const CloseCounters& closes = ws_.counters().closes;
  list.add_each(
      "duolog_http_feeds_closed_total", "WebSockets closed, by the code of the close frame", "code",
      kCodes.size() + 1,
      [](std::size_t i) { return i < kCodes.size() ? std::to_string(kCodes[i]) : "other"; },
      [&](std::size_t i) -> auto& {
        return i < kCodes.size() ? closes.of(kCodes[i]) : closes.other();
      });
}

}  // namespace duolog::session
