// hang_guard [--idle SECONDS] [--cpu SECONDS] COMMAND...: runs a test, and ends it when it hangs.
//
// On a loaded machine a clock does not tell a hang from a test that is not let run. So this looks,
// once a second, at the test and at all that it has started:
//   idle   for so many looks in a row none of them could run or waited for a disk, none came or
//          went, and they used next to no CPU time since the look before
//   spins  together they have used more CPU time than any test needs
// Then it prints where each of their threads is, what their sockets and the machine are doing
// (tests/e2e/hang_report.py, which it does not wait for for ever), lets them print what they print
// when they are aborted, kills them, and fails. Else its exit status is the test's.
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/guard/process_tree.h"

namespace duolog::guard {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr timespec kLook{.tv_sec = 1, .tv_nsec = 0};
// In a second. Servers and clients that only wait tick now and then; a test that is starved of CPU
// could run, and so is not quiet.
constexpr double kQuietCpuS = 0.02;
constexpr int kAbortLooks = 3;    // between SIGABRT and SIGKILL
constexpr int kReportLooks = 90;  // as in hang_report.py

struct Limits {
  int idle_looks = 60;
  int cpu_s = 300;
};

double now_s() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

class Guard {
 public:
  explicit Guard(Limits limits) : limits_(limits) {}

  // Runs it to its end; the exit status.
  int run(char** command) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);  // who loses its parent stays in sight
    sigset_t child_ended;
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    sigset_t before;
    sigprocmask(SIG_BLOCK, &child_ended, &before);
    test_ = fork();
    if (test_ == 0) {
      sigprocmask(SIG_SETMASK, &before, nullptr);
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      setenv("PYTHONFAULTHANDLER", "1", 0);
      execvp(command[0], command);
      std::fprintf(stderr, "hang_guard: %s: %s\n", command[0], std::strerror(errno));
      _exit(kUsage);
    }
    for (double look_s = now_s() + 1; !test_ended();) {
      sigtimedwait(&child_ended, nullptr, &kLook);
      if (now_s() < look_s) continue;
      look_s = now_s() + 1;
      if (hangs()) return end_all();
    }
    signal_all(SIGKILL);  // what it has left behind
    return status_of_test();
  }

 private:
  bool test_ended() {
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
      if (ended != test_) continue;
      status_ = status;
      return true;
    }
    return false;
  }

  bool hangs() {
    TreeSample now = sample_tree(getpid());
    const bool quiet =
        !now.busy && now.processes == before_.processes && now.cpu_s < before_.cpu_s + kQuietCpuS;
    quiet_looks_ = quiet ? quiet_looks_ + 1 : 0;
    if (quiet_looks_ >= limits_.idle_looks) {
      std::fprintf(stderr, "hang_guard: nothing has happened for %d s\n", quiet_looks_);
      return true;
    }
    if (now.cpu_s >= limits_.cpu_s) {
      std::fprintf(stderr, "hang_guard: %.0f s of CPU time are used\n", now.cpu_s);
      return true;
    }
    before_ = std::move(now);
    return false;
  }

  int end_all() {
    const std::vector<pid_t> processes = sample_tree(getpid()).processes;
    std::fputs(describe(processes).c_str(), stderr);
    report(processes);
    for (const pid_t process : processes) kill(process, SIGABRT);
    for (int look = 0; look < kAbortLooks && !test_ended(); ++look) wait_a_look();
    signal_all(SIGKILL);
    return kFailed;
  }

  static void wait_a_look() {
    sigset_t child_ended;
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    sigtimedwait(&child_ended, nullptr, &kLook);
  }

  // In a process of its own, which may hang at what they hang at.
  static void report(const std::vector<pid_t>& processes) {
    std::fflush(stderr);
    const pid_t reporter = fork();
    if (reporter == 0) {
      sigset_t none;
      sigemptyset(&none);
      sigprocmask(SIG_SETMASK, &none, nullptr);
      dup2(STDERR_FILENO, STDOUT_FILENO);
      std::vector<std::string> words{DUOLOG_PYTHON, "-B", DUOLOG_HANG_REPORT};
      for (const pid_t process : processes) words.push_back(std::to_string(process));
      std::vector<char*> arguments;
      for (std::string& word : words) arguments.push_back(word.data());
      arguments.push_back(nullptr);
      execv(arguments[0], arguments.data());
      std::fprintf(stderr, "hang_guard: %s: %s\n", arguments[0], std::strerror(errno));
      _exit(kFailed);
    }
    for (int look = 0; look < kReportLooks && waitpid(reporter, nullptr, WNOHANG) == 0; ++look) {
      wait_a_look();
    }
    kill(reporter, SIGKILL);
  }

  static void signal_all(int signal) {
    for (const pid_t process : sample_tree(getpid()).processes) kill(process, signal);
  }

  [[nodiscard]] int status_of_test() const {
    if (WIFEXITED(status_)) return WEXITSTATUS(status_);
    std::fprintf(stderr, "hang_guard: the test ended by signal %d (%s)\n", WTERMSIG(status_),
                 strsignal(WTERMSIG(status_)));
    return kFailed;
  }

  const Limits limits_;
  pid_t test_ = -1;
  int status_ = 0;
  TreeSample before_;
  int quiet_looks_ = 0;
};

bool take_number(const char* text, int& number) {
  const char* end = text + std::strlen(text);
  const auto [stopped, error] = std::from_chars(text, end, number);
  return error == std::errc{} && stopped == end && number > 0;
}

int main_of(char** arguments) {
  Limits limits;
  char** word = arguments + 1;
  for (; *word != nullptr && std::string_view(*word).starts_with("--"); word += 2) {
    const std::string_view option = *word;
    int* const number = option == "--idle"  ? &limits.idle_looks
                        : option == "--cpu" ? &limits.cpu_s
                                            : nullptr;
    if (number == nullptr || word[1] == nullptr || !take_number(word[1], *number)) break;
  }
  if (*word == nullptr || std::string_view(*word).starts_with("--")) {
    std::fputs("hang_guard [--idle SECONDS] [--cpu SECONDS] COMMAND...\n", stderr);
    return kUsage;
  }
  return Guard(limits).run(word);
}

}  // namespace
}  // namespace duolog::guard

int main(int, char** argv) { return duolog::guard::main_of(argv); }
