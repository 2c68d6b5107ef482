// CHECK: an assertion that stays on in every build.
//
// Use it for what cannot happen unless the program is wrong; what input or the machine can cause
// is a Result. A failed CHECK prints the place and aborts: a log must not go on from a state that
// nobody designed.
#pragma once

namespace duolog {

[[noreturn]] void check_failed(const char* expression, const char* file, int line);

}  // namespace duolog

#define CHECK(condition)                                      \
  do {                                                        \
    if (!(condition)) [[unlikely]]                            \
      ::duolog::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
