#include "engine/base/random.h"

#include <sys/random.h>

#include "engine/base/check.h"

namespace duolog {

void random_bytes(std::span<std::uint8_t> into) {
  CHECK(into.size() <= 256);  // as many come in one piece
  CHECK(getrandom(into.data(), into.size(), 0) == static_cast<ssize_t>(into.size()));
}

}  // namespace duolog
