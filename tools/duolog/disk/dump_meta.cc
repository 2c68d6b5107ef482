#include <variant>

#include "engine/base/uuid.h"
#include "storage/catalog_format.h"
#include "storage/checkpoint.h"
#include "storage/file_util.h"
#include "storage/hash.h"
#include "storage/journal_format.h"
#include "tools/duolog/disk/dump_lines.h"

namespace duolog::tools {

namespace {

OrderedJson kind_line(const char* kind) {
  OrderedJson line;
  line["kind"] = kind;
  return line;
}

OrderedJson json_of(const storage::TopicConfigs& configs) {
  OrderedJson object = OrderedJson::object();
  for (const auto& [name, value] : configs) object[name] = value;
  return object;
}

// What each kind of entry of the catalog says, into a line.
struct EntryFields {
  OrderedJson& line;

  void operator()(const storage::ClusterIdEntry& e) const {
    line["entry"] = "cluster id";
    line["id"] = to_text(e.id);
  }
  void operator()(const storage::IncarnationEntry& e) const {
    line["entry"] = "incarnation";
    line["incarnation"] = e.incarnation.value;
  }
  void operator()(const storage::TopicRecord& e) const {
    line["entry"] = "topic";
    line["id"] = to_text(e.id);
    line["name"] = e.name;
    line["partitions"] = e.partition_count;
    line["configs"] = json_of(e.configs);
    OrderedJson starts = OrderedJson::object();
    for (const auto& [partition, start] : e.log_starts) {
      starts[std::to_string(partition.value)] = start.value;
    }
    line["log_starts"] = std::move(starts);
  }
  void operator()(const storage::TopicDeletedEntry& e) const {
    line["entry"] = "topic deleted";
    line["id"] = to_text(e.id);
  }
  void operator()(const storage::TopicConfigsEntry& e) const {
    line["entry"] = "topic configs";
    line["id"] = to_text(e.id);
    line["configs"] = json_of(e.configs);
  }
  void operator()(const storage::LogStartEntry& e) const {
    line["entry"] = "log start";
    line["id"] = to_text(e.id);
    line["partition"] = e.partition.value;
    line["offset"] = e.offset.value;
  }
  void operator()(const storage::PartitionsAddedEntry& e) const {
    line["entry"] = "partitions added";
    line["id"] = to_text(e.id);
    line["partitions"] = e.partition_count;
  }
  void operator()(const storage::DeletedTopic& e) const {
    line["entry"] = "deleted topic";
    line["id"] = to_text(e.id);
    line["name"] = e.name;
    line["partitions"] = e.partition_count;
  }
  void operator()(const storage::DeletedForgottenEntry& e) const {
    line["entry"] = "deleted topic forgotten";
    line["id"] = to_text(e.id);
  }
  void operator()(const storage::NextProducerIdEntry& e) const {
    line["entry"] = "next producer id";
    line["producer_id"] = e.next_producer_id;
  }
  void operator()(const storage::ResourceConfigsEntry& e) const {
    line["entry"] = "resource configs";
    line["type"] = e.resource_type;
    line["name"] = e.name;
    line["configs"] = json_of(e.configs);
  }
};

OrderedJson line_of_entry(const storage::JournalEntry& entry) {
  OrderedJson line = kind_line(entry.kind == storage::EntryKind::kRedo ? "redo" : "extent");
  line["topic_id"] = to_text(entry.topic_id);
  line["partition"] = entry.partition.value;
  line["segment"] = entry.segment.value;
  line["position"] = entry.position;
  line["bytes"] = entry.size_bytes;
  line["whole"] = entry.whole;
  return line;
}

void dump_group(const storage::GroupHeader& header, Bytes group, std::uint64_t position,
                std::uint64_t generation, const DumpLines& lines) {
  OrderedJson line = kind_line("group");
  line["position"] = position;
  line["sequence"] = header.sequence;
  line["generation"] = header.generation;
  line["incarnation"] = header.incarnation;
  line["entries"] = header.entry_count;
  line["bytes"] = header.body_bytes;
  line["flushed"] = header.flushed;
  line["oldest"] = header.oldest;
  if (header.generation != generation) line["left_behind"] = true;  // by an earlier use of the file
  lines.print(line);
  storage::EntryReader entries(header, group);
  storage::JournalEntry entry;
  for (auto more = entries.next(entry); more && *more; more = entries.next(entry)) {
    lines.print(line_of_entry(entry));
  }
}

}  // namespace

Result<bool> dump_journal(storage::Files& files, const std::string& path, const DumpLines& lines) {
  const auto content = storage::read_file(files, path);
  if (!content) return std::unexpected(content.error());
  const auto first = storage::read_group_header(*content);
  if (!first) {  // one that a start has emptied, or that was never used
    lines.print(kind_line("unused"));
    return true;
  }
  for (std::uint64_t at = 0; at < content->size();) {
    const Bytes rest = Bytes(*content).subspan(at);
    const auto header = storage::read_group(rest);
    // What another secret has is something that a client has sent.
    if (!header || header->secret != first->secret) {
      at += storage::kBlockBytes;
      continue;
    }
    dump_group(*header, rest, at, first->generation, lines);
    at += header->size_in_file();
  }
  return true;
}

Result<bool> dump_catalog(storage::Files& files, const std::string& path, const DumpLines& lines) {
  const auto content = storage::read_file(files, path);
  if (!content) return std::unexpected(content.error());
  const auto header = storage::decode_header(*content);
  if (!header) return fail(header.error().code, path + ": " + header.error().message);
  OrderedJson line = kind_line("catalog");
  line["generation"] = header->generation;
  line["first_sequence"] = header->first_sequence;
  line["snapshot_bytes"] = header->snapshot_bytes;
  lines.print(line);
  std::size_t at = storage::kCatalogHeaderBytes;
  bool whole = true;
  while (at < content->size()) {
    const auto frame = storage::read_frame(Bytes(*content).subspan(at));
    if (!frame) break;
    line = kind_line("entry");
    line["position"] = at;
    line["sequence"] = frame->sequence;
    line["type"] = frame->type;
    const auto entry = storage::decode_entry(*frame);
    if (entry) {
      std::visit(EntryFields{line}, *entry);
    } else {
      line["damaged"] = entry.error().message;
      whole = false;
    }
    lines.print(line);
    at += frame->size_bytes();
  }
  line = kind_line("end");
  line["position"] = at;
  line["bytes_behind"] = content->size() - at;
  lines.print(line);
  return whole && at >= header->snapshot_bytes;
}

Result<bool> dump_checkpoint(storage::Files& files, const std::string& path,
                             const DumpLines& lines) {
  const auto checkpoint = storage::read_checkpoint(files, storage::parent_directory(path));
  OrderedJson line = kind_line("checkpoint");
  if (!checkpoint) {
    line["damaged"] = "its checksum is wrong, or another version wrote it";
    lines.print(line);
    return false;
  }
  line["segment"] = checkpoint->segment.value;
  line["position"] = checkpoint->position;
  line["next_offset"] = checkpoint->next_offset.value;
  line["floor"] = checkpoint->floor.value;
  line["max_timestamp"] = checkpoint->max_timestamp;
  line["active_since_ms"] = checkpoint->active_since_ms;
  line["index_entries"] = checkpoint->index.size();
  lines.print(line);
  for (const auto& start : checkpoint->epochs) {
    line = kind_line("epoch");
    line["leader_epoch"] = start.epoch.value;
    line["offset"] = start.start.value;
    lines.print(line);
  }
  for (const storage::ProducerState& producer : checkpoint->producers) {
    line = kind_line("producer");
    line["producer_id"] = producer.id;
    line["producer_epoch"] = producer.epoch;
    line["last_used_ms"] = producer.last_used_ms;
    for (const auto& batch : std::span(producer.batches).first(producer.count)) {
      OrderedJson one;
      one["offset"] = batch.first_offset.value;
      one["first_sequence"] = batch.first_sequence;
      one["last_sequence"] = batch.last_sequence;
      line["batches"].push_back(std::move(one));
    }
    lines.print(line);
  }
  return true;
}

Result<bool> dump_index(storage::Files& files, const std::string& path, const DumpLines& lines) {
  const auto content = storage::read_file(files, path);
  if (!content) return std::unexpected(content.error());
  const bool of_times = path.ends_with(".timeindex");
  const auto hash = storage::read_file(files, path.substr(0, path.rfind('.')) + ".indexhash");
  constexpr std::size_t kOffsetsHashAt = 8;  // behind the magic; that of times follows
  constexpr std::size_t kTimesHashAt = 16;
  const bool known = hash && hash->size() == kTimesHashAt + sizeof(std::uint64_t);
  const bool right =
      known && load_le<std::uint64_t>(hash->data() + (of_times ? kTimesHashAt : kOffsetsHashAt)) ==
                   storage::xxh3(*content);
  OrderedJson line = kind_line(of_times ? "timeindex" : "index");
  line["hash_ok"] = right;
  lines.print(line);
  const std::size_t entry_bytes = of_times ? 12 : 8;  // Kafka's
  const Offset base(std::strtoll(path.c_str() + path.rfind('/') + 1, nullptr, 10));
  for (std::size_t at = 0; at + entry_bytes <= content->size(); at += entry_bytes) {
    const std::uint8_t* entry = content->data() + at;
    line = kind_line("entry");
    if (of_times) {
      line["timestamp"] = load_be<std::int64_t>(entry);
      line["offset"] = base.value + load_be<std::int32_t>(entry + 8);
    } else {
      line["offset"] = base.value + load_be<std::int32_t>(entry);
      line["position"] = load_be<std::uint32_t>(entry + 4);
    }
    lines.print(line);
  }
  return right;
}

}  // namespace duolog::tools
