#include <fmt/core.h>

#include "tools/duolog/command.h"

namespace duolog::tools {

int report(std::string_view command, const Error& error) {
  fmt::print(stderr, "duolog {}: {}\n", command, error.message);
  return error.code == Errc::kInvalid ? kUsage : kFailed;
}

}  // namespace duolog::tools
