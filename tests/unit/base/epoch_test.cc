#include "engine/base/epoch.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace duolog {
namespace {

TEST(EpochsTest, ATicketWaitsForEverySlotThatWasOnline) {
  Epochs epochs(2);
  epochs.online(0);
  epochs.online(1);
  const auto ticket = epochs.ticket();
  EXPECT_FALSE(epochs.expired(ticket));
  epochs.online(0);
  EXPECT_FALSE(epochs.expired(ticket));
  epochs.online(1);
  EXPECT_TRUE(epochs.expired(ticket));
}

TEST(EpochsTest, ASleepingSlotHoldsNothing) {
  Epochs epochs(2);
  epochs.online(0);
  const auto ticket = epochs.ticket();
  EXPECT_FALSE(epochs.expired(ticket));
  epochs.offline(0);
  EXPECT_TRUE(epochs.expired(ticket));
}

TEST(EpochsTest, ASlotThatComesOnlineLaterDoesNotHoldAnOlderTicket) {
  Epochs epochs(1);
  const auto ticket = epochs.ticket();
  epochs.online(0);
  EXPECT_TRUE(epochs.expired(ticket));
}

TEST(RetireListTest, ReleasesInOrderOnceNobodyCanHoldIt) {
  Epochs epochs(1);
  RetireList list(epochs);
  std::vector<int> released;
  epochs.online(0);
  list.retire([&] { released.push_back(1); });
  list.retire([&] { released.push_back(2); });
  list.collect();
  EXPECT_TRUE(released.empty());
  epochs.online(0);
  list.collect();
  EXPECT_EQ(released, (std::vector{1, 2}));
  EXPECT_TRUE(list.empty());
}

TEST(RetireListTest, MayBeRetiredIntoWhileItReleases) {
  Epochs epochs(1);
  RetireList list(epochs);
  int released = 0;
  list.retire([&] { list.retire([&] { ++released; }); });
  list.collect();
  EXPECT_EQ(released, 1);
}

TEST(RetireListTest, ReleasesWhatIsLeftAtItsEnd) {
  Epochs epochs(1);
  epochs.online(0);
  int released = 0;
  {
    RetireList list(epochs);
    list.retire([&] { ++released; });
  }
  EXPECT_EQ(released, 1);
}

// Readers load a shared pointer, and must never see the object that it points to poisoned.
TEST(RetireListTest, NoReaderSeesWhatHasBeenReleased) {
  constexpr int kReaders = 2;
  constexpr int kReplacements = 20'000;
  constexpr int kAlive = 42;
  Epochs epochs(kReaders);
  std::atomic<int*> shared{new int(kAlive)};
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (std::size_t slot = 0; slot < kReaders; ++slot) {
    readers.emplace_back([&, slot] {
      while (!stop.load(std::memory_order_relaxed)) {
        epochs.online(slot);
        if (*shared.load(std::memory_order_acquire) != kAlive) ++wrong;
      }
      epochs.offline(slot);
    });
  }
  {
    RetireList list(epochs);
    for (int i = 0; i < kReplacements; ++i) {
      int* old = shared.exchange(new int(kAlive), std::memory_order_acq_rel);
      list.retire([old] {
        *old = 0;
        delete old;
      });
      list.collect();
    }
    stop = true;
    for (auto& reader : readers) reader.join();
  }
  EXPECT_EQ(wrong, 0);
  delete shared.load();
}

}  // namespace
}  // namespace duolog
