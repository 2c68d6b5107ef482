// Oracle: what the clients of a simulated server have been promised, and what they have seen.
//
// Clients tell it of each record that they send, of each ack and of each record that they read,
// through whichever door. It knows at once when two of these cannot be true together: an acked
// record that is not there, or is another; a record at two offsets that was sent once; one that
// nobody sent; what was seen and has changed.
//
// A record's value begins with its name, which no other record has: "c3-17 ...".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ids.h"

namespace duolog::sim {

// What an ack of a topic survives.
enum class Durable : std::uint8_t {
  kPowerLoss,
  kKill,     // of the server: durability=os
  kNothing,  // visibility=appended: not even what was seen stays
};

// One partition of one topic, by the id of the topic that it is.
struct PartitionKey {
  std::string topic;
  std::int32_t partition = 0;
  auto operator<=>(const PartitionKey&) const = default;
};

class Oracle {
 public:
  // A topic's promise; kPowerLoss if nothing is said.
  void promise(const std::string& topic, Durable durable) { promises_[topic] = durable; }
  // The server went down by a kill, or with the power: what was promised less is no promise any
  // more, from the last clean point on.
  void server_went_down(bool power);

  // A record is about to be sent; `once`: it must never be there twice.
  void sent(const PartitionKey& where, const std::string& name, bool once);
  // It is on disk at this offset, as an ack says.
  void acked(const PartitionKey& where, Offset offset, const std::string& name);
  // It is on disk, somewhere.
  void acked_somewhere(const PartitionKey& where, const std::string& name);
  // It has been read.
  void seen(const PartitionKey& where, Offset offset, std::string_view value);
  // Nothing below may be expected any more; it is the log's start, or may be.
  void trimmed(const PartitionKey& where, Offset start);
  // Nothing below will be served any more.
  void trim_acked(const PartitionKey& where, Offset start);
  // Where the log begins at least, for whoever asks now.
  [[nodiscard]] Offset start_of(const PartitionKey& where) const;
  [[nodiscard]] bool may_be_trimmed(const PartitionKey& where, Offset offset) const;
  // Whether anybody has trimmed any of its partitions.
  [[nodiscard]] bool is_trimmed(const std::string& topic) const;
  // The topic may be gone.
  void deleted(const std::string& topic);
  // A producer was given this id.
  void producer_id(std::int64_t id);
  // A claim that failed: "two members own p-0".
  void wrong(std::string what);

  // Whether what was acked may be gone after a crash.
  [[nodiscard]] bool may_lose(const std::string& topic) const {
    return promise_of(topic) != Durable::kPowerLoss;
  }
  // Offsets below it have been acked or seen, so a high watermark asked for now is at least this.
  [[nodiscard]] Offset end_of(const PartitionKey& where) const;
  // The first record at or behind `offset` that anybody was told of; nothing: there is none.
  struct KnownRecord {
    Offset offset;
    std::string name;
    bool once = false;
  };
  [[nodiscard]] std::optional<KnownRecord> known_from(const PartitionKey& where,
                                                      Offset offset) const;
  // Whether a record of that name was sent to any partition of the topic.
  [[nodiscard]] bool was_sent(const std::string& topic, const std::string& name) const;
  // The whole partition was read, from its first offset to its end.
  void audited(const PartitionKey& where, Offset start, Offset end);

  [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }
  [[nodiscard]] std::uint64_t acks() const { return acks_; }
  [[nodiscard]] std::uint64_t reads() const { return reads_; }
  [[nodiscard]] std::vector<PartitionKey> partitions() const;
  [[nodiscard]] bool is_deleted(const std::string& topic) const { return gone_.contains(topic); }

  // The name at the begin of a value.
  [[nodiscard]] static std::string name_of(std::string_view value);

 private:
  struct Known {
    std::string name;
    bool acked = false;
    bool seen = false;
  };
  struct Log {
    std::map<std::int64_t, Known> at;             // by offset
    std::map<std::string, bool> sent;             // by name: whether once
    std::map<std::string, std::int64_t> offsets;  // by name: where it was last found
    std::set<std::string> acked_somewhere;
    std::set<std::int64_t> read;     // since the last audit began
    std::int64_t start = 0;          // at most
    std::int64_t certain_start = 0;  // at least
  };
  void know(const PartitionKey& where, Offset offset, const std::string& name, bool acked);
  [[nodiscard]] Durable promise_of(const std::string& topic) const;

  std::map<PartitionKey, Log> logs_;
  std::map<std::string, Durable> promises_;
  std::set<std::string> gone_;
  std::set<std::int64_t> producer_ids_;
  std::optional<std::string> failure_;
  std::uint64_t acks_ = 0;
  std::uint64_t reads_ = 0;
};

}  // namespace duolog::sim
