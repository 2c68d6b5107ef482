#include "storage/catalog.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/uuid.h"

namespace duolog::storage {

namespace {

constexpr std::string_view kPrefix = "catalog-";
constexpr std::string_view kCatalogSuffix = ".log";
constexpr std::string_view kTemporarySuffix = ".log.tmp";

// The n of catalog-<n><suffix>; 0 when the name is another.
std::uint64_t generation_of(std::string_view name, std::string_view suffix) {
  if (!name.starts_with(kPrefix) || !name.ends_with(suffix)) return 0;
  if (name.size() <= kPrefix.size() + suffix.size()) return 0;
  const char* begin = name.data() + kPrefix.size();
  const char* end = name.data() + name.size() - suffix.size();
  std::uint64_t generation = 0;
  const auto parsed = std::from_chars(begin, end, generation);
  return parsed.ec == std::errc{} && parsed.ptr == end ? generation : 0;
}

// Where in `bytes`, after its first byte, a whole entry later than `sequence` begins.
std::optional<std::size_t> find_later_entry(Bytes bytes, std::uint64_t sequence) {
  for (std::size_t at = 1; at + kCatalogFrameBytes <= bytes.size(); ++at) {
    const auto found = load_le<std::uint64_t>(bytes.data() + at + 8);
    if (found <= sequence || found - sequence > bytes.size() / kCatalogFrameBytes) continue;
    if (read_frame(bytes.subspan(at))) return at;
  }
  return std::nullopt;
}

// A rewrite puts all that is known of a topic into one entry, with the log starts that it may come
// to have. kTooLarge when it would not fit.
Result<void> check_room(TopicRecord topic) {
  constexpr std::size_t kLogStartBytes = sizeof(std::int32_t) + sizeof(std::int64_t);
  topic.log_starts.clear();
  std::vector<std::uint8_t> frame;
  if (auto encoded = encode_entry(0, topic, frame); !encoded) return encoded;
  const std::size_t payload = frame.size() - kCatalogFrameBytes +
                              static_cast<std::size_t>(topic.partition_count) * kLogStartBytes;
  if (payload <= kMaxCatalogPayloadBytes) return {};
  return fail(Errc::kTooLarge, "topic " + topic.name + " may come to take " +
                                   std::to_string(payload) + " bytes of metadata, the limit is " +
                                   std::to_string(kMaxCatalogPayloadBytes));
}

}  // namespace

// ---- Opening

Result<Catalog> Catalog::open(Files& files, const std::string& directory, CatalogOptions options) {
  Catalog catalog(files, directory, options);
  auto newest = catalog.newest_generation();
  if (!newest) return std::unexpected(newest.error());
  catalog.generation_ = *newest;
  auto opened = *newest == 0 ? catalog.create_first() : catalog.load();
  if (!opened) return std::unexpected(opened.error());
  return catalog;
}

Catalog::Catalog(Files& files, std::string directory, CatalogOptions options)
    : files_(&files), directory_(std::move(directory)), options_(options) {}

Catalog::~Catalog() {
  if (file_ != kNoFile) files_->close(file_);
}

Catalog::Catalog(Catalog&& other) noexcept
    : files_(other.files_),
      directory_(std::move(other.directory_)),
      options_(other.options_),
      state_(std::move(other.state_)),
      file_(std::exchange(other.file_, kNoFile)),
      generation_(other.generation_),
      next_sequence_(other.next_sequence_),
      end_(other.end_),
      reserved_(other.reserved_),
      rewrite_at_(other.rewrite_at_),
      name_is_durable_(other.name_is_durable_),
      superseded_(std::move(other.superseded_)),
      failure_(std::move(other.failure_)) {}

Catalog& Catalog::operator=(Catalog&& other) noexcept {
  if (this == &other) return *this;
  std::destroy_at(this);
  return *std::construct_at(this, std::move(other));
}

std::string Catalog::path_of(std::uint64_t generation) const {
  return directory_ + "/" + std::string(kPrefix) + std::to_string(generation) +
         std::string(kCatalogSuffix);
}

std::unexpected<Error> Catalog::corrupt(std::uint64_t position, const std::string& what) {
  return fail(Errc::kCorrupt, path_of(generation_) + " is corrupt at position " +
                                  std::to_string(position) + ": " + what +
                                  ". Nothing was changed; restore the file from a backup");
}

Result<std::uint64_t> Catalog::newest_generation() {
  auto entries = files_->list(directory_);
  if (!entries) return std::unexpected(entries.error());
  std::uint64_t newest = 0;
  for (const DirectoryEntry& entry : *entries) {
    newest = std::max(newest, generation_of(entry.name, kCatalogSuffix));
  }
  return newest;
}

Result<void> Catalog::create_first() {
  state_.apply(ClusterIdEntry{random_uuid()});
  return write_snapshot(1);
}

Result<void> Catalog::load() {
  auto file = files_->open(path_of(generation_), OpenMode::kReadWrite);
  if (!file) return std::unexpected(file.error());
  file_ = *file;
  auto bytes = read_all();
  if (!bytes) return std::unexpected(bytes.error());
  if (auto replayed = replay(*bytes); !replayed) return replayed;
  reserved_ = bytes->size();
  if (auto cleared = clear_tail(Bytes(*bytes).subspan(end_)); !cleared) return cleared;
  // What a killed process left in the page cache becomes durable before anyone is told of it. It is
  // written again for that: pages that could not be flushed once count as clean.
  const Bytes known = Bytes(*bytes).first(end_);
  if (auto written = files_->write(file_, 0, known); !written) return written;
  if (auto synced = files_->sync(file_); !synced) return synced;
  if (auto synced = files_->sync_directory(directory_); !synced) return synced;
  return remove_leftovers();
}

Result<std::vector<std::uint8_t>> Catalog::read_all() {
  auto size = files_->size(file_);
  if (!size) return std::unexpected(size.error());
  std::vector<std::uint8_t> bytes(*size);
  std::size_t at = 0;
  while (at < bytes.size()) {
    auto length = files_->read(file_, at, MutableBytes(bytes).subspan(at));
    if (!length) return std::unexpected(length.error());
    if (*length == 0) break;
    at += *length;
  }
  bytes.resize(at);
  return bytes;
}

Result<void> Catalog::replay(Bytes bytes) {
  auto header = decode_header(bytes);
  if (!header && header.error().code == Errc::kUnsupported) {
    return fail(Errc::kUnsupported, path_of(generation_) + ": " + header.error().message);
  }
  if (!header) return corrupt(0, header.error().message);
  if (header->generation != generation_) return corrupt(0, "it has the name of another catalog");
  next_sequence_ = header->first_sequence;
  rewrite_at_ = std::max(options_.rewrite_bytes, 2 * header->snapshot_bytes);

  std::size_t at = kCatalogHeaderBytes;
  while (at < bytes.size()) {
    const auto frame = read_frame(bytes.subspan(at));
    if (!frame) break;
    if (frame->sequence != next_sequence_) {
      return corrupt(at, "entry " + std::to_string(frame->sequence) + " stands where entry " +
                             std::to_string(next_sequence_) + " should");
    }
    auto entry = decode_entry(*frame);
    if (!entry && entry.error().code == Errc::kUnsupported) {
      return fail(Errc::kUnsupported, path_of(generation_) + " at position " + std::to_string(at) +
                                          ": " + entry.error().message);
    }
    if (!entry) return corrupt(at, entry.error().message);
    if (auto checked = state_.check(*entry); !checked) return corrupt(at, checked.error().message);
    state_.apply(*entry);
    at += frame->size_bytes();
    ++next_sequence_;
  }
  // Each entry was synced before the next was written, and a snapshot before it got its name: only
  // a last entry that nothing follows can be a torn one.
  if (at < header->snapshot_bytes) return corrupt(at, "an entry of the snapshot is damaged");
  if (const auto later = find_later_entry(bytes.subspan(at), next_sequence_)) {
    return corrupt(at, "an entry is damaged, and a whole one follows it at position " +
                           std::to_string(at + *later));
  }
  if (cluster_id().is_zero()) return corrupt(at, "it has no cluster id");
  end_ = at;
  return {};
}

// Zeroes what a torn entry left, so that it never stands behind a later, shorter one.
Result<void> Catalog::clear_tail(Bytes bytes) {
  if (std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; })) {
    return {};
  }
  return files_->write(file_, end_, std::vector<std::uint8_t>(bytes.size()));
}

