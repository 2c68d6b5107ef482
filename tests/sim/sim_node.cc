#include "tests/sim/sim_node.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

namespace duolog::sim {

// ---- SimContent

void SimContent::allocate(std::uint64_t from, std::uint64_t to) {
  if (to <= from) return;
  const std::uint64_t end = align_up(to, kSimBlockBytes) / kSimBlockBytes;
  if (blocks.size() < end) blocks.resize(end);
  for (std::uint64_t block = from / kSimBlockBytes; block < end; ++block) {
    if (blocks[block]) continue;
    blocks[block] = true;
    ++allocated_blocks;
  }
}

void SimContent::apply_data(std::uint64_t offset, Bytes bytes) {
  buffer.write(offset, bytes);
  allocate(offset, offset + bytes.size());
}

void SimContent::set_size(std::uint64_t size) {
  if (size < size_bytes) buffer.zero_from(size);
  const std::uint64_t end = align_up(size, kSimBlockBytes) / kSimBlockBytes;
  for (std::uint64_t block = end; size < size_bytes && block < blocks.size(); ++block) {
    allocated_blocks -= blocks[block] ? 1 : 0;
    blocks[block] = false;
  }
  size_bytes = size;
}

void SimContent::apply(const SimFileOp& op) {
  switch (op.kind) {
    case SimFileOp::Kind::kData:
      return apply_data(op.offset, op.bytes);
    case SimFileOp::Kind::kSize:
      return set_size(op.offset);
    case SimFileOp::Kind::kAllocate:
      return allocate(op.offset, op.to);
  }
}

void SimContent::copy_from(const SimContent& other) {
  buffer.copy_from(other.buffer);
  size_bytes = other.size_bytes;
  blocks = other.blocks;
  allocated_blocks = other.allocated_blocks;
}

// ---- SimFile

SimFile::SimFile(std::shared_ptr<SimSpace> space, std::uint64_t limit_bytes)
    : space_(std::move(space)), durable_(limit_bytes), now_(limit_bytes) {}

SimFile::~SimFile() { space_->used_bytes -= charged_bytes_; }

void SimFile::charge() {
  const std::uint64_t bytes = now_.allocated_blocks * kSimBlockBytes;
  space_->used_bytes = space_->used_bytes - charged_bytes_ + bytes;
  charged_bytes_ = bytes;
}

std::uint64_t SimFile::unallocated_bytes(std::uint64_t from, std::uint64_t to) const {
  std::uint64_t bytes = 0;
  for (std::uint64_t at = align_down(from, kSimBlockBytes); at < to; at += kSimBlockBytes) {
    const std::uint64_t block = at / kSimBlockBytes;
    if (block >= now_.blocks.size() || !now_.blocks[block]) bytes += kSimBlockBytes;
  }
  return bytes;
}

void SimFile::record(SimFileOp op) {
  CHECK(!(op.durable && op.in_flight));
  if (!op.in_flight) now_.apply(op);
  charge();
  pending_.push_back(std::move(op));
  // A file that sees only durable writes keeps no list.
  while (!pending_.empty() && pending_.front().durable) fold_first();
}

void SimFile::fold_first() {
  SimFileOp& op = pending_.front();
  if (!op.doomed) durable_.apply(op);
  pending_.pop_front();
  ++folded_;
}

void SimFile::commit(std::uint64_t count) {
  while (folded_ < count && !pending_.empty()) fold_first();
  while (!pending_.empty() && pending_.front().durable) fold_first();
}

void SimFile::doom() {
  for (SimFileOp& op : pending_) op.doomed |= op.kind == SimFileOp::Kind::kData && !op.durable;
}

void SimFile::flip_bit(std::uint64_t offset, unsigned bit) {
  now_.buffer.flip_bit(offset, bit);
  durable_.buffer.flip_bit(offset, bit);
  for (SimFileOp& op : pending_) {
    if (op.kind != SimFileOp::Kind::kData || offset < op.offset) continue;
    if (offset - op.offset >= op.bytes.size()) continue;
    auto& byte = op.bytes[offset - op.offset];
    byte = static_cast<std::uint8_t>(byte ^ (1U << bit));
  }
}

namespace {

// Applies those sectors of a write that `sectors` keeps.
void apply_torn(SimContent& content, const SimFileOp& op,
                const std::function<std::vector<bool>(std::size_t)>& sectors) {
  const std::uint64_t end = op.offset + op.bytes.size();
  const std::uint64_t first = align_down(op.offset, kSectorBytes);
  const std::vector<bool> kept = sectors((align_up(end, kSectorBytes) - first) / kSectorBytes);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) continue;
    const std::uint64_t from = std::max(op.offset, first + i * kSectorBytes);
    const std::uint64_t to = std::min(end, first + (i + 1) * kSectorBytes);
    content.apply_data(from, Bytes(op.bytes).subspan(from - op.offset, to - from));
  }
}

}  // namespace

