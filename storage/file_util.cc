#include "storage/file_util.h"

namespace duolog::storage {

std::string parent_directory(const std::string& path) { return path.substr(0, path.rfind('/')); }

Result<void> flush(Files& files, FileId file) {
  auto synced = files.sync(file);
  if (!synced) synced.error().code = Errc::kUnflushed;
  return synced;
}

Result<void> flush_directory(Files& files, const std::string& path) {
  auto synced = files.sync_directory(path);
  if (!synced && synced.error().code != Errc::kTooLarge) synced.error().code = Errc::kUnflushed;
  return synced;
}

Result<void> unless_unflushed(Result<void> outcome) {
  if (!outcome && outcome.error().code == Errc::kUnflushed) return outcome;
  return {};
}

Result<void> replace_file(Files& files, const std::string& path, Bytes content, Flush when) {
  const std::string temporary = path + ".tmp";
  (void)files.remove(temporary);  // left by a crash, or not there
  auto file = files.open(temporary, OpenMode::kCreate);
  if (!file) return std::unexpected(file.error());
  auto outcome = files.write(*file, 0, content);
  if (outcome && when == Flush::kBeforeItsName) outcome = flush(files, *file);
  files.close(*file);
  if (outcome) outcome = files.rename(temporary, path);
  if (!outcome) (void)files.remove(temporary);  // its space may be needed
  return outcome;
}

Result<std::vector<std::uint8_t>> read_file(Files& files, const std::string& path) {
  auto file = files.open(path, OpenMode::kRead);
  if (!file) return std::unexpected(file.error());
  Result<std::vector<std::uint8_t>> content;
  if (auto size = files.size(*file); size) {
    content->resize(*size);
    if (auto got = files.read(*file, 0, *content); !got) {
      content = std::unexpected(got.error());
    } else {
      content->resize(*got);
    }
  } else {
    content = std::unexpected(size.error());
  }
  files.close(*file);
  return content;
}

}  // namespace duolog::storage
