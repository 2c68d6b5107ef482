// CollidingNames: which topics have names that differ in nothing but '.' and '_'. Metrics of topics
// are often named so that those are one, and Kafka refuses the second of them.
//
// The Cluster's, on shard 0. Those that are there already, from before this rule, stay.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>

namespace duolog::broker {

class CollidingNames {
 public:
  void add(const std::string& name) {
    if (may_collide(name)) by_unified_.emplace(unified(name), name);
  }
  void remove(const std::string& name) {
    const auto [first, last] = by_unified_.equal_range(unified(name));
    const auto at = std::find_if(first, last, [&](const auto& row) { return row.second == name; });
    if (at != last) by_unified_.erase(at);
  }
  // A topic with which a new one of this name would collide; null: none.
  [[nodiscard]] const std::string* find(std::string_view name) const {
    if (!may_collide(name)) return nullptr;
    const auto at = by_unified_.find(unified(name));
    return at == by_unified_.end() ? nullptr : &at->second;
  }

 private:
  static bool may_collide(std::string_view name) {
    return name.find_first_of("._") != std::string_view::npos;
  }
  static std::string unified(std::string_view name) {
    std::string one(name);
    std::ranges::replace(one, '.', '_');
    return one;
  }

  std::unordered_multimap<std::string, std::string> by_unified_;
};

}  // namespace duolog::broker
