#include <algorithm>
#include <array>

#include "storage/batch_walker.h"
#include "storage/codec.h"
#include "storage/record.h"
#include "tools/duolog/disk/dump_lines.h"

namespace duolog::tools {

using storage::BatchHeader;
using storage::BatchWalker;

namespace {

constexpr std::array<const char*, 5> kCodecNames{"none", "gzip", "snappy", "lz4", "zstd"};

OrderedJson line_of_batch(const BatchHeader& header, std::uint64_t position, bool crc_ok) {
  OrderedJson line;
  line["kind"] = "batch";
  line["position"] = position;
  line["base_offset"] = header.base_offset.value;
  line["last_offset"] = header.last_offset().value;
  line["records"] = header.record_count;
  line["bytes"] = header.size_bytes();
  const auto codec = static_cast<std::size_t>(header.codec());
  line["codec"] = codec < kCodecNames.size() ? kCodecNames[codec] : "unknown";
  line["leader_epoch"] = header.leader_epoch.value;
  line["base_timestamp"] = header.base_timestamp.value;
  line["max_timestamp"] = header.max_timestamp.value;
  line["timestamp_type"] =
      header.timestamp_type() == storage::TimestampType::kLogAppendTime ? "append" : "create";
  if (header.has_producer_id()) {
    line["producer_id"] = header.producer_id;
    line["producer_epoch"] = header.producer_epoch;
    line["base_sequence"] = header.base_sequence;
  }
  if (header.is_transactional()) line["transactional"] = true;
  if (header.is_control()) line["control"] = true;
  line["crc"] = header.crc;
  line["crc_ok"] = crc_ok;
  return line;
}

void print_fault(const DumpLines& lines, std::uint64_t position, const std::string& what) {
  OrderedJson line;
  line["kind"] = "damaged";
  line["position"] = position;
  line["what"] = what;
  lines.print(line);
}

std::optional<std::string_view> text_of(const std::optional<Bytes>& bytes) {
  if (!bytes) return std::nullopt;
  return as_text(*bytes);
}

Result<void> print_records(const BatchHeader& header, Bytes batch, const DumpLines& lines) {
  Bytes content = storage::records_of(batch, header);
  Buffer inflated;
  if (header.codec() != storage::Codec::kNone) {
    auto done = storage::decompress(header.codec(), content, storage::kMaxInflatedBytes, inflated);
    if (!done) return done;
    content = inflated;
  }
  return storage::for_each_record(header, content, [&](const storage::Record& record) {
    OrderedJson line;
    line["kind"] = "record";
    line["offset"] = record.offset.value;
    line["timestamp"] = record.timestamp.value;
    put_bytes(line, "key", text_of(record.key));
    put_bytes(line, "value", text_of(record.value));
    storage::RecordHeaders headers = record.headers;
    storage::RecordHeader one;
    OrderedJson all = OrderedJson::array();
    for (auto more = headers.next(one); more && *more; more = headers.next(one)) {
      OrderedJson pair;
      put_bytes(pair, "k", one.key);
      put_bytes(pair, "v", text_of(one.value));
      all.push_back(std::move(pair));
    }
    if (!all.empty()) line["headers"] = std::move(all);
    lines.print(line);
  });
}

// Space that was allocated ahead, up to the end of the file; or what is no batch.
Result<bool> print_rest(storage::Files& files, storage::FileId file, std::uint64_t position,
                        std::uint64_t size, const DumpLines& lines) {
  std::vector<std::uint8_t> bytes(256 << 10);
  for (std::uint64_t at = position; at < size;) {
    auto got = files.read(file, at, bytes);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) break;
    if (std::any_of(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(*got),
                    [](auto byte) { return byte != 0; })) {
      print_fault(lines, position, "what stands here is no whole record batch");
      return false;
    }
    at += *got;
  }
  OrderedJson line;
  line["kind"] = "allocated";
  line["position"] = position;
  line["bytes"] = size - position;
  lines.print(line);
  return true;
}

Result<bool> dump_batches(storage::Files& files, storage::FileId file, std::uint64_t size,
                          const DumpLines& lines) {
  BatchWalker walker(files, file, 0, size);
  bool whole = true;
  for (;;) {
    const auto step = walker.next();
    if (!step) return std::unexpected(step.error());
    if (*step == BatchWalker::Step::kEnd) return whole;
    if (*step != BatchWalker::Step::kBatch) {
      auto rest = print_rest(files, file, walker.position(), size, lines);
      if (!rest) return rest;
      return *rest && whole;
    }
    const bool crc_ok = storage::crc_matches(walker.batch());
    whole = whole && crc_ok;
    lines.print(line_of_batch(walker.header(), walker.position(), crc_ok));
    if (!lines.with_records() || !crc_ok) continue;
    if (auto shown = print_records(walker.header(), walker.batch(), lines); !shown) {
      print_fault(lines, walker.position(), shown.error().message);
      whole = false;
    }
  }
}

}  // namespace

Result<bool> dump_segment(storage::Files& files, const std::string& path, const DumpLines& lines) {
  auto file = files.open(path, storage::OpenMode::kRead);
  if (!file) return std::unexpected(file.error());
  auto size = files.size(*file);
  auto done =
      size ? dump_batches(files, *file, *size, lines) : Result<bool>(std::unexpected(size.error()));
  files.close(*file);
  return done;
}

}  // namespace duolog::tools
