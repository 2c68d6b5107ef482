#include "net/kafka/writer.h"

#include <gtest/gtest.h>

#include "net/kafka/arena.h"
#include "net/kafka/fetch.h"
#include "net/kafka/header.h"
#include "tests/unit/kafka/message_cases.h"

namespace duolog::kafka::test {
namespace {

// A response of two topics with two partitions each, whose records `records_of(i)` gives.
template <class RecordsOf>
FetchResponse response_of(Arena& arena, RecordsOf records_of) {
  auto topics = arena.make<FetchResponse::Topic>(2);
  std::size_t next = 0;
  for (auto& topic : topics) {
    topic.topic = "quotes";
    auto partitions = arena.make<FetchResponse::Topic::Partition>(2);
    for (auto& partition : partitions) {
      partition.records = records_of(next++);
      partition.diverging_epoch.epoch = LeaderEpoch(3);  // something behind the records too
    }
    topic.partitions = partitions;
  }
  return {.responses = topics};
}

// The log that external records stand for: token n is these bytes.
std::string log_slice(std::size_t token) {
  return std::string(100 * token, static_cast<char>('a' + token));
}

TEST(WriterTest, ASplicedFrameIsTheFrameThatCopyingWouldHaveMade) {
  for (int version = 4; version <= 18; ++version) {
    const auto v = static_cast<std::int16_t>(version);
    Arena arena;
    Writer copying;
    const auto copied_frame = begin_response(copying, ApiKey::kFetch, v, 9);
    encode(copying, v, response_of(arena, [&](std::size_t i) {
             return Records(as_bytes(arena.copy(log_slice(i))));
           }));
    copying.end_frame(copied_frame);

    Writer splicing;
    const auto spliced_frame = begin_response(splicing, ApiKey::kFetch, v, 9);
    encode(splicing, v, response_of(arena, [&](std::size_t i) {
             return Records::external(static_cast<std::uint32_t>(100 * i), i);
           }));
    splicing.end_frame(spliced_frame);

    std::string sent;
    splicing.for_each_piece([&](Bytes piece) { sent += as_text(piece); },
                            [&](const Splice& splice) { sent += log_slice(splice.token); });
    EXPECT_EQ(sent, as_text(copying.bytes())) << version;
    EXPECT_EQ(splicing.total_bytes(), copying.size());
    EXPECT_EQ(splicing.splices().size(), 3U);  // the first slice is empty: nothing to splice
    EXPECT_EQ(load_be<std::int32_t>(sent.data()), static_cast<std::int32_t>(sent.size() - 4));
  }
}

TEST(WriterTest, EachOfSeveralFramesCountsItsOwnBytes) {
  Writer writer;
  for (std::uint32_t size_bytes : {10U, 20U}) {
    const auto frame = writer.begin_frame();
    writer.integer<std::int16_t>(1);
    writer.splice(size_bytes, 0);
    writer.end_frame(frame);
  }
  EXPECT_EQ(to_hex(writer.bytes()),
            "0000000c0001"
            "000000160001");
  EXPECT_EQ(writer.total_bytes(), 42U);
}

TEST(WriterTest, ClearedItKeepsItsMemoryAndReleasedItDoesNot) {
  Writer writer;
  writer.raw(from_hex(std::string(4000, '0')));
  const std::size_t held = writer.held_bytes();
  EXPECT_GE(held, 2000U);
  writer.clear();
  EXPECT_EQ(writer.size(), 0U);
  EXPECT_EQ(writer.held_bytes(), held);
  writer.release();
  EXPECT_EQ(writer.held_bytes(), 0U);
  writer.integer<std::uint8_t>(1);
  EXPECT_EQ(to_hex(writer.bytes()), "01");
}

TEST(WriterTest, VarintsTakeAsFewBytesAsTheyCan) {
  Writer writer;
  for (std::uint32_t value : {0U, 127U, 128U, 16383U, 16384U, 0xffffffffU}) writer.uvarint(value);
  EXPECT_EQ(to_hex(writer.bytes()),
            "00"
            "7f"
            "8001"
            "ff7f"
            "808001"
            "ffffffff0f");
}

TEST(ArenaTest, ResetKeepsAnOrdinaryBlockAndGivesALargeOneBack) {
  Arena arena;
  (void)arena.make<std::uint8_t>(10);
  const std::size_t ordinary = arena.held_bytes();
  (void)arena.make<std::uint8_t>(1 << 20);
  arena.reset();
  EXPECT_EQ(arena.held_bytes(), ordinary);
  Arena large;
  (void)large.make<std::uint8_t>(1 << 20);
  large.reset();
  EXPECT_EQ(large.held_bytes(), 0U);
}

TEST(ArenaTest, ElementsAreAlignedAndDoNotOverlap) {
  Arena arena;
  std::vector<std::span<std::uint64_t>> runs;
  for (std::size_t i = 1; i < 200; ++i) {
    (void)arena.copy("odd");
    runs.push_back(arena.make<std::uint64_t>(i));
    for (auto& element : runs.back()) {
      EXPECT_EQ(element, 0U);
      element = i;
    }
  }
  for (std::size_t i = 0; i < runs.size(); ++i) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(runs[i].data()) % 8, 0U);
    for (auto element : runs[i]) EXPECT_EQ(element, i + 1);
  }
}

}  // namespace
}  // namespace duolog::kafka::test
