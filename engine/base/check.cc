#include "engine/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace duolog {

void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "duolog: internal error: CHECK(%s) failed at %s:%d\n", expression, file,
               line);
  std::abort();
}

}  // namespace duolog
