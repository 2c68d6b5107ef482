// BatchWalker: reads a segment file from one batch to the next.
//
// For recovery and janitors: blocking, one thread. Reads are aligned, so the file may be open for
// direct access. Nothing is trusted: a header whose length cannot be ends the walk.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/base/result.h"
#include "storage/disk.h"
#include "storage/record_batch.h"

namespace duolog::storage {

class BatchWalker {
 public:
  // Walks [from, to) of the file; `from` is the start of a batch.
  BatchWalker(Files& files, FileId file, std::uint64_t from, std::uint64_t to);

  enum class Step : std::uint8_t {
    kBatch,  // header(), batch() and position() describe the next one, which lies whole before `to`
    kEnd,    // position() is `to`
    kTorn,   // the batch at position() is cut off by `to`
    kBad,    // what stands at position() is not a batch header
  };
  [[nodiscard]] Result<Step> next();

  [[nodiscard]] const BatchHeader& header() const { return header_; }
  [[nodiscard]] Bytes batch() const { return batch_; }  // until the next call
  // kBatch: where it begins. Otherwise: where the walk stopped.
  [[nodiscard]] std::uint64_t position() const { return position_; }

 private:
  // Bytes [at, at + size), or fewer at the end of the file.
  [[nodiscard]] Result<Bytes> view(std::uint64_t at, std::uint64_t size);

  struct Free {
    void operator()(std::uint8_t* p) const;
  };
  Files& files_;
  FileId file_;
  std::uint64_t position_;
  std::uint64_t next_;
  std::uint64_t to_;
  BatchHeader header_;
  Bytes batch_;
  std::unique_ptr<std::uint8_t, Free> buffer_;
  std::uint64_t capacity_ = 0;
  std::uint64_t loaded_from_ = 0;
  std::uint64_t loaded_bytes_ = 0;
};

}  // namespace duolog::storage
