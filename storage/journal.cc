#include "storage/journal.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "engine/base/check.h"
#include "storage/file_util.h"

namespace duolog::storage {
namespace {

constexpr std::uint64_t kLaterFileFactor = 4;

std::string journal_path(const std::string& directory, std::uint64_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "/%08llu.journal", static_cast<unsigned long long>(number));
  return directory + name;
}

// In small steps: the group writes of a journal that grows wait behind one of them.
Result<void> write_zeros(Files& files, FileId file, std::uint64_t size_bytes) {
  const std::uint64_t step = std::min(size_bytes, 128 * kKiB);
  const std::unique_ptr<std::uint8_t, decltype(&std::free)> zeros(
      static_cast<std::uint8_t*>(std::aligned_alloc(kBlockBytes, step)), &std::free);
  CHECK(zeros != nullptr);
  std::memset(zeros.get(), 0, step);
  Result<void> outcome;
  for (std::uint64_t at = 0; at < size_bytes && outcome; at += step) {
    outcome = files.write(file, at, {zeros.get(), std::min(step, size_bytes - at)});
  }
  if (outcome) outcome = flush(files, file);
  return outcome;
}

}  // namespace

Result<JournalFile> Journal::create_file(Files& files, const std::string& directory,
                                         std::uint64_t number, std::uint64_t size_bytes) {
  size_bytes = align_down(size_bytes, kBlockBytes);
  CHECK(size_bytes >= kSmallestJournalFileBytes);
  const std::string path = journal_path(directory, number);
  auto file = files.open(path, OpenMode::kCreateDirect);
  if (!file) return std::unexpected(file.error());
  auto zeroed = write_zeros(files, *file, size_bytes);
  if (zeroed) zeroed = flush_directory(files, directory);
  if (!zeroed) {
    files.close(*file);
    (void)files.remove(path);  // best effort: the error that matters is the first one
    return std::unexpected(zeroed.error());
  }
  return JournalFile{*file, size_bytes, number, 0};
}

void Journal::remove(Files& files, const std::string& directory,
                     const std::vector<JournalFile>& journal) {
  for (const JournalFile& file : journal) {
    files.close(file.file);
    (void)files.remove(journal_path(directory, file.number));
  }
  (void)files.remove(directory);
}

Journal::Journal(Disk& disk, const StoreOptions& options, JournalSetup setup,
                 std::function<void(Result<void>)> on_written, std::function<void()> on_room)
    : disk_(disk),
      options_(options),
      directory_(std::move(setup.directory)),
      on_written_(std::move(on_written)),
      on_room_(std::move(on_room)),
      free_(std::move(setup.files)),
      next_generation_((std::uint64_t{setup.incarnation} << 32) + 1) {
  CHECK(!free_.empty() && setup.secret != 0);
  CHECK(options.group_max_bytes % kBlockBytes == 0);
  for (const JournalFile& file : free_) {
    total_bytes_ += file.size_bytes;
    next_number_ = std::max(next_number_, file.number + 1);
  }
  header_.incarnation = setup.incarnation;
  header_.secret = setup.secret;
  buffer_ = static_cast<std::uint8_t*>(std::aligned_alloc(kBlockBytes, options.group_max_bytes));
  CHECK(buffer_ != nullptr);
  op_.journal = this;
  op_.done = &Journal::written;
  CHECK(next_file());
}

Journal::~Journal() {
  CHECK(!writing_ && !growing_);
  for (const auto& file : used_) disk_.files().close(file.file);
  for (const auto& released : released_) disk_.files().close(released.file.file);
  for (const auto& file : free_) disk_.files().close(file.file);
  std::free(buffer_);
}

bool Journal::next_file() {
  if (free_.empty()) return false;
  JournalFile file = free_.front();
  free_.erase(free_.begin());
  file.generation = next_generation_++;
  file.first_sequence = sequence_;
  used_.push_back(file);
  position_ = 0;
  may_grow_ = true;
  return true;
}

// The last block is kept for a group without entries, which frees a file when all else is full.
std::uint64_t Journal::left_in_file() const {
  const std::uint64_t end = used_.back().size_bytes - kBlockBytes;
  return end > position_ ? end - position_ : 0;
}

std::uint64_t Journal::room() {
  if (writing_) return 0;
  const std::uint64_t body = kGroupHeaderBytes + header_.body_bytes;
  const auto left_in = [&](std::uint64_t limit) { return limit > body ? limit - body : 0; };
  const std::uint64_t in_file = left_in_file();
  // A file is left early rather than ended with tiny groups.
  if (!collecting() && in_file < std::min(options_.group_max_bytes, used_.back().size_bytes / 8)) {
    if (free_.size() + released_.size() <= 1) grow();
    if (!next_file()) return left_in(std::min(options_.group_max_bytes, in_file));
  }
  return left_in(std::min(options_.group_max_bytes, left_in_file()));
}

