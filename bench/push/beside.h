// What one client's durable publishes take while many others load the same shard.
#pragma once

#include "bench/push/fanout.h"

namespace duolog::load {

// A baseline, and then beside each of three loads: clients that send cheap commands without end,
// feeds from `earliest`, a broadcast to thousands. Returns the exit status: 0 when p99 and the
// longest turn stayed within their bars and the completion queue did not overflow. The server has
// one shard.
[[nodiscard]] int run_beside(const PushOptions& options);

}  // namespace duolog::load
