// The plain feed while the start of its log moves on.
#include <string>

#include "tests/unit/session/http/http_fixture.h"

namespace duolog::session {
namespace {

constexpr int kCount = 40;

std::string value_of(int number) {
  const std::string value = std::to_string(number) + ":";
  return value + std::string(400'000 - value.size(), static_cast<char>('a' + number % 26));
}

TEST(FeedOvertakenTest, ASlowSubscriberGetsWholeMessagesInOrderAndThenTheEnd) {
  broker::Options options = broker::TestCluster::small_options();
  options.store.delete_delay_ms = 0;
  HttpFixture fixture(1, HttpPortSettings{}, options);
  broker::Topic& topic = fixture.create("t", 1, {{"segment.bytes", "1048576"}});
  FeedClient slow(fixture, "/v1/topics/t/ws?from=earliest", 0, 4096);
  ASSERT_TRUE(slow.upgraded());
  for (int i = 0; i < kCount; ++i) {
    ASSERT_EQ(fixture.append(*topic.partitions[0], batch_of_values({value_of(i)})),
              kafka::ErrorCode::kNone);
  }
  ASSERT_TRUE(HttpFixture::eventually([&] { return fixture.counters().short_sends.get() > 0; }));
  const auto moved =
      fixture.cluster().move_log_starts({{topic.id, PartitionId(0), Offset(kCount)}});
  ASSERT_EQ(moved[0].start, Offset(kCount));
  ASSERT_TRUE(HttpFixture::eventually([&] { return fixture.cluster().segment_files("t") == 1; }));
  int got = 0;
  for (;; ++got) {
    const FeedClient::Event event = slow.next();
    if (event.kind != ws::FrameEvent::Kind::kMessage) {
      // Without a close frame where one would have stood inside a frame that is half sent.
      if (event.kind == ws::FrameEvent::Kind::kClose) {
        EXPECT_EQ(event.close_code, 4442);
      }
      break;
    }
    ASSERT_EQ(event.payload, value_of(got));
  }
  EXPECT_LT(got, kCount);
  FeedClient again(fixture, "/v1/topics/t/ws?from=earliest");
  ASSERT_EQ(fixture.append(*topic.partitions[0], batch_of_values({value_of(kCount)})),
            kafka::ErrorCode::kNone);
  EXPECT_EQ(again.message(), value_of(kCount));
}

}  // namespace
}  // namespace duolog::session
