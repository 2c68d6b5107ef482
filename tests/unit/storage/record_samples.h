// Records and batches for tests: owned, comparable, random.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/record.h"
#include "storage/record_batch_builder.h"

namespace duolog::storage::samples {

using Field = std::optional<std::string>;

struct OwnedRecord {
  std::int64_t offset = 0;
  std::int64_t timestamp = 0;
  Field key;
  Field value;
  std::vector<std::pair<std::string, Field>> headers;

  bool operator==(const OwnedRecord&) const = default;
};

inline std::optional<Bytes> view_of(const Field& field) {
  if (!field) return std::nullopt;
  return as_bytes(*field);
}
inline Field copy_of(const std::optional<Bytes>& bytes) {
  if (!bytes) return std::nullopt;
  return std::string(as_text(*bytes));
}

inline Result<void> add_to(RecordBatchBuilder& builder, const OwnedRecord& record) {
  std::vector<RecordHeader> headers;
  for (const auto& [key, value] : record.headers) headers.push_back({key, view_of(value)});
  return builder.add(
      {Timestamp(record.timestamp), view_of(record.key), view_of(record.value), headers});
}

// The bytes of a batch of `records`, whose offsets are ignored.
inline std::vector<std::uint8_t> batch_of(const std::vector<OwnedRecord>& records) {
  RecordBatchBuilder builder(64U << 20);
  for (const auto& record : records) EXPECT_TRUE(add_to(builder, record));
  const Bytes batch = builder.finish();
  return {batch.begin(), batch.end()};
}

// All records of a section, or the error.
inline Result<std::vector<OwnedRecord>> read_all(const BatchHeader& header, Bytes records) {
  std::vector<OwnedRecord> all;
  std::optional<Error> error;
  auto outcome = for_each_record(header, records, [&](const Record& record) {
    OwnedRecord owned{record.offset.value,
                      record.timestamp.value,
                      copy_of(record.key),
                      copy_of(record.value),
                      {}};
    RecordHeaders headers = record.headers;
    RecordHeader one;
    for (;;) {
      const auto more = headers.next(one);
      if (!more) error = more.error();
      if (!more || !*more) break;
      owned.headers.emplace_back(std::string(one.key), copy_of(one.value));
    }
    all.push_back(std::move(owned));
    return !error;
  });
  if (error) return std::unexpected(*error);
  if (!outcome) return std::unexpected(outcome.error());
  return all;
}

// Up to 60 records with null, empty, short and now and then large fields.
inline std::vector<OwnedRecord> random_records(std::mt19937& random) {
  const auto field = [&]() -> Field {
    switch (random() % 6) {
      case 0:
        return std::nullopt;
      case 1:
        return "";
      case 2:
        return std::string(random() % 70'000, static_cast<char>(random()));
      default:
        return std::string(random() % 200, static_cast<char>(random()));
    }
  };
  std::vector<OwnedRecord> records(1 + random() % 60);
  for (std::size_t i = 0; i < records.size(); ++i) {
    auto& record = records[i];
    record.offset = static_cast<std::int64_t>(i);
    record.timestamp = 1'700'000'000'000 + static_cast<std::int64_t>(random() % 100'000) - 50'000;
    record.key = field();
    record.value = field();
    for (auto left = random() % 4; left > 0; --left) {
      record.headers.emplace_back(std::string(random() % 80, 'h'), field());
    }
  }
  return records;
}

}  // namespace duolog::storage::samples