// Removes the files that an interrupted rewrite left beside the newest one.
Result<void> Catalog::remove_leftovers() {
  auto entries = files_->list(directory_);
  if (!entries) return std::unexpected(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    const std::uint64_t generation = generation_of(entry.name, kCatalogSuffix);
    const bool old = generation > 0 && generation < generation_;
    if (!old && generation_of(entry.name, kTemporarySuffix) == 0) continue;
    if (auto removed = files_->remove(directory_ + "/" + entry.name); !removed) return removed;
  }
  return {};
}

// ---- Changing

Result<void> Catalog::change(const CatalogEntry& entry) {
  if (failure_) {
    return fail(Errc::kIo, path_of(generation_) + " takes no change after a failed write (" +
                               failure_->message + "): mend the disk and restart");
  }
  if (auto checked = state_.check(entry); !checked) return checked;
  if (auto settled = settle_name(); !settled) return settled;
  if (auto removed = remove_superseded(); !removed) return removed;
  std::vector<std::uint8_t> frame;
  if (auto encoded = encode_entry(next_sequence_, entry, frame); !encoded) return encoded;
  if (auto appended = append(frame); !appended) return appended;
  state_.apply(entry);
  rewrite_if_long();
  return {};
}

Result<void> Catalog::append(Bytes frame) {
  if (auto reserved = reserve(end_ + frame.size()); !reserved) return reserved;
  auto written = files_->write(file_, end_, frame);
  if (written) written = files_->sync(file_);
  if (!written) return no_further_change(std::move(written));
  end_ += frame.size();
  ++next_sequence_;
  return {};
}

