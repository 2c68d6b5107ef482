#include "tools/duolog/disk/verify.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include <fmt/core.h>

#include "storage/data_directory.h"
#include "tools/duolog/command.h"
#include "tools/duolog/disk/overlay_files.h"
#include "tools/duolog/disk/partition_check.h"

namespace duolog::tools {

namespace {

constexpr int kInventoryLooks = 5;  // a server may be changing what is being read
constexpr std::chrono::milliseconds kBetweenInventories{100};
constexpr std::chrono::milliseconds kBetweenLines{200};
constexpr double kMegabyte = 1e6;

// "1234 of 5678 MB, 910 MB/s", over and over in one line.
class Progress {
 public:
  Progress(bool shown, std::uint64_t total) : shown_(shown), total_(total) {}
  ~Progress() {
    if (shown_ && said_) fmt::print(stderr, "\r{:60}\r", "");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void add(std::uint64_t bytes) {
    done_ += bytes;
    if (!shown_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < kBetweenLines) return;
    last_ = now;
    said_ = true;
    const std::chrono::duration<double> passed = now - begun_;
    fmt::print(stderr, "\r{:.0f} of {:.0f} MB, {:.0f} MB/s   ",
               static_cast<double>(done_) / kMegabyte, static_cast<double>(total_) / kMegabyte,
               static_cast<double>(done_) / kMegabyte / passed.count());
    std::fflush(stderr);
  }

 private:
  bool shown_;
  bool said_ = false;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_ = begun_;
};

bool is_named(const PartitionOnDisk& partition, const std::vector<std::string>& names) {
  const std::string whole = partition.topic + "-" + std::to_string(partition.partition.value);
  return names.empty() || std::ranges::any_of(names, [&](const std::string& name) {
           return name == partition.topic || name == whole;
         });
}

Result<void> keep_named(Inventory& inventory, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const bool found = std::ranges::any_of(
        inventory.partitions, [&](const auto& partition) { return is_named(partition, {name}); });
    if (found) continue;
    return fail(Errc::kInvalid, "no topic and no partition '" + name +
                                    "' has files here: give TOPIC, or TOPIC-PARTITION as in "
                                    "'orders-0'");
  }
  std::erase_if(inventory.partitions,
                [&](const auto& partition) { return !is_named(partition, names); });
  return {};
}

// One check of a data directory.
class Verification {
 public:
  explicit Verification(const VerifyOptions& options) : options_(options) {}

  Result<VerifyReport> run(bool in_use) {
    report_.in_use = in_use;
    auto inventory = look();
    if (!inventory) return std::unexpected(inventory.error());
    report_.findings = std::move(found_);
    if (in_use) {
      check_growing_journals(files_, options_.data_dir + "/journal", report_.counts,
                             report_.findings);
    } else if (auto checked = apply_journals(*inventory); !checked) {
      return std::unexpected(checked.error());
    }
    if (auto kept = keep_named(*inventory, options_.names); !kept) {
      return std::unexpected(kept.error());
    }
    std::uint64_t total = 0;
    for (const PartitionOnDisk& partition : inventory->partitions) {
      for (const SegmentOnDisk& segment : partition.segments) total += segment.size_bytes;
    }
    Progress progress(options_.progress, total);
    SegmentCheck check(files_, report_.counts,
                       [&progress](std::uint64_t bytes) { progress.add(bytes); });
    for (PartitionOnDisk& partition : inventory->partitions) {
      if (auto done = check_one(partition, check); !done) return std::unexpected(done.error());
    }
    return std::move(report_);
  }

 private:
  // In the order in which a start does.
  Result<void> apply_journals(Inventory& inventory) {
    auto checked = check_kept_journals(files_, options_.data_dir + "/kept-journals", inventory,
                                       report_.counts, report_.findings);
    if (!checked) return checked;
    return check_journals(files_, options_.data_dir + "/journal", inventory, report_.counts,
                          report_.findings);
  }

  // What a server was changing while it was read is read again.
  Result<Inventory> look() {
    for (int left = report_.in_use ? kInventoryLooks : 1;; --left) {
      found_.clear();
      auto inventory = take_inventory(files_, options_.data_dir, found_);
      if (!inventory || found_.empty() || left <= 1) return inventory;
      std::this_thread::sleep_for(kBetweenInventories);
    }
  }

  Result<void> check_one(PartitionOnDisk& partition, SegmentCheck& check) {
    ++report_.counts.partitions;
    std::vector<Finding> findings;
    auto done = check_partition(files_, partition, report_.in_use, check, findings);
    if (!done) return done;
    if (report_.in_use && !findings.empty()) {
      // Its topic may have been deleted, or its start moved on: what is still wrong then is.
      auto again = look();
      if (!again) return std::unexpected(again.error());
      findings.clear();
      for (PartitionOnDisk& now : again->partitions) {
        if (now.directory != partition.directory || now.topic_id != partition.topic_id) continue;
        done = check_partition(files_, now, true, check, findings);
      }
    }
    std::ranges::move(findings, std::back_inserter(report_.findings));
    return done;
  }

  const VerifyOptions& options_;
  OverlayFiles files_;
  VerifyReport report_;
  std::vector<Finding> found_;
};

void print_summary(const VerifyReport& report, const VerifyOptions& options) {
  std::FILE* out = options.json ? stderr : stdout;  // of JSON, findings alone
  const VerifyCounts& counts = report.counts;
  fmt::print(
      out, "{}: {} partitions, {} segments, {} batches, {} records, {} bytes; {} journal groups\n",
      options.data_dir, counts.partitions, counts.segments, counts.batches, counts.records,
      counts.bytes, counts.groups);
  if (counts.unacked_bytes > 0) {
    fmt::print(out,
               "{} bytes beyond the ends of logs were never acknowledged: the next start "
               "cuts them off\n",
               counts.unacked_bytes);
  }
  if (report.in_use) {
    fmt::print(out, "a server is using it: what is being written was not judged\n");
  }
  if (report.findings.empty()) {
    fmt::print(out, "all is well\n");
  } else {
    fmt::print(out, "{} damaged place{}\n", report.findings.size(),
               report.findings.size() == 1 ? "" : "s");
  }
}

}  // namespace

Result<VerifyReport> verify(const VerifyOptions& options) {
  OverlayFiles files;
  const bool in_use = is_in_use(options.data_dir);
  const auto ours = storage::DataDirectory::is_one(files, options.data_dir);
  if (ours && !*ours) {
    return fail(Errc::kInvalid, options.data_dir +
                                    " is empty: with --data-dir, give a data "
                                    "directory of Duolog");
  }
  if (!ours && ours.error().code != Errc::kCorrupt) return std::unexpected(ours.error());
  auto report = Verification(options).run(in_use);
  // A server that was started meanwhile has changed what was looked at.
  if (!in_use && (!report || !report->findings.empty()) && is_in_use(options.data_dir)) {
    report = Verification(options).run(true);
  }
  if (report && !ours) {
    report->findings.insert(
        report->findings.begin(),
        {.kind = "directory", .file = options.data_dir, .what = ours.error().message});
  }
  return report;
}

int run_verify(const VerifyOptions& options) {
  const auto report = verify(options);
  if (!report) {
    (void)tools::report("log verify", report.error());
    return kUsage;
  }
  for (const Finding& finding : report->findings) {
    fmt::print("{}\n", options.json ? to_json(finding) : to_line(finding));
  }
  std::fflush(stdout);
  print_summary(*report, options);
  return report->findings.empty() ? kDone : kFailed;
}

}  // namespace duolog::tools
