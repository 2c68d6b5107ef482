#include "tools/duolog/disk/dump.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include <fmt/core.h>

#include "tools/duolog/command.h"
#include "tools/duolog/disk/dump_lines.h"
#include "tools/duolog/disk/inventory.h"
#include "tools/duolog/disk/overlay_files.h"

namespace duolog::tools {

namespace {

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool is_segment(const std::string& name) {
  return name.ends_with(".log") && std::isdigit(static_cast<unsigned char>(name[0])) != 0;
}

Result<bool> dump_file(storage::Files& files, const std::string& path, const DumpLines& lines) {
  const std::string name = name_of(path);
  if (is_segment(name)) return dump_segment(files, path, lines);
  if (name.starts_with("catalog-") && name.ends_with(".log")) {
    return dump_catalog(files, path, lines);
  }
  if (name.ends_with(".journal")) return dump_journal(files, path, lines);
  if (name.ends_with(".index") || name.ends_with(".timeindex")) {
    return dump_index(files, path, lines);
  }
  if (name == "checkpoint") return dump_checkpoint(files, path, lines);
  return fail(Errc::kInvalid, path +
                                  " is none of <offset>.log, .index, .timeindex, checkpoint, "
                                  "catalog-<n>.log, <n>.journal");
}

Result<bool> dump_partition(storage::Files& files, const std::string& directory,
                            const DumpLines& lines) {
  auto entries = files.list(directory);
  if (!entries) return std::unexpected(entries.error());
  bool whole = true;
  for (const auto& entry : *entries) {
    if (!is_segment(entry.name)) continue;
    const std::string path = directory + "/" + entry.name;
    OrderedJson line;
    line["kind"] = "segment";
    line["file"] = path;
    lines.print(line);
    auto done = dump_segment(files, path, lines);
    if (!done) return done;
    whole = *done && whole;
  }
  return whole;
}

bool is_readable_file(storage::Files& files, const std::string& path) {
  auto file = files.open(path, storage::OpenMode::kRead);
  if (!file) return false;
  files.close(*file);
  return !files.list(path);
}

}  // namespace

void DumpLines::print(const OrderedJson& line) const {
  constexpr auto kReplace = OrderedJson::error_handler_t::replace;
  if (json_) {
    fmt::print("{}\n", line.dump(-1, ' ', false, kReplace));
    return;
  }
  std::string text;
  for (const auto& [key, value] : line.items()) {
    if (key == "kind") {
      text += value.get<std::string>();
    } else {
      text += " " + key + "=" + value.dump(-1, ' ', false, kReplace);
    }
  }
  fmt::print("{}\n", text);
}

int run_dump(const DumpOptions& options) {
  OverlayFiles files;
  const DumpLines lines(options.json, options.records);
  const std::string name = name_of(options.what);
  const bool is_file = is_readable_file(files, options.what);
  Result<bool> done = false;
  if (is_file) {
    done = dump_file(files, options.what, lines);
  } else if (split_partition(name)) {
    const bool is_path = options.what != name;
    done = dump_partition(
        files, is_path ? options.what : options.data_dir + "/topics/" + options.what, lines);
  } else {
    done = fail(Errc::kInvalid, "'" + options.what +
                                    "' is no file and no partition: give a file's path, or "
                                    "TOPIC-PARTITION as in 'orders-0'");
  }
  std::fflush(stdout);
  if (!done) {
    (void)report("log dump", done.error());
    return kUsage;
  }
  return *done ? kDone : kFailed;
}

}  // namespace duolog::tools
