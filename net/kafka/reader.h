// Reader: takes Kafka's primitive types off the front of a frame, and never reads beyond it.
//
// Owned by whoever decodes one frame; one thread. Strings and records that it hands out point
// into the frame, arrays into the arena. The first failure sticks: it is kept with the path of
// the field it happened in ("topics[2].partitions[0].records"), and every later read fails too.
//
// Limits: an array never claims more elements than the remaining bytes can hold, and all arrays
// of one message take at most `memory_limit_bytes`, so that a hostile length allocates nothing
// and a hostile frame only so much.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "net/kafka/arena.h"

namespace duolog::kafka {

// What the arrays of one decoded message may take, in bytes of memory.
inline constexpr std::size_t kDecodeMemoryBytes = 16 << 20;

// Kafka refuses longer strings in every version, although compact lengths could carry them.
inline constexpr std::int32_t kMaxStringBytes = 0x7fff;

class Reader {
 public:
  Reader(Bytes frame, Arena& arena, std::size_t memory_limit_bytes = kDecodeMemoryBytes)
      : at_(frame.data()),
        end_(frame.data() + frame.size()),
        arena_(&arena),
        memory_left_bytes_(memory_limit_bytes) {}

  [[nodiscard]] std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }

  // Big-endian, sizeof(T) bytes.
  template <class T>
  [[nodiscard]] bool integer(T& out) {
    if (remaining() < sizeof(T)) return fail_short(sizeof(T));
    out = load_be<T>(at_);
    at_ += sizeof(T);
    return true;
  }

  // KIP-482's unsigned varint: at most five bytes, 32 bits.
  [[nodiscard]] bool uvarint(std::uint32_t& out) {
    if (at_ != end_ && *at_ < 0x80) {
      out = *at_++;
      return true;
    }
    return long_uvarint(out);
  }

  [[nodiscard]] bool take(std::size_t size_bytes, Bytes& out) {
    if (remaining() < size_bytes) return fail_short(size_bytes);
    out = {at_, size_bytes};
    at_ += size_bytes;
    return true;
  }

  // A length or count: -1 for null, never less. Compact lengths are length + 1 as a varint;
  // others an integer of the type Prefix.
  template <class Prefix>
  [[nodiscard]] bool length(bool compact, std::int32_t& out) {
    if (compact) {
      std::uint32_t plus_one = 0;
      if (!uvarint(plus_one)) return false;
      if (plus_one > 0x80000000U) return fail(Errc::kInvalid, "a length is beyond 2^31 - 1");
      out = static_cast<std::int32_t>(static_cast<std::int64_t>(plus_one) - 1);
      return true;
    }
    Prefix prefix = 0;
    if (!integer(prefix)) return false;
    if (prefix < -1) return fail(Errc::kInvalid, "a length is negative");
    out = prefix;
    return true;
  }

  // `count` value-initialised elements, each of which has at least `wire_bytes` on the wire.
  template <class T>
  [[nodiscard]] bool elements(std::size_t count, std::size_t wire_bytes, std::span<T>& out) {
    if (count > remaining() / wire_bytes) return fail_count(count);
    if (count > memory_left_bytes_ / sizeof(T)) return fail_memory();
    memory_left_bytes_ -= count * sizeof(T);
    out = arena_->make<T>(count);
    return true;
  }

  // Confines reading to the next `size_bytes` and returns where the rest ends, for leave().
  // The caller has checked that they are there.
  [[nodiscard]] const std::uint8_t* enter(std::size_t size_bytes) {
    const std::uint8_t* outer_end = end_;
    end_ = at_ + size_bytes;
    return outer_end;
  }
  void leave(const std::uint8_t* outer_end) { end_ = outer_end; }

  // Records the failure and returns false, which readers pass on.
  bool fail(Errc code, std::string_view why);
  // On the way out of a failure: puts a field, or an element, in front of the path.
  bool inside(std::string_view field);
  bool inside(std::size_t index);

  [[nodiscard]] bool failed() const { return failed_; }
  // "Fetch v12: topics[0].name: ends early ..."; `what` is the message and its version.
  [[nodiscard]] Error error(std::string_view what) const;

 private:
  bool long_uvarint(std::uint32_t& out);
  bool fail_short(std::size_t wanted_bytes);
  bool fail_count(std::size_t count);
  bool fail_memory();

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  Arena* arena_;
  std::size_t memory_left_bytes_;
  bool failed_ = false;
  Errc code_ = Errc::kInvalid;
  std::string path_;
  std::string why_;
};

}  // namespace duolog::kafka