Result<void> Catalog::no_further_change(Result<void> failed) {
  if (!failure_) failure_ = failed.error();
  return failed;
}

// Makes sure of space up to `to`, and tries to keep half a step more. On an error nothing of the
// log has changed.
Result<void> Catalog::reserve(std::uint64_t to) {
  if (to + options_.reserve_bytes / 2 <= reserved_) return {};
  const std::uint64_t wanted = to + options_.reserve_bytes;
  auto allocated = files_->allocate(file_, reserved_, wanted);
  if (allocated) reserved_ = wanted;
  return to <= reserved_ ? Result<void>{} : allocated;
}

// Writes the state into a new file and makes it the current one. An error before the new file has
// its name leaves the old one current; after a failed sync no one knows what is on the disk: no
// further change.
Result<void> Catalog::write_snapshot(std::uint64_t generation) {
  std::vector<std::uint8_t> entries;
  std::uint64_t sequence = next_sequence_;
  for (const CatalogEntry& entry : state_.entries()) {
    if (auto encoded = encode_entry(sequence++, entry, entries); !encoded) return encoded;
  }
  const std::uint64_t size = kCatalogHeaderBytes + entries.size();
  std::vector<std::uint8_t> bytes;
  encode_header({generation, next_sequence_, size}, bytes);
  CHECK(bytes.size() == kCatalogHeaderBytes);
  bytes.insert(bytes.end(), entries.begin(), entries.end());

  const std::string path = path_of(generation);
  const std::string temporary = path + ".tmp";
  auto removed = files_->remove(temporary);
  if (!removed && removed.error().code != Errc::kNotFound) return removed;
  auto file = files_->open(temporary, OpenMode::kCreate);
  if (!file) return std::unexpected(file.error());
  const bool reserved = files_->allocate(*file, 0, size + options_.reserve_bytes).has_value();
  auto done = files_->write(*file, 0, bytes);
  if (done) {
    done = files_->sync(*file);
    if (!done) done = no_further_change(std::move(done));
    if (done) done = files_->rename(temporary, path);
  }
  if (!done) {
    files_->close(*file);
    return done;
  }
  if (file_ != kNoFile) {
    files_->close(file_);
    superseded_ = path_of(generation_);
  }
  name_is_durable_ = false;
  file_ = *file;
  generation_ = generation;
  next_sequence_ = sequence;
  end_ = size;
  reserved_ = reserved ? size + options_.reserve_bytes : size;
  rewrite_at_ = std::max(options_.rewrite_bytes, 2 * size);
  return settle_name();
}