std::shared_ptr<SimFile> SimFile::after_power_loss(std::shared_ptr<SimSpace> space,
                                                   const PowerLoss& choices) const {
  auto file = std::make_shared<SimFile>(std::move(space), now_.buffer.limit_bytes());
  SimContent& content = file->durable_;
  content.copy_from(durable_);
  const auto is_metadata = [](const SimFileOp& op) { return op.kind != SimFileOp::Kind::kData; };
  const auto metadata = std::count_if(pending_.begin(), pending_.end(), is_metadata);
  std::size_t metadata_left = choices.metadata_ops(static_cast<std::size_t>(metadata));
  for (const SimFileOp& op : pending_) {
    if (is_metadata(op)) {
      if (metadata_left == 0) continue;
      --metadata_left;
      content.apply(op);
    } else if (op.durable) {
      content.apply(op);
    } else {
      apply_torn(content, op, choices.sectors);
    }
  }
  // Bytes of a write whose size did not become durable are out of reach: cut them off.
  const std::uint64_t size = content.size_bytes;
  content.size_bytes = content.buffer.limit_bytes();
  content.set_size(size);
  file->now_.copy_from(content);
  file->charge();
  return file;
}

std::shared_ptr<SimFile> SimFile::after_kill(std::shared_ptr<SimSpace> space,
                                             const std::function<bool()>& keep) const {
  auto file = std::make_shared<SimFile>(std::move(space), now_.buffer.limit_bytes());
  file->durable_.copy_from(durable_);
  file->now_.copy_from(durable_);
  bool previous_in_flight = false;
  bool kept = true;
  for (SimFileOp op : pending_) {
    // A write or allocation and the size that comes with it are one operation.
    const bool one_with_previous = previous_in_flight && op.kind == SimFileOp::Kind::kSize;
    previous_in_flight = op.in_flight;
    if (op.in_flight && !one_with_previous) kept = keep();
    if (op.in_flight && !kept) continue;
    op.in_flight = false;
    file->record(std::move(op));
  }
  file->charge();
  return file;
}

// ---- SimDirectory

void SimDirectory::apply(SimEntries& entries, const SimDirectoryOp& op) {
  if (!op.remove.empty()) entries.erase(op.remove);
  if (!op.add.empty()) entries[op.add] = op.node;
}

void SimDirectory::record(SimDirectoryOp op) {
  if (!op.in_flight) apply(now, op);
  pending.push_back(std::move(op));
}

std::size_t SimDirectory::count_through(std::uint64_t id) const {
  for (std::size_t i = 0; i < pending.size(); ++i) {
    if (pending[i].id == id) return i + 1;
  }
  return 0;
}

void SimDirectory::commit(std::size_t count) {
  const auto end = pending.begin() + static_cast<std::ptrdiff_t>(count);
  const std::vector<SimDirectoryOp> ops(pending.begin(), end);
  pending.erase(pending.begin(), end);
  for (const SimDirectoryOp& op : ops) {
    apply(durable, op);
    if (auto partner = op.partner.lock()) partner->commit(partner->count_through(op.id));
  }
}

}  // namespace duolog::sim
