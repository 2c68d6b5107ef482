#include "engine/base/intrusive_list.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace duolog {
namespace {

struct Item {
  explicit Item(int v) : value(v) {}
  int value;
  ListHook ready;
  ListHook waiting;
};
using Ready = IntrusiveList<Item, &Item::ready>;
using Waiting = IntrusiveList<Item, &Item::waiting>;

template <class List>
std::vector<int> values(List& list) {
  std::vector<int> result;
  for (Item* item = list.front(); item != nullptr; item = list.next(*item)) {
    result.push_back(item->value);
  }
  return result;
}

TEST(IntrusiveListTest, KeepsTheOrderOfInsertion) {
  Item a(1), b(2), c(3);
  Ready list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.front(), nullptr);
  EXPECT_EQ(list.pop_front(), nullptr);
  list.push_back(a);
  list.push_back(b);
  list.push_back(c);
  EXPECT_EQ(values(list), (std::vector{1, 2, 3}));
  EXPECT_EQ(list.pop_front(), &a);
  EXPECT_FALSE(a.ready.linked());
  EXPECT_EQ(values(list), (std::vector{2, 3}));
}

TEST(IntrusiveListTest, AnElementIsInOneListPerHook) {
  Item a(1), b(2);
  Ready ready;
  Waiting waiting;
  ready.push_back(a);
  ready.push_back(b);
  waiting.push_back(b);
  waiting.push_back(a);
  EXPECT_EQ(values(ready), (std::vector{1, 2}));
  EXPECT_EQ(values(waiting), (std::vector{2, 1}));
}

TEST(IntrusiveListTest, AnElementLeavesItsListWhenItEnds) {
  Item a(1), c(3);
  auto b = std::make_unique<Item>(2);
  Ready list;
  list.push_back(a);
  list.push_back(*b);
  list.push_back(c);
  b.reset();
  EXPECT_EQ(values(list), (std::vector{1, 3}));
}

TEST(IntrusiveListTest, AListThatEndsLetsItsElementsGo) {
  Item a(1);
  {
    Ready list;
    list.push_back(a);
  }
  EXPECT_FALSE(a.ready.linked());
  Ready other;
  other.push_back(a);
  EXPECT_EQ(other.front(), &a);
}

TEST(IntrusiveListTest, SplicesAWholeListToTheEnd) {
  Item a(1), b(2), c(3);
  Ready list, other;
  list.splice_back(other);
  EXPECT_TRUE(list.empty());
  list.push_back(a);
  other.push_back(b);
  other.push_back(c);
  list.splice_back(other);
  EXPECT_TRUE(other.empty());
  EXPECT_EQ(values(list), (std::vector{1, 2, 3}));
  other.splice_back(list);
  EXPECT_EQ(values(other), (std::vector{1, 2, 3}));
  EXPECT_TRUE(list.empty());
}

TEST(IntrusiveListDeathTest, RefusesAnElementThatIsAlreadyLinked) {
  Item a(1);
  Ready list;
  list.push_back(a);
  EXPECT_DEATH(list.push_back(a), "CHECK");
}

}  // namespace
}  // namespace duolog
