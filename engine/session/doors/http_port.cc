#include "engine/session/doors/http_port.h"

#include <string>

namespace duolog::session {
namespace {

constexpr std::size_t kListedCodes = CloseCounters::kCodes.size();

}  // namespace

void HttpPort::list_counters(runtime::CounterList& list) const {
  list.add(kHttpMetrics, http_.counters());
  list.add(kWsMetrics, ws_.counters());
  list.add(kLiveMetrics, live_.counters());
  list.add(kFeedMetrics, feeds_.counters());
  list.add(kPushMetrics, pushes_.counters());
  const CloseCounters& closes = ws_.counters().closes;
  list.add_each(
      "duolog_http_feeds_closed_total", "WebSockets closed, by the code of the close frame", "code",
      kListedCodes + 1,
      [](std::size_t i) {
        return i < kListedCodes ? std::to_string(CloseCounters::kCodes[i]) : "other";
      },
      [&](std::size_t i) -> auto& {
        return i < kListedCodes ? closes.of(CloseCounters::kCodes[i]) : closes.other();
      });
}

}  // namespace duolog::session
