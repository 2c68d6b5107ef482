#include "engine/base/result.h"

#include <cerrno>
#include <system_error>

namespace duolog {

std::unexpected<Error> fail_errno(Errc code, std::string what, int error_number) {
  if (error_number == ENOSPC || error_number == EDQUOT) code = Errc::kNoSpace;
  if (error_number == ENOENT) code = Errc::kNotFound;
  return fail(code, std::move(what) + ": " + std::generic_category().message(error_number));
}

}  // namespace duolog
