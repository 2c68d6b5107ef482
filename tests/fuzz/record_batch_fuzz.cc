// Any bytes as a record batch, as a producer may send it: what is accepted can be read to its last
// record, header by header, as its own header says. The CRC is made right first, so that it does
// not hide what lies behind it.
#include <algorithm>
#include <vector>

#include "engine/base/check.h"
#include "storage/codec_frame.h"
#include "storage/record.h"
#include "storage/record_batch.h"

using namespace duolog;
using namespace duolog::storage;

namespace {

constexpr BatchLimits kLimits{.max_batch_bytes = 1 << 20, .max_inflated_bytes = 4 << 20};

// How many records are read, each with all of its headers; stops at what is damaged.
std::int32_t read_all(const BatchHeader& header, Bytes records) {
  std::int32_t count = 0;
  const auto done = for_each_record(header, records, [&](const Record& record) {
    CHECK(record.offset >= header.base_offset && record.offset <= header.last_offset());
    ++count;
  });
  return done ? count : -1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> batch(data, data + size);
  if (batch.size() >= kBatchHeaderBytes) store_crc(batch);
  const auto info = validate(batch, kLimits);
  static Buffer scratch;
  const auto deep = validate_deep(batch, kLimits, scratch);
  if (!info) {
    CHECK(!deep);
    return 0;
  }
  (void)check_frame(info->header.codec(), records_of(batch, info->header));  // reads no further
  if (info->header.codec() == Codec::kNone) {
    CHECK(deep.has_value());
    CHECK(read_all(info->header, records_of(batch, info->header)) == info->header.record_count);
  } else if (deep) {
    CHECK(read_all(deep->header, scratch) == deep->header.record_count);
  }
  return 0;
}
