// The server: from a configuration to a running process and back.
#pragma once

#include "engine/server/config.h"

namespace duolog::server {

// Runs a server until SIGTERM or SIGINT: prints the line that says "ready" with both addresses,
// serves, then drains and stops. Called once, on the main thread. Returns the process's exit
// status: 0 after a clean stop; 1 when it had to stop; 2 when the machine does not allow it to
// start (a used port, a foreign directory, io_uring denied), with the advice on standard error.
[[nodiscard]] int serve(const Config& config);

}  // namespace duolog::server
