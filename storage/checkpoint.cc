#include "storage/checkpoint.h"

#include <span>

#include "storage/file_util.h"
#include "storage/hash.h"

namespace duolog::storage {
namespace {

constexpr std::int64_t kCheckpointMagic = 0x3350435f474f4c44;  // "DLOG_CP3"
constexpr const char* kFile = "/checkpoint";

void put(std::vector<std::uint8_t>& out, std::int64_t value) {
  out.resize(out.size() + sizeof value);
  store_le<std::int64_t>(out.data() + out.size() - sizeof value, value);
}

class Fields {
 public:
  explicit Fields(Bytes bytes) : bytes_(bytes) {}
  // Zero beyond the end; `left` tells.
  std::int64_t take() {
    if (bytes_.size() < sizeof(std::int64_t)) return 0;
    const auto value = load_le<std::int64_t>(bytes_.data());
    bytes_ = bytes_.subspan(sizeof value);
    return value;
  }
  [[nodiscard]] std::size_t left() const { return bytes_.size() / sizeof(std::int64_t); }

 private:
  Bytes bytes_;
};

void put_producers(std::vector<std::uint8_t>& out, const std::vector<ProducerState>& producers) {
  put(out, static_cast<std::int64_t>(producers.size()));
  for (const ProducerState& producer : producers) {
    put(out, producer.id);
    put(out, producer.epoch);
    put(out, producer.last_used_ms);
    put(out, producer.count);
    for (const ProducerBatch& batch : std::span(producer.batches).first(producer.count)) {
      put(out, batch.first_offset.value);
      put(out, batch.timestamp.value);
      put(out, batch.first_sequence);
      put(out, batch.last_sequence);
    }
  }
}

// False when they are not what is written.
bool take_producers(Fields& fields, std::vector<ProducerState>& producers) {
  const auto count = static_cast<std::size_t>(fields.take());
  if (count > fields.left()) return false;
  producers.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    ProducerState producer;
    producer.id = fields.take();
    producer.epoch = static_cast<std::int16_t>(fields.take());
    producer.last_used_ms = fields.take();
    const auto batches = static_cast<std::size_t>(fields.take());
    if (batches == 0 || batches > kProducerWindow || 4 * batches > fields.left()) return false;
    producer.count = static_cast<std::uint8_t>(batches);
    for (ProducerBatch& batch : std::span(producer.batches).first(producer.count)) {
      batch.first_offset = Offset(fields.take());
      batch.timestamp = Timestamp(fields.take());
      batch.first_sequence = static_cast<std::int32_t>(fields.take());
      batch.last_sequence = static_cast<std::int32_t>(fields.take());
    }
    producers.push_back(producer);
  }
  return fields.left() == 0;
}

}  // namespace

Result<void> write_checkpoint(Files& files, const std::string& directory,
                              const Checkpoint& checkpoint) {
  std::vector<std::uint8_t> out;
  put(out, kCheckpointMagic);
  put(out, checkpoint.segment.value);
  put(out, static_cast<std::int64_t>(checkpoint.position));
  put(out, checkpoint.next_offset.value);
  put(out, checkpoint.floor.value);
  put(out, checkpoint.max_timestamp);
  put(out, checkpoint.max_timestamp_offset);
  put(out, checkpoint.active_since_ms);
  put(out, static_cast<std::int64_t>(checkpoint.epochs.size()));
  for (const EpochStart& start : checkpoint.epochs) {
    put(out, start.epoch.value);
    put(out, start.start.value);
  }
  put(out, static_cast<std::int64_t>(checkpoint.index.size()));
  for (const IndexEntry& entry : checkpoint.index) {
    put(out, entry.relative_offset);
    put(out, entry.position);
    put(out, entry.max_timestamp);
    put(out, entry.max_timestamp_offset);
  }
  put_producers(out, checkpoint.producers);
  put(out, static_cast<std::int64_t>(xxh3(out)));
  if (auto replaced = replace_file(files, directory + kFile, out); !replaced) return replaced;
  // The segments it makes needless go next: a power loss must not keep that and undo this.
  return flush_directory(files, directory);
}

std::optional<Checkpoint> read_checkpoint(Files& files, const std::string& directory) {
  auto content = read_file(files, directory + kFile);
  if (!content || content->size() < 2 * sizeof(std::int64_t)) return std::nullopt;
  const Bytes body = Bytes(*content).first(content->size() - sizeof(std::int64_t));
  if (xxh3(body) != load_le<std::uint64_t>(body.data() + body.size())) return std::nullopt;
  Fields fields(body);
  if (fields.take() != kCheckpointMagic) return std::nullopt;

  Checkpoint checkpoint;
  checkpoint.segment = Offset(fields.take());
  checkpoint.position = static_cast<std::uint64_t>(fields.take());
  checkpoint.next_offset = Offset(fields.take());
  checkpoint.floor = Offset(fields.take());
  checkpoint.max_timestamp = fields.take();
  checkpoint.max_timestamp_offset = static_cast<std::uint32_t>(fields.take());
  checkpoint.active_since_ms = fields.take();
  const auto epochs = static_cast<std::size_t>(fields.take());
  if (epochs > fields.left() / 2) return std::nullopt;
  for (std::size_t i = 0; i < epochs; ++i) {
    const LeaderEpoch epoch(static_cast<std::int32_t>(fields.take()));
    checkpoint.epochs.push_back({epoch, Offset(fields.take())});
  }
  const auto entries = static_cast<std::size_t>(fields.take());
  if (entries > fields.left() / 4) return std::nullopt;
  for (std::size_t i = 0; i < entries; ++i) {
    IndexEntry entry;
    entry.relative_offset = static_cast<std::uint32_t>(fields.take());
    entry.position = static_cast<std::uint32_t>(fields.take());
    entry.max_timestamp = fields.take();
    entry.max_timestamp_offset = static_cast<std::uint32_t>(fields.take());
    checkpoint.index.push_back(entry);
  }
  if (!take_producers(fields, checkpoint.producers)) return std::nullopt;
  return checkpoint;
}

}  // namespace duolog::storage
