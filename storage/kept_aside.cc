#include "storage/kept_aside.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "storage/file_util.h"
#include "storage/options.h"

namespace duolog::storage {
namespace {

constexpr std::uint64_t kKeepBytes = 1 * kMiB;
constexpr int kMostDirectories = 1000;  // of one name, each from a repair that was cut short

}  // namespace

KeptAside::~KeptAside() {
  if (manifest_ != kNoFile) files_.close(manifest_);
}

Result<void> KeptAside::begin() {
  if (manifest_ != kNoFile) return {};
  const std::string wanted = directory_;
  for (int n = 2;; ++n) {
    auto made = files_.make_directory(directory_);
    if (made) break;
    if (made.error().code != Errc::kExists || n > kMostDirectories) return made;
    directory_ = wanted + "-" + std::to_string(n);
  }
  if (auto synced = flush_directory(files_, parent_directory(directory_)); !synced) return synced;
  auto file = files_.open(directory_ + "/manifest", OpenMode::kCreate);
  if (!file) return std::unexpected(file.error());
  manifest_ = *file;
  return {};
}

Result<void> KeptAside::keep(const std::string& path, std::uint64_t position,
                             std::uint64_t size_bytes, const std::string& why) {
  if (auto begun = begin(); !begun) return begun;
  char number[16];
  std::snprintf(number, sizeof number, "%04d-", ++kept_);
  const std::string name = number + path.substr(path.rfind('/') + 1);
  if (auto copied = copy(path, position, size_bytes, directory_ + "/" + name); !copied) {
    return copied;
  }
  const std::string line = name + "\t" + path + "\t" + std::to_string(position) + "\t" +
                           std::to_string(size_bytes) + "\t" + why + "\n";
  if (auto written = files_.write(manifest_, manifest_end_, as_bytes(line)); !written) {
    return written;
  }
  manifest_end_ += line.size();
  if (auto flushed = flush(files_, manifest_); !flushed) return flushed;
  return flush_directory(files_, directory_);
}

Result<void> KeptAside::keep_file(const std::string& path, const std::string& why) {
  auto file = files_.open(path, OpenMode::kRead);
  if (!file) return std::unexpected(file.error());
  const auto size = files_.size(*file);
  files_.close(*file);
  if (!size) return std::unexpected(size.error());
  return keep(path, 0, *size, why);
}

Result<void> KeptAside::copy(const std::string& path, std::uint64_t position,
                             std::uint64_t size_bytes, const std::string& to) {
  auto from = files_.open(path, OpenMode::kRead);
  if (!from) return std::unexpected(from.error());
  auto into = files_.open(to, OpenMode::kCreate);
  if (!into) {
    files_.close(*from);
    return std::unexpected(into.error());
  }
  std::vector<std::uint8_t> bytes(std::min(kKeepBytes, size_bytes));
  Result<void> outcome;
  for (std::uint64_t done = 0; outcome && done < size_bytes;) {
    const std::uint64_t size = std::min<std::uint64_t>(bytes.size(), size_bytes - done);
    auto got = files_.read(*from, position + done, {bytes.data(), size});
    if (!got) {
      outcome = std::unexpected(got.error());
    } else if (*got == 0) {
      outcome = fail(Errc::kIo, path + " has become shorter");
    } else {
      outcome = files_.write(*into, done, Bytes(bytes).first(*got));
      done += *got;
    }
  }
  if (outcome) outcome = flush(files_, *into);
  files_.close(*into);
  files_.close(*from);
  return outcome;
}

}  // namespace duolog::storage
