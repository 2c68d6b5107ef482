#include "tests/sim/server/faults.h"

#include <array>

#include "storage/options.h"

namespace duolog::sim {

namespace {

constexpr std::uint64_t kAnySpace = std::uint64_t{1} << 60;
constexpr std::int64_t kHourMs = 3'600'000;
// A server whose flush has failed may go on for so many steps: until it hears of it.
constexpr std::uint64_t kStepsToGiveUp = 2'000;

constexpr std::array kErrors{SimFiles::Fault::kRead, SimFiles::Fault::kWrite,
                             SimFiles::Fault::kSync, SimFiles::Fault::kRename,
                             SimFiles::Fault::kRemove};
constexpr std::array kStartErrors{SimFiles::Fault::kRead,         SimFiles::Fault::kRead,
                                  SimFiles::Fault::kWrite,        SimFiles::Fault::kSync,
                                  SimFiles::Fault::kRename,       SimFiles::Fault::kRemove,
                                  SimFiles::Fault::kOpenDirectory};
constexpr std::array<const char*, 4> kPlaces{"", "/journal", "/topics", "/catalog"};

}  // namespace

constexpr std::array<Faults::Kind, 10> Faults::kKinds{
    Kind::kNone,  Kind::kNone,  Kind::kNone, Kind::kNone,        Kind::kError,
    Kind::kError, Kind::kError, Kind::kFull, Kind::kDescriptors, Kind::kClock};

void Faults::begin(std::uint64_t steps) {
  kind_ = kKinds[below(kKinds.size())];
  from_ = below(steps / 2 + 1);
  to_ = from_ + below(steps + 1);
  must_give_up_ = false;
  steps_since_ = 0;
}

void Faults::begin_start() {
  SimFiles& files = machine_.files();
  under_way_ = true;
  if (below(4) == 0) {
    kind_ = Kind::kFull;
    machine_.kernel().note("the disk is full while the server starts");
    return files.set_capacity(files.used_bytes() + below(64) * storage::kKiB);
  }
  kind_ = Kind::kError;
  const auto error = kStartErrors[below(kStartErrors.size())];
  const std::string place = kPlaces[below(kPlaces.size())];
  machine_.kernel().note("an operation of the start will fail on " + place);
  files.fail_next(error, place, below(3) == 0 ? 0 : below(40));
}

void Faults::step(std::uint64_t number) {
  if (kind_ == Kind::kNone) return;
  if (number == from_) happen();
  if (number == to_ && kind_ != Kind::kError) make_good();
  if (!must_give_up_ || machine_.files().faults_left() > 0) return;
  if (++steps_since_ > kStepsToGiveUp) failure_ = "a flush has failed, and the server goes on";
}

void Faults::end() {
  make_good();
  kind_ = Kind::kNone;
}

void Faults::happen() {
  under_way_ = true;
  Kernel& kernel = machine_.kernel();
  SimFiles& files = machine_.files();
  switch (kind_) {
    case Kind::kError: {
      const auto error = kErrors[below(kErrors.size())];
      const std::string place = kPlaces[below(kPlaces.size())];
      kernel.note("an operation will fail on " + place);
      must_give_up_ = error == SimFiles::Fault::kSync && place == "/journal";
      return files.fail_next(error, place);
    }
    case Kind::kFull:
      kernel.note("the disk fills up");
      return files.set_capacity(files.used_bytes() + below(256 * storage::kKiB));
    case Kind::kDescriptors: {
      kernel.note("there are few descriptors");
      KernelSettings settings = kernel.settings();
      settings.free_descriptors = static_cast<std::uint32_t>(1 + below(4));
      return kernel.change(settings);
    }
    default:
      kernel.note("the clock is set");
      return kernel.shift_wall_ms(below(2) == 0 ? kHourMs : -kHourMs);
  }
}

void Faults::make_good() {
  if (!under_way_) return;
  under_way_ = false;
  machine_.files().forget_faults();
  if (kind_ == Kind::kFull) {
    machine_.kernel().note("the disk has room again");
    machine_.files().set_capacity(kAnySpace);
    machine_.tell_of_room();
  }
  if (kind_ == Kind::kDescriptors) {
    KernelSettings settings = machine_.kernel().settings();
    settings.free_descriptors = 0;
    machine_.kernel().change(settings);
  }
}

}  // namespace duolog::sim