// Before anything is written to a file that is new, its name has to be durable, or a power loss
// brings back the one before it. That too many files are open is no failed sync: it is tried again
// with the next change.
Result<void> Catalog::settle_name() {
  if (name_is_durable_) return {};
  if (auto synced = files_->sync_directory(directory_); !synced) {
    return synced.error().code == Errc::kTooLarge ? synced : no_further_change(std::move(synced));
  }
  name_is_durable_ = true;
  return {};
}

// Where it cannot be removed, the next `open` does it. An error: a failed sync.
Result<void> Catalog::remove_superseded() {
  if (superseded_.empty() || !name_is_durable_) return {};
  if (!files_->remove(std::exchange(superseded_, {}))) return {};
  auto synced = files_->sync_directory(directory_);
  if (synced || synced.error().code == Errc::kTooLarge) return {};
  return no_further_change(std::move(synced));
}

// The change that asks for it is durable already: a rewrite that fails is no error of it.
void Catalog::rewrite_if_long() {
  if (end_ < rewrite_at_) return;
  if (!write_snapshot(generation_ + 1)) {
    rewrite_at_ = 2 * end_;
    return;
  }
  (void)remove_superseded();
}

Result<LeaderEpoch> Catalog::begin_incarnation() {
  if (incarnation().value == std::numeric_limits<std::int32_t>::max()) {
    return fail(Errc::kTooLarge,
                "there is no leader epoch after " + std::to_string(incarnation().value));
  }
  const LeaderEpoch next = incarnation() + 1;
  if (auto changed = change(IncarnationEntry{next}); !changed) {
    return std::unexpected(changed.error());
  }
  return next;
}

Result<void> Catalog::create_topic(const TopicRecord& topic) {
  if (auto room = check_room(topic); !room) return room;
  return change(topic);
}

Result<void> Catalog::delete_topic(const Uuid& id) { return change(TopicDeletedEntry{id}); }

Result<void> Catalog::forget_deleted(const Uuid& id) { return change(DeletedForgottenEntry{id}); }

Result<void> Catalog::set_configs(const Uuid& id, const TopicConfigs& configs) {
  if (const TopicRecord* topic = find(id)) {
    TopicRecord next = *topic;
    next.configs = configs;
    if (auto room = check_room(std::move(next)); !room) return room;
  }
  return change(TopicConfigsEntry{id, configs});
}

Result<void> Catalog::set_resource_configs(std::int32_t type, const std::string& name,
                                           const TopicConfigs& configs) {
  return change(ResourceConfigsEntry{type, name, configs});
}

Result<void> Catalog::set_log_start(const Uuid& id, PartitionId partition, Offset offset) {
  const LogStartEntry entry{id, partition, offset};
  if (auto checked = state_.check(entry); !checked) return checked;
  if (log_start(id, partition) == offset) return {};
  return change(entry);
}

Result<void> Catalog::add_partitions(const Uuid& id, std::int32_t new_count) {
  return change(PartitionsAddedEntry{id, new_count});
}

Result<std::int64_t> Catalog::take_producer_id_block() {
  const std::int64_t first = state_.next_producer_id();
  auto changed = change(NextProducerIdEntry{first + kProducerIdBlock});
  if (!changed) return std::unexpected(changed.error());
  return first;
}

Offset Catalog::log_start(const Uuid& id, PartitionId partition) const {
  const TopicRecord* topic = state_.find(id);
  if (!topic) return Offset{0};
  const auto at = topic->log_starts.find(partition);
  return at == topic->log_starts.end() ? Offset{0} : at->second;
}

}  // namespace duolog::storage
