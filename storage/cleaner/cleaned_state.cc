#include "storage/cleaner/cleaned_state.h"

#include <array>
#include <vector>

#include "engine/base/bytes.h"
#include "storage/file_util.h"
#include "storage/hash.h"

namespace duolog::storage {
namespace {

constexpr const char* kCleanedFile = "/cleaned";
constexpr std::uint64_t kCleanedMagic = 0x314c43'5f474f4c44;  // "DLOG_CL1"
constexpr std::size_t kHashedBytes = 24;

}  // namespace

CleanedState read_cleaned_state(Files& files, const std::string& directory) {
  const auto content = read_file(files, directory + kCleanedFile);
  if (!content || content->size() != kHashedBytes + sizeof(std::uint64_t)) return {};
  const std::uint8_t* at = content->data();
  if (load_le<std::uint64_t>(at) != kCleanedMagic ||
      load_le<std::uint64_t>(at + kHashedBytes) != xxh3({at, kHashedBytes})) {
    return {};
  }
  return {Offset(load_le<std::int64_t>(at + 8)), load_le<std::int64_t>(at + 16)};
}

Result<void> write_cleaned_state(Files& files, const std::string& directory,
                                 const CleanedState& state) {
  std::array<std::uint8_t, kHashedBytes + sizeof(std::uint64_t)> bytes;
  store_le<std::uint64_t>(bytes.data(), kCleanedMagic);
  store_le<std::int64_t>(bytes.data() + 8, state.first_dirty.value);
  store_le<std::int64_t>(bytes.data() + 16, state.cleaned_ms);
  store_le<std::uint64_t>(bytes.data() + kHashedBytes, xxh3({bytes.data(), kHashedBytes}));
  return replace_file(files, directory + kCleanedFile, bytes, Flush::kNever);
}

}  // namespace duolog::storage
