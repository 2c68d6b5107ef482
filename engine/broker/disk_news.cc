#include "engine/broker/disk_news.h"

#include <string>

#include <fmt/format.h>

#include "engine/runtime/mapped_files.h"
#include "storage/damage.h"
#include "storage/file_util.h"

namespace duolog::broker {
namespace {

void tell_lost_pages(runtime::LogLimit& limit, std::uint64_t now_ns, BrokerCounters& counters) {
  counters.lost_pages.set(runtime::lost_pages());
  for (const runtime::LostPage& page : runtime::take_lost_pages()) {
    limit.warn(now_ns,
               page.path + " at position " + std::to_string(page.position) +
                   ": what is mapped there cannot be read; check the device, and whether the "
                   "file was cut. Reads from there on fail until the next start");
  }
}

// `topic-partition` is the name of a segment's directory.
void tell_damages(runtime::LogLimit& limit, std::uint64_t now_ns, BrokerCounters& counters) {
  counters.damaged_batches.set(storage::damages_found());
  for (const storage::DamageFound& found : storage::take_damages()) {
    const storage::Damage& damage = found.damage;
    const std::string directory = storage::parent_directory(found.file);
    const std::string name = directory.substr(directory.rfind('/') + 1);
    const auto dash = name.rfind('-');
    const std::string lost =
        damage.end.value >= 0
            ? fmt::format("offsets {} to {}", damage.offset.value, damage.end.value - 1)
            : fmt::format("offset {} and what follows it there", damage.offset.value);
    limit.warn(
        now_ns,
        fmt::format("topic {}, partition {}: damaged on disk in {} at position {}: {} "
                    "cannot be read, Kafka clients that fetch there are answered "
                    "CORRUPT_MESSAGE; nothing was removed; check the device",
                    name.substr(0, dash), name.substr(dash + 1), found.file, damage.from, lost));
  }
}

}  // namespace

void tell_disk_news(runtime::LogLimit& limit, std::uint64_t now_ns, BrokerCounters& counters) {
  tell_lost_pages(limit, now_ns, counters);
  tell_damages(limit, now_ns, counters);
}

}  // namespace duolog::broker
