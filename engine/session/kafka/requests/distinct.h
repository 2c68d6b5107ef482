// Items of a request that may be named once each. Kafka answers one that is named again once, where
// it first stands, and does nothing of it.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <type_traits>

namespace duolog::session {

// Calls each(item, again) with every distinct item where it first stands, and whether another of
// the same key follows.
template <class Items, class KeyOf, class Each>
void for_each_distinct(const Items& items, KeyOf key_of, Each each) {
  std::map<std::remove_cvref_t<decltype(std::invoke(key_of, *items.begin()))>, std::size_t> times;
  for (const auto& item : items) ++times[std::invoke(key_of, item)];
  for (const auto& item : items) {
    std::size_t& count = times[std::invoke(key_of, item)];
    if (count == 0) continue;
    each(item, count > 1);
    count = 0;
  }
}

}  // namespace duolog::session
