// SendQueue: what one connection still has to send, in order: bytes of its own, and ranges of logs
// whose memory is looked up anew for each send.
//
// A range pins no memory: a client that does not read costs a few words here, and not the log's
// memory; whoever puts it in keeps its segment from going (storage::SegmentPin).
// Owned by a connection, used by its shard's thread. It has no limit of its own: the connection
// counts what it puts in.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <sys/uio.h>

#include "engine/base/bytes.h"
#include "engine/broker/topic.h"
#include "storage/log_reader.h"

namespace duolog::session {

// Bytes [from, to) of a partition's log, within one segment and below the high watermark: what
// storage::read returned.
struct LogRange {
  const broker::Topic* topic = nullptr;
  const storage::Log* log = nullptr;
  Position from;
  Position to;
};

class SendQueue {
 public:
  // The bytes stay where they are until they have been consumed.
  void push(Bytes bytes);
  void push(const LogRange& range);

  [[nodiscard]] bool empty() const { return first_ == pieces_.size(); }

  struct Gathered {
    std::size_t count = 0;         // of `out` that were filled
    std::uint64_t size_bytes = 0;  // their sum
    // Nothing was gathered because the first bytes are not in memory: warm this up, and ask again.
    storage::Cold cold;
  };
  // Memory to send next: at most about `limit_bytes`. Valid for this turn. Nothing at all only if
  // the queue is empty or its first bytes are cold.
  [[nodiscard]] Gathered gather(std::span<iovec> out, std::uint64_t limit_bytes) const;

  // The first `size_bytes` were sent.
  void consume(std::uint64_t size_bytes);

  // Whether bytes of this topic are still to be sent.
  [[nodiscard]] bool reads(const broker::Topic& topic) const;

  // Gives the memory back; the queue is empty.
  void release();
  [[nodiscard]] std::size_t held_bytes() const { return pieces_.capacity() * sizeof(Piece); }

 private:
  // Own bytes if `log` is null: [from, to) are then addresses.
  struct Piece {
    LogRange range;
    [[nodiscard]] std::uint64_t size_bytes() const { return range.to - range.from; }
  };

  std::vector<Piece> pieces_;
  std::size_t first_ = 0;  // those before it were sent
};

}  // namespace duolog::session
