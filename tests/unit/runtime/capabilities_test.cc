#include "engine/runtime/capabilities.h"

#include <array>
#include <cerrno>
#include <cstdio>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace duolog::runtime {
namespace {

using testing::HasSubstr;

TEST(CapabilitiesTest, AreDescribedInOneLine) {
  auto found = probe_capabilities();
  ASSERT_TRUE(found) << found.error().message;
  const std::string line = found->describe();
  EXPECT_THAT(line, HasSubstr("Linux " + found->kernel_release));
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

TEST(CapabilitiesTest, EachReasonForWhichARingIsDeniedHasItsAdvice) {
  const auto advice = [](auto setup) { return probe_capabilities(setup).error().message; };
  EXPECT_THAT(advice([](unsigned, io_uring*, io_uring_params*) { return -ENOSYS; }),
              HasSubstr("seccomp"));
  EXPECT_THAT(advice([](unsigned, io_uring*, io_uring_params*) { return -EPERM; }),
              HasSubstr("kernel.io_uring_disabled"));
  EXPECT_THAT(advice([](unsigned, io_uring*, io_uring_params*) { return -ENOMEM; }),
              HasSubstr("LimitMEMLOCK"));
  EXPECT_THAT(advice([](unsigned, io_uring*, io_uring_params*) { return -EINVAL; }),
              HasSubstr("Linux 6.1"));
}

// Makes io_uring_setup fail in this process, as a container's profile does.
void deny_uring(unsigned error_number) {
  std::array<sock_filter, 4> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error_number),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

TEST(CapabilitiesDeathTest, AProcessUnderASeccompFilterIsToldSoAndEndsWithCodeTwo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        deny_uring(ENOSYS);
        auto found = probe_capabilities();
        if (found) _exit(0);
        fprintf(stderr, "%s\n", found.error().message.c_str());
        _exit(kExitNoUring);
      },
      testing::ExitedWithCode(2), "seccomp");
}

TEST(CapabilitiesTest, TheDescriptorLimitIsRaisedToTheHardLimit) {
  auto raised = raise_descriptor_limit();
  ASSERT_TRUE(raised);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, limit.rlim_max);
  EXPECT_EQ(*raised, limit.rlim_max);
}

}  // namespace
}  // namespace duolog::runtime
