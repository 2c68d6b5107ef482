#include "engine/base/result.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace duolog {
namespace {

Result<int> errno_result(Errc code, int error_number) {
  return fail_errno(code, "open /x", error_number);
}

TEST(ResultTest, AnErrnoBecomesTheWhatAndTheSystemsText) {
  const auto result = errno_result(Errc::kIo, EACCES);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kIo);
  EXPECT_EQ(result.error().message, "open /x: Permission denied");
}

TEST(ResultTest, SpaceAndAbsenceAreToldApartWhateverWasAsked) {
  EXPECT_EQ(errno_result(Errc::kIo, ENOSPC).error().code, Errc::kNoSpace);
  EXPECT_EQ(errno_result(Errc::kIo, EDQUOT).error().code, Errc::kNoSpace);
  EXPECT_EQ(errno_result(Errc::kIo, ENOENT).error().code, Errc::kNotFound);
  EXPECT_EQ(errno_result(Errc::kBusy, EAGAIN).error().code, Errc::kBusy);
}

TEST(ResultTest, FailCarriesCodeAndText) {
  const Result<void> result = fail(Errc::kTooLarge, "9 bytes, and the limit is 8");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kTooLarge);
  EXPECT_EQ(result.error().message, "9 bytes, and the limit is 8");
}

}  // namespace
}  // namespace duolog
