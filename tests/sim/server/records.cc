#include "tests/sim/server/records.h"

#include <string_view>

#include <fmt/format.h>

#include "storage/record.h"
#include "storage/record_batch.h"

namespace duolog::sim {

bool read_records(Oracle& oracle, const std::string& reader, const PartitionKey& where,
                  Bytes records, Offset& position) {
  while (!records.empty()) {
    const auto header = storage::parse_header(records);
    if (records.size() < storage::kBatchHeaderBytes || !header ||
        header->size_bytes() > records.size()) {
      return true;
    }
    const Bytes batch = records.first(header->size_bytes());
    if (!storage::crc_matches(batch)) {
      oracle.wrong(
          fmt::format("{}: a batch at {} with a bad CRC", reader, header->base_offset.value));
      return false;
    }
    const auto read = storage::for_each_record(
        *header, storage::records_of(batch, *header), [&](const storage::Record& record) {
          if (record.offset < position) return;  // the batch begins before what was asked for
          if (record.offset > position) {
            oracle.wrong(fmt::format("{}: after {} comes {}", reader, position.value - 1,
                                     record.offset.value));
          }
          const std::string_view value(reinterpret_cast<const char*>(record.value->data()),
                                       record.value->size());
          oracle.seen(where, record.offset, value);
          position = record.offset + 1;
        });
    if (!read) {
      oracle.wrong(reader + ": " + read.error().message);
      return false;
    }
    records = records.subspan(header->size_bytes());
  }
  return true;
}

}  // namespace duolog::sim