std::uint8_t* Journal::add_redo(const JournalEntry& entry) {
  CHECK(room() >= kEntryHeaderBytes + entry.size_bytes);
  std::uint8_t* at = buffer_ + kGroupHeaderBytes + header_.body_bytes;
  encode_entry_header(entry, at);
  header_.body_bytes += kEntryHeaderBytes + entry.size_bytes;
  ++header_.entry_count;
  return at + kEntryHeaderBytes;
}

void Journal::add_extent(const JournalEntry& entry) {
  CHECK(room() >= kEntryHeaderBytes);
  encode_entry_header(entry, buffer_ + kGroupHeaderBytes + header_.body_bytes);
  header_.body_bytes += kEntryHeaderBytes;
  ++header_.entry_count;
}

void Journal::commit(bool durable) {
  CHECK((collecting() || releasing()) && !writing_);
  durable |= releasing();
  header_.generation = generation();
  header_.sequence = sequence_++;
  header_.previous_hash = last_hash_;
  header_.flushed = flushed_sequence_;
  header_.oldest = used_.front().first_sequence;
  const std::uint64_t used = kGroupHeaderBytes + header_.body_bytes;
  const std::uint64_t size = header_.size_in_file();
  CHECK(position_ + size <= used_.back().size_bytes);
  std::memset(buffer_ + used, 0, size - used);
  last_hash_ = seal_group(header_, buffer_);

  op_.file = used_.back().file;
  // A flushed write vouches for itself only. Behind groups that were not flushed it would leave a
  // hole in the sequence, so those are flushed with it.
  flushing_ = durable;
  op_.kind = durable && unflushed_.empty() ? DiskOp::Kind::kDurableWrite : DiskOp::Kind::kWrite;
  if (op_.kind == DiskOp::Kind::kWrite &&
      std::ranges::find(unflushed_, op_.file) == unflushed_.end()) {
    unflushed_.push_back(op_.file);
  }
  op_.offset = position_;
  op_.piece = {buffer_, size};
  op_.data = {&op_.piece, 1};
  position_ += size;
  writing_ = true;
  header_.body_bytes = 0;
  header_.entry_count = 0;
  disk_.submit(op_);
}

void Journal::written(DiskOp& op, Result<void> outcome) {
  Journal& journal = *static_cast<WriteOp&>(op).journal;
  if (outcome && journal.flushing_ && !journal.unflushed_.empty()) {
    op.kind = DiskOp::Kind::kSync;
    op.file = journal.unflushed_.back();
    journal.unflushed_.pop_back();
    journal.disk_.submit(op);
    return;
  }
  journal.writing_ = false;
  bool room = false;
  if (outcome && journal.flushing_) {
    journal.flushed_sequence_ = journal.sequence_ - 1;
    room = journal.free_released();
  }
  journal.on_written_(std::move(outcome));
  if (room) journal.on_room_();
}

bool Journal::free_released() {
  const std::size_t before = free_.size();
  while (!released_.empty() && released_.front().said_by <= flushed_sequence_) {
    free_.push_back(released_.front().file);
    released_.pop_front();
  }
  return free_.size() > before;
}

bool Journal::wants_recycling() const {
  if (used_.size() < 2) return false;
  std::uint64_t used = position_;
  for (std::size_t i = 0; i + 1 < used_.size(); ++i) used += used_[i].size_bytes;
  return used * 2 >= total_bytes_;
}

void Journal::release_oldest() {
  CHECK(used_.size() >= 2);
  released_.push_back({used_.front(), sequence_});
  used_.pop_front();
}

void Journal::grow() {
  if (growing_ || !may_grow_ || total_bytes_ >= options_.journal_max_bytes) return;
  const std::uint64_t size = std::min(options_.journal_file_bytes() * kLaterFileFactor,
                                      options_.journal_max_bytes - total_bytes_);
  if (size < kSmallestJournalFileBytes) return;
  growing_ = true;
  may_grow_ = false;
  auto made = std::make_unique<Result<JournalFile>>(fail(Errc::kIo, "not made"));
  auto* result = made.get();
  disk_.run(
      [this, result, size, number = next_number_++] {
        *result = create_file(disk_.files(), directory_, number, size);
      },
      [this, made = std::move(made)] {
        growing_ = false;
        // Without room on the disk the journal goes on with the files it has.
        if (!*made && made->error().code == Errc::kUnflushed) {
          return on_written_(std::unexpected(made->error()));
        }
        if (!*made) return;
        total_bytes_ += (*made)->size_bytes;
        free_.push_back(**made);
        on_room_();
      });
}

}  // namespace duolog::storage
