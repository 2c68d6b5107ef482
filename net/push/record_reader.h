// RecordReader: the records of a publish, out of the JSON of {"records":[...]}.
//
// CommandParser's. It keeps its lists between commands, up to kKeptBytes.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "net/push/json_reader.h"

namespace duolog::push {

// Empties a list, and gives its memory back when that is more than `kept` elements'.
template <class T>
void clear(std::vector<T>& list, std::size_t kept) {
  if (list.capacity() > kept) list = std::vector<T>();
  list.clear();
}

class RecordReader {
 public:
  static constexpr std::size_t kKeptRecords = 64;
  static constexpr std::size_t kKeptHeaders = 64;
  static constexpr std::size_t kKeptBytes =
      kKeptRecords * (sizeof(PublishRecord) + sizeof(std::size_t)) +
      kKeptHeaders * sizeof(PublishHeader);

  explicit RecordReader(JsonReader& reader) : reader_(reader) {}

  // Reads the member "records", which is given. `out` stays until clear().
  [[nodiscard]] bool read(const Member& member, std::span<const PublishRecord>& out);
  void clear();

 private:
  [[nodiscard]] bool read_record(const JsonValue& value);
  [[nodiscard]] bool read_headers(const Member& member);
  [[nodiscard]] bool read_header(const JsonValue& value);

  JsonReader& reader_;
  std::vector<PublishRecord> records_;
  std::vector<PublishHeader> headers_;     // of all records, one after the other
  std::vector<std::size_t> headers_ends_;  // of each record's, in headers_
};

}  // namespace duolog::push
