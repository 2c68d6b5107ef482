#include "storage/cleaner/segment_swap.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "storage/file_util.h"
#include "storage/segment.h"
#include "storage/segment_files.h"

namespace duolog::storage {
namespace {

constexpr char kSwapSuffix[] = ".swap";
constexpr std::string_view kSwapEnd = kSwapSuffix;
constexpr std::size_t kOffsetDigits = 20;

std::string swap_path(const std::string& directory, Swap swap) {
  return directory + "/" + segment_file_name(swap.base, "-") +
         segment_file_name(swap.end, kSwapSuffix);
}

std::optional<Offset> offset_in(std::string_view name) {
  const std::string digits(name);
  Offset offset;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, offset.value);
  if (digits.size() != kOffsetDigits || parsed.ec != std::errc{} || parsed.ptr != end) {
    return std::nullopt;
  }
  return offset;
}

// Whether a file of the partition is one of those that a cleaned segment makes needless. The old
// index of its own name is, too: it would be believed.
bool is_replaced(std::string_view name, Swap swap) {
  const std::size_t dot = std::min(name.find('.'), name.size());
  const auto offset = offset_in(name.substr(0, dot));
  if (!offset || *offset < swap.base || *offset >= swap.end) return false;
  const std::string_view suffix = name.substr(dot);
  if (std::ranges::find(kIndexSuffixes, suffix) != kIndexSuffixes.end()) return true;
  return *offset > swap.base && (suffix == ".log" || suffix == kCompactedSuffix);
}

}  // namespace

std::optional<Swap> swap_in(std::string_view name) {
  if (name.size() != 2 * kOffsetDigits + 1 + kSwapEnd.size() || !name.ends_with(kSwapEnd)) {
    return std::nullopt;
  }
  const auto base = offset_in(name.substr(0, kOffsetDigits));
  const auto end = offset_in(name.substr(kOffsetDigits + 1, kOffsetDigits));
  if (!base || !end) return std::nullopt;
  return Swap{*base, *end};
}

std::string cleaned_path(const std::string& directory, Offset base) {
  return directory + "/" + segment_file_name(base, ".cleaned.tmp");
}

Result<void> commit_swap(Files& files, const std::string& directory, Swap swap) {
  auto mark = files.open(directory + "/" + segment_file_name(swap.base, kCompactedSuffix),
                         OpenMode::kCreate);
  if (mark) files.close(*mark);
  if (!mark && mark.error().code != Errc::kExists) return std::unexpected(mark.error());
  const std::string cleaned = cleaned_path(directory, swap.base);
  if (auto named = files.rename(cleaned, swap_path(directory, swap)); !named) return named;
  auto flushed = flush_directory(files, directory);
  if (flushed || flushed.error().code == Errc::kUnflushed) return flushed;
  // The directory could not be opened: not yet.
  if (!files.rename(swap_path(directory, swap), cleaned)) flushed.error().code = Errc::kUnflushed;
  return flushed;
}

Result<void> finish_swap(Files& files, const std::string& directory, Swap swap) {
  auto entries = files.list(directory);
  if (!entries) return std::unexpected(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    if (!is_replaced(entry.name, swap)) continue;
    if (auto removed = files.remove(directory + "/" + entry.name); !removed) return removed;
  }
  auto outcome = flush_directory(files, directory);
  if (outcome) {
    outcome = files.rename(swap_path(directory, swap),
                           directory + "/" + segment_file_name(swap.base, ".log"));
  }
  if (outcome) outcome = flush_directory(files, directory);
  return outcome;
}

Result<bool> finish_swaps(Files& files, const std::string& directory,
                          const std::vector<DirectoryEntry>& entries) {
  bool any = false;
  for (const DirectoryEntry& entry : entries) {
    const std::optional<Swap> swap = swap_in(entry.name);
    if (!swap) continue;
    if (auto finished = finish_swap(files, directory, *swap); !finished) {
      return std::unexpected(finished.error());
    }
    any = true;
  }
  return any;
}

}  // namespace duolog::storage
