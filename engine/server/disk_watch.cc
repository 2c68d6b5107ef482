#include "engine/server/disk_watch.h"

#include <array>
#include <utility>

#include <fmt/core.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/runtime/log.h"

namespace duolog::server {

DiskWatch::DiskWatch(broker::WriteState& state, std::string directory)
    : state_(state), directory_(std::move(directory)), event_(eventfd(0, EFD_CLOEXEC)) {
  CHECK(event_ >= 0);
  state_.on_full = [event = event_] { eventfd_write(event, 1); };
}

DiskWatch::~DiskWatch() {
  state_.on_full = nullptr;
  ::close(event_);
}

void DiskWatch::wait_for(int descriptor) {
  while (true) {
    std::array<pollfd, 2> waited{pollfd{descriptor, POLLIN, 0}, pollfd{event_, POLLIN, 0}};
    const bool full = state_.get() == broker::WriteState::State::kFull;
    if (poll(waited.data(), waited.size(), full ? kLookMs : -1) == 0) look();
    if (waited[0].revents != 0) return;
    eventfd_t count = 0;
    if (waited[1].revents != 0) eventfd_read(event_, &count);
  }
}

// As much as a file system cannot say, there is: the next append finds out.
void DiskWatch::look() {
  struct statvfs about{};
  const bool known = statvfs(directory_.c_str(), &about) == 0;
  if (known && about.f_bavail * about.f_frsize < kRoomBytes) return;
  state_.room();
  runtime::log_info(fmt::format("{}: there is room on the disk again", directory_));
}

}  // namespace duolog::server
