#include "tools/duolog/disk/repair.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "engine/runtime/posix_files.h"
#include "storage/catalog.h"
#include "storage/data_directory.h"
#include "tools/duolog/client/json_bytes.h"
#include "tools/duolog/command.h"
#include "tools/duolog/disk/finding.h"
#include "tools/duolog/disk/inventory.h"
#include "tools/duolog/disk/overlay_files.h"

namespace duolog::tools {

using storage::Catalog;
using storage::DataDirectory;
using storage::RepairInput;
using storage::RepairItem;
using storage::RepairReport;

namespace {

// "repaired-20260131T235959Z"
std::string aside_of(const std::string& data_dir) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  (void)std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  return data_dir + "/repaired-" + text;
}

void print(const RepairItem& item, const RepairOptions& options) {
  fmt::print("{}\n", options.json ? to_json(item) : to_line(item));
}

// What is not for storage to repair: partitions that no topic has.
void add_strangers(const std::vector<Finding>& findings, std::vector<RepairItem>& items) {
  for (const Finding& finding : findings) {
    if (finding.kind != "directory") continue;
    RepairItem& item = items.emplace_back();
    item.kind = storage::RepairKind::kMetadata;
    item.topic = finding.topic;
    item.partition = PartitionId(static_cast<std::int32_t>(finding.partition));
    item.file = finding.file;
    item.why = finding.what;
    item.what = "move it away, or put back the catalog that has it";
    item.possible = false;
  }
}

// Without a catalog: what is known of the topics, which is too little to write one.
int say_what_is_left(const Inventory& inventory, const std::vector<Finding>& findings,
                     const RepairOptions& options) {
  for (const Finding& finding : findings) {
    if (finding.kind != "catalog") continue;
    fmt::print("{}\n", options.json ? to_json(finding) : to_line(finding));
  }
  std::fflush(stdout);
  fmt::print(stderr,
             "The catalog cannot be repaired: it alone has the topics' configurations, where their "
             "logs start and which producer ids were given out. Restore {}/meta from a backup. "
             "Nothing was changed.\n",
             options.data_dir);
  std::map<std::string, int> partitions;
  for (const PartitionOnDisk& partition : inventory.partitions) ++partitions[partition.topic];
  if (!partitions.empty()) fmt::print(stderr, "By their directories, the topics are:\n");
  for (const auto& [topic, count] : partitions) {
    fmt::print(stderr, "  {}: {} partition{} with files\n", topic, count, count == 1 ? "" : "s");
  }
  return kUsage;
}

Result<int> do_it(storage::Files& files, const DataDirectory& directory, RepairInput input,
                  const RepairOptions& options) {
  auto catalog = Catalog::open(files, directory.meta());
  if (!catalog) return std::unexpected(catalog.error());
  input.aside = aside_of(directory.path());
  auto done = storage::repair(files, *catalog, input);
  if (!done) return std::unexpected(done.error());
  std::FILE* out = options.json ? stderr : stdout;
  fmt::print(out, "{}: repaired\n", options.data_dir);
  if (!done->aside.empty()) fmt::print(out, "what was taken out is in {}\n", done->aside);
  return kDone;
}

int summarize(const RepairReport& plan, const RepairOptions& options) {
  std::FILE* out = options.json ? stderr : stdout;
  std::int64_t lost = 0;
  std::size_t possible = 0;
  for (const RepairItem& item : plan.items) {
    lost += item.end - item.first;
    if (item.possible) ++possible;
  }
  if (plan.items.empty()) {
    fmt::print(out, "{}: there is nothing to repair\n", options.data_dir);
    return kDone;
  }
  fmt::print(out, "{}: {} damaged place{}; {} offset{} would be given up\n", options.data_dir,
             plan.items.size(), plan.items.size() == 1 ? "" : "s", lost, lost == 1 ? "" : "s");
  if (possible < plan.items.size()) {
    fmt::print(out, "{} of them cannot be repaired\n", plan.items.size() - possible);
  }
  if (possible > 0 && !options.yes) {
    fmt::print(out, "nothing was changed: with --yes, it is\n");
  }
  return possible < plan.items.size() ? kUsage : kFailed;
}

Result<int> run(const RepairOptions& options) {
  runtime::PosixFiles files;
  const auto ours = DataDirectory::is_one(files, options.data_dir);
  if (!ours) return std::unexpected(ours.error());
  if (!*ours) {
    return fail(Errc::kInvalid,
                options.data_dir + " is empty: with --data-dir, give a data directory of Duolog");
  }
  auto directory = DataDirectory::open(files, options.data_dir);
  if (!directory) return std::unexpected(directory.error());
  OverlayFiles overlay;
  std::vector<Finding> findings;
  auto inventory = take_inventory(overlay, directory->path(), findings);
  if (!inventory) return std::unexpected(inventory.error());
  if (!inventory->catalog_read) return say_what_is_left(*inventory, findings, options);

  auto catalog = Catalog::open(overlay, directory->meta());
  if (!catalog) return std::unexpected(catalog.error());
  RepairInput input = storage::repair_input(*catalog, directory->topics(), directory->journal(),
                                            directory->kept_journals());
  auto plan = storage::plan_repair(overlay, input);
  if (!plan) return std::unexpected(plan.error());
  add_strangers(findings, plan->items);
  for (const RepairItem& item : plan->items) print(item, options);
  const int status = summarize(*plan, options);
  std::fflush(stdout);
  if (!options.yes || std::ranges::none_of(plan->items, &RepairItem::possible)) return status;
  auto done = do_it(files, *directory, std::move(input), options);
  return done && status == kUsage ? Result<int>(kUsage) : done;
}

}  // namespace

std::string to_line(const RepairItem& item) {
  std::string line;
  if (!item.topic.empty()) {
    line = item.topic + "-" + std::to_string(item.partition.value);
    if (item.end - item.first > 1) {
      line += " offsets " + std::to_string(item.first.value) + ".." +
              std::to_string(item.end.value - 1);
    } else if (item.first < item.end) {
      line += " offset " + std::to_string(item.first.value);
    }
    line += ", ";
  }
  line += item.file;
  if (item.position >= 0) line += " at position " + std::to_string(item.position);
  if (item.bytes > 0) line += ", " + std::to_string(item.bytes) + " bytes";
  return line + ": " + item.why + "; " + (item.possible ? "" : "it cannot be repaired: ") +
         item.what;
}

std::string to_json(const RepairItem& item) {
  OrderedJson object;
  object["kind"] = storage::name_of(item.kind);
  if (!item.topic.empty()) {
    object["topic"] = item.topic;
    object["partition"] = item.partition.value;
  }
  if (item.first < item.end) {
    object["offset"] = item.first.value;
    object["last_offset"] = item.end.value - 1;
  }
  if (item.bytes > 0) object["bytes"] = item.bytes;
  object["file"] = item.file;
  if (item.position >= 0) object["position"] = item.position;
  object["why"] = item.why;
  object["what"] = item.what;
  object["possible"] = item.possible;
  return object.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

int run_repair(const RepairOptions& options) {
  const auto status = run(options);
  if (status) return *status;
  (void)tools::report("log repair", status.error());
  return kUsage;
}

}  // namespace duolog::tools
