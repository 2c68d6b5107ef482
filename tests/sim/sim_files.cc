#include "tests/sim/sim_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/base/check.h"
#include "tests/sim/sim_disk.h"

namespace duolog::sim {

using storage::FileId;
using storage::Mapping;
using storage::OpenMode;

namespace {

std::vector<std::string> names_of(const std::string& path) {
  std::vector<std::string> names;
  std::size_t at = 0;
  while (at < path.size()) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    if (end > at && path.compare(at, end - at, ".") != 0)
      names.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return names;
}

std::string range(std::uint64_t offset, std::uint64_t length) {
  return " " + std::to_string(offset) + "+" + std::to_string(length);
}

}  // namespace

SimFiles::SimFiles(std::uint64_t max_file_bytes)
    : max_file_bytes_(align_up(max_file_bytes, kSimBlockBytes)),
      space_(std::make_shared<SimSpace>()),
      root_(std::make_shared<SimDirectory>()) {}

SimFiles::~SimFiles() = default;

// ---- Steps, faults and paths

bool SimFiles::begin_step(std::string what) {
  ++steps_;
  trace_.push_back(std::to_string(steps_) + " " + std::move(what));
  return steps_ == crash_at_step_;
}

void SimFiles::crash() {
  trace_.push_back("the machine stops");
  stop();
  throw MachineStopped{};
}

void SimFiles::stop() {
  if (stopped_) return;
  stopped_ = true;
  for (SimDisk* disk : disks_) disk->stop();
}

void SimFiles::fail_next(Fault fault, std::string path_part, std::uint64_t passed) {
  faults_.push_back({fault, std::move(path_part), passed});
}

Result<void> SimFiles::take_fault(Fault fault, const std::string& path) {
  if (stopped_) return fail(Errc::kIo, path + ": the machine has stopped");
  for (auto at = faults_.begin(); at != faults_.end(); ++at) {
    if (at->fault != fault || path.find(at->path_part) == std::string::npos) continue;
    if (at->passed > 0) {
      --at->passed;
      continue;
    }
    faults_.erase(at);
    return fail_errno(Errc::kIo, path, EIO);
  }
  return {};
}

Result<void> SimFiles::may_change(const std::string& path) const {
  if (stopped_) return fail(Errc::kIo, path + ": the machine has stopped");
  if (read_only_) return fail_errno(Errc::kIo, path, EROFS);
  return {};
}

Result<SimNode> SimFiles::find(const std::string& path) const {
  SimNode node{nullptr, root_};
  for (const std::string& name : names_of(path)) {
    if (!node.directory) return fail_errno(Errc::kIo, path, ENOTDIR);
    const auto at = node.directory->now.find(name);
    if (at == node.directory->now.end()) return fail_errno(Errc::kNotFound, path, ENOENT);
    node = at->second;
  }
  return node;
}

Result<SimFiles::Place> SimFiles::place_of(const std::string& path) const {
  const std::vector<std::string> names = names_of(path);
  if (names.empty()) return fail_errno(Errc::kExists, path, EEXIST);
  std::string parent;
  for (std::size_t i = 0; i + 1 < names.size(); ++i) parent += "/" + names[i];
  auto found = find(parent);
  if (!found) return fail(found.error().code, path + ": " + found.error().message);
  if (!found->directory) return fail_errno(Errc::kIo, path, ENOTDIR);
  return Place{found->directory, names.back()};
}

SimFiles::OpenFile& SimFiles::opened(FileId file) {
  const auto at = open_.find(file);
  CHECK(at != open_.end());
  return at->second;
}

std::string SimFiles::path_of(FileId file) const {
  const auto at = open_.find(file);
  return at == open_.end() ? "?" : at->second.path;
}

FileId SimFiles::add_open(OpenFile file) {
  const FileId id = next_file_++;
  open_.emplace(id, std::move(file));
  return id;
}

// ---- Files: opening, reading, writing

Result<FileId> SimFiles::open(const std::string& path, OpenMode mode) {
  if (stopped_) return fail(Errc::kIo, path + ": the machine has stopped");
  const bool create = mode == OpenMode::kCreate || mode == OpenMode::kCreateDirect;
  OpenFile file;
  file.path = path;
  file.direct = mode == OpenMode::kDirect || mode == OpenMode::kCreateDirect;
  file.writable = mode != OpenMode::kRead;
  if (file.writable) {
    if (auto allowed = may_change(path); !allowed) return std::unexpected(allowed.error());
  }
  if (create) {
    auto place = place_of(path);
    if (!place) return std::unexpected(place.error());
    if (place->parent->now.contains(place->name)) return fail_errno(Errc::kExists, path, EEXIST);
    file.file = std::make_shared<SimFile>(space_, max_file_bytes_);
    SimDirectoryOp op;
    op.add = place->name;
    op.node.file = file.file;
    auto made = change_directory(place->parent, std::move(op), "create " + path);
    if (!made) return std::unexpected(made.error());
  } else {
    auto found = find(path);
    if (!found) return std::unexpected(found.error());
    if (!found->file) return fail_errno(Errc::kIo, path, EISDIR);
    file.file = found->file;
  }
  return add_open(std::move(file));
}

// After a stop a job that was cut short is run once more.
void SimFiles::close(FileId file) { CHECK(open_.erase(file) == 1 || stopped_); }

Result<std::uint64_t> SimFiles::size(FileId file) {
  if (stopped_) return fail(Errc::kIo, opened(file).path + ": the machine has stopped");
  return opened(file).file->now().size_bytes;
}

Result<std::size_t> SimFiles::read(FileId file, std::uint64_t offset, MutableBytes into) {
  OpenFile& from = opened(file);
  if (auto fault = take_fault(Fault::kRead, from.path); !fault) {
    return std::unexpected(fault.error());
  }
  if (from.direct) {
    CHECK(is_block_aligned(offset) && is_block_aligned(into.size()));
    CHECK(is_block_aligned(reinterpret_cast<std::uintptr_t>(into.data())));
  }
  const SimContent& content = from.file->now();
  if (offset >= content.size_bytes) return 0;
  const std::size_t length = std::min<std::uint64_t>(into.size(), content.size_bytes - offset);
  if (length > 0) std::memcpy(into.data(), content.buffer.data() + offset, length);
  return length;
}

Result<void> SimFiles::check_write(OpenFile& file, std::uint64_t offset, std::uint64_t length) {
  CHECK(file.writable && !file.lock);
  if (auto allowed = may_change(file.path); !allowed) return allowed;
  if (offset + length > max_file_bytes_) return fail_errno(Errc::kIo, file.path, EFBIG);
  const std::uint64_t needed = file.file->unallocated_bytes(offset, offset + length);
  if (space_->used_bytes + needed > space_->capacity_bytes && needed > 0) {
    return fail_errno(Errc::kIo, file.path, ENOSPC);
  }
  return {};
}

void SimFiles::record_write(SimFile& file, std::uint64_t offset, std::vector<std::uint8_t> bytes,
                            bool durable, bool in_flight) {
  const std::uint64_t end = offset + bytes.size();
  SimFileOp data;
  data.offset = offset;
  data.bytes = std::move(bytes);
  data.durable = durable && !in_flight;
  data.in_flight = in_flight;
  file.record(std::move(data));
  if (end <= file.now().size_bytes) return;
  SimFileOp size;
  size.kind = SimFileOp::Kind::kSize;
  size.offset = end;
  size.in_flight = in_flight;
  file.record(std::move(size));
}

Result<void> SimFiles::write(FileId file, std::uint64_t offset, Bytes data) {
  OpenFile& to = opened(file);
  if (to.direct) {
    CHECK(is_block_aligned(offset) && is_block_aligned(data.size()));
    CHECK(is_block_aligned(reinterpret_cast<std::uintptr_t>(data.data())));
  }
  if (auto checked = check_write(to, offset, data.size()); !checked) return checked;
  if (auto fault = take_fault(Fault::kWrite, to.path); !fault) return fault;
  const bool crashing = begin_step("write " + to.path + range(offset, data.size()));
  record_write(*to.file, offset, {data.begin(), data.end()}, false, crashing);
  if (crashing) crash();
  return {};
}

Result<void> SimFiles::allocate(FileId file, std::uint64_t from, std::uint64_t to) {
  OpenFile& of = opened(file);
  CHECK(from < to);
  if (auto checked = check_write(of, from, to - from); !checked) return checked;
  const bool crashing = begin_step("allocate " + of.path + range(from, to - from));
  SimFileOp op;
  op.kind = SimFileOp::Kind::kAllocate;
  op.offset = from;
  op.to = to;
  op.in_flight = crashing;
  of.file->record(std::move(op));
  if (to > of.file->now().size_bytes) {
    SimFileOp size;
    size.kind = SimFileOp::Kind::kSize;
    size.offset = to;
    size.in_flight = crashing;
    of.file->record(std::move(size));
  }
  if (crashing) crash();
  return {};
}

Result<void> SimFiles::truncate(FileId file, std::uint64_t size_bytes) {
  OpenFile& of = opened(file);
  CHECK(of.writable && !of.lock);
  if (auto allowed = may_change(of.path); !allowed) return allowed;
  if (size_bytes > max_file_bytes_) return fail_errno(Errc::kIo, of.path, EFBIG);
  const bool crashing = begin_step("truncate " + of.path + " " + std::to_string(size_bytes));
  SimFileOp op;
  op.kind = SimFileOp::Kind::kSize;
  op.offset = size_bytes;
  op.in_flight = crashing;
  of.file->record(std::move(op));
  if (crashing) crash();
  return {};
}

Result<void> SimFiles::sync(FileId file) {
  OpenFile& of = opened(file);
  if (auto fault = take_fault(Fault::kSync, of.path); !fault) {
    of.file->doom();
    return fault;
  }
  if (begin_step("sync " + of.path)) crash();
  of.file->commit(of.file->recorded());
  return {};
}

// ---- Files: directories and locks

Result<void> SimFiles::change_directory(const std::shared_ptr<SimDirectory>& directory,
                                        SimDirectoryOp op, std::string what) {
  const bool crashing = begin_step(std::move(what));
  op.in_flight = crashing;
  directory->record(std::move(op));
  if (crashing) crash();
  return {};
}

Result<void> SimFiles::rename(const std::string& from, const std::string& to) {
  if (auto allowed = may_change(from); !allowed) return allowed;
  if (auto fault = take_fault(Fault::kRename, from); !fault) return fault;
  auto source = place_of(from);
  if (!source) return std::unexpected(source.error());
  auto node = find(from);
  if (!node) return std::unexpected(node.error());
  auto target = place_of(to);
  if (!target) return std::unexpected(target.error());
  if (auto old = find(to); old && old->directory && !old->directory->now.empty()) {
    return fail_errno(Errc::kIo, to, ENOTEMPTY);
  }
  // Open files below go by their new names from now on, in the trace and for faults.
  for (auto& [id, file] : open_) {
    if (file.path == from || file.path.starts_with(from + "/")) {
      file.path.replace(0, from.size(), to);
    }
  }
  SimDirectoryOp add;
  add.add = target->name;
  add.node = *node;
  add.id = next_rename_++;
  std::string what = "rename " + from + " " + to;
  if (source->parent == target->parent) {
    add.remove = source->name;
    return change_directory(source->parent, std::move(add), std::move(what));
  }
  SimDirectoryOp remove;
  remove.remove = source->name;
  remove.id = add.id;
  remove.partner = target->parent;
  add.partner = source->parent;
  const bool crashing = begin_step(std::move(what));
  remove.in_flight = add.in_flight = crashing;
  target->parent->record(std::move(add));
  source->parent->record(std::move(remove));
  if (crashing) crash();
  return {};
}

Result<void> SimFiles::remove(const std::string& path) {
  if (auto allowed = may_change(path); !allowed) return allowed;
  if (auto fault = take_fault(Fault::kRemove, path); !fault) return fault;
  auto place = place_of(path);
  if (!place) return std::unexpected(place.error());
  auto node = find(path);
  if (!node) return std::unexpected(node.error());
  if (node->directory && !node->directory->now.empty()) {
    return fail_errno(Errc::kIo, path, ENOTEMPTY);
  }
  SimDirectoryOp op;
  op.remove = place->name;
  return change_directory(place->parent, std::move(op), "remove " + path);
}

Result<void> SimFiles::make_directory(const std::string& path) {
  if (auto allowed = may_change(path); !allowed) return allowed;
  auto place = place_of(path);
  if (!place) return std::unexpected(place.error());
  if (place->parent->now.contains(place->name)) return fail_errno(Errc::kExists, path, EEXIST);
  SimDirectoryOp op;
  op.add = place->name;
  op.node.directory = std::make_shared<SimDirectory>();
  return change_directory(place->parent, std::move(op), "mkdir " + path);
}

Result<void> SimFiles::sync_directory(const std::string& path) {
  auto node = find(path);
  if (!node) return std::unexpected(node.error());
  if (!node->directory) return fail_errno(Errc::kIo, path, ENOTDIR);
  if (!take_fault(Fault::kOpenDirectory, path)) return fail_errno(Errc::kTooLarge, path, EMFILE);
  if (auto fault = take_fault(Fault::kSync, path); !fault) return fault;
  if (begin_step("sync_directory " + path)) crash();
  node->directory->commit(node->directory->pending.size());
  return {};
}

Result<std::vector<storage::DirectoryEntry>> SimFiles::list(const std::string& path) {
  if (auto fault = take_fault(Fault::kRead, path); !fault) return std::unexpected(fault.error());
  auto node = find(path);
  if (!node) return std::unexpected(node.error());
  if (!node->directory) return fail_errno(Errc::kIo, path, ENOTDIR);
  std::vector<storage::DirectoryEntry> entries;
  for (const auto& [name, child] : node->directory->now) {
    entries.push_back({name, child.directory != nullptr});
  }
  return entries;
}

Result<FileId> SimFiles::lock(const std::string& path) {
  if (auto allowed = may_change(path); !allowed) return std::unexpected(allowed.error());
  OpenFile lock;
  lock.path = path;
  lock.lock = true;
  if (auto found = find(path); found && found->file) {
    lock.file = found->file;
  } else {
    auto created = open(path, OpenMode::kCreate);
    if (!created) return created;
    lock.file = opened(*created).file;
    close(*created);
  }
  for (const auto& [id, other] : open_) {
    if (other.lock && other.file == lock.file) {
      return fail(Errc::kBusy, path + ": locked by another process");
    }
  }
  return add_open(std::move(lock));
}

// ---- Files: mapping

Result<Mapping> SimFiles::map(FileId file, std::uint64_t size_bytes,
                              std::atomic<std::uint64_t>& /*lost_at*/) {
  OpenFile& of = opened(file);
  if (auto fault = take_fault(Fault::kRead, of.path); !fault) {
    return std::unexpected(fault.error());
  }
  CHECK(size_bytes > 0 && size_bytes <= max_file_bytes_);
  mapped_.emplace(of.file->now().buffer.data(), of.file);
  return Mapping{of.file->now().buffer.data(), size_bytes};
}

void SimFiles::unmap(Mapping mapping) {
  const auto at = mapped_.find(mapping.data);
  CHECK(at != mapped_.end());
  if (mapped_.count(mapping.data) == 1) at->second->populated.clear();
  mapped_.erase(at);
}

Result<void> SimFiles::populate(Mapping mapping, std::uint64_t from, std::uint64_t to) {
  const auto at = mapped_.find(mapping.data);
  CHECK(at != mapped_.end() && from <= to && to <= mapping.size_bytes);
  if (auto fault = take_fault(Fault::kRead, {}); !fault) return fault;
  SimFile& file = *at->second;
  if (to > align_up(file.now().size_bytes, kSimBlockBytes)) {
    return fail_errno(Errc::kIo, "populate beyond the end of a file", EFAULT);
  }
  const std::uint64_t end = align_up(to, kSimBlockBytes) / kSimBlockBytes;
  if (file.populated.size() < end) file.populated.resize(end);
  for (std::uint64_t block = from / kSimBlockBytes; block < end; ++block) {
    file.populated[block] = true;
  }
  return {};
}

void SimFiles::unpopulate(Mapping mapping, std::uint64_t from, std::uint64_t to) {
  const auto at = mapped_.find(mapping.data);
  CHECK(at != mapped_.end() && from <= to);
  std::vector<bool>& populated = at->second->populated;
  const std::uint64_t end = align_up(to, kSimBlockBytes) / kSimBlockBytes;
  for (std::uint64_t block = from / kSimBlockBytes; block < end && block < populated.size();
       ++block) {
    populated[block] = false;
  }
}

bool SimFiles::is_populated(Mapping mapping, std::uint64_t from, std::uint64_t to) const {
  const auto at = mapped_.find(mapping.data);
  CHECK(at != mapped_.end());
  const std::vector<bool>& populated = at->second->populated;
  for (std::uint64_t block = from / kSimBlockBytes; block * kSimBlockBytes < to; ++block) {
    if (block >= populated.size() || !populated[block]) return false;
  }
  return true;
}

}  // namespace duolog::sim
