// The time of day, as a test sets it: for this whole program, and nobody else.
#pragma once

#include <chrono>

namespace duolog {

// From now on it is that much earlier than the machine says. Any thread.
void set_wall_clock_back(std::chrono::nanoseconds by);

}  // namespace duolog
