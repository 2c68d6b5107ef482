#include "tests/sim/server/group_assignment.h"

#include <algorithm>

namespace duolog::sim {

namespace {

template <class Number>
void put(std::string& to, Number value) {
  std::uint8_t bytes[sizeof(Number)];
  store_be<Number>(bytes, value);
  to.append(reinterpret_cast<const char*>(bytes), sizeof bytes);
}

// Version 0 of either; one topic.
std::string begin(const std::string& topic) {
  std::string out;
  put<std::int16_t>(out, 0);
  put<std::int32_t>(out, 1);
  put<std::int16_t>(out, static_cast<std::int16_t>(topic.size()));
  return out + topic;
}

constexpr std::int32_t kNoUserData = -1;

std::string assignment_of(const std::string& topic, const std::vector<std::int32_t>& partitions) {
  std::string out = begin(topic);
  put<std::int32_t>(out, static_cast<std::int32_t>(partitions.size()));
  for (const std::int32_t partition : partitions) put<std::int32_t>(out, partition);
  put<std::int32_t>(out, kNoUserData);
  return out;
}

}  // namespace

std::string subscription_to(const std::string& topic) {
  std::string out = begin(topic);
  put<std::int32_t>(out, kNoUserData);
  return out;
}

std::map<std::string, std::string> assign(const std::string& topic, std::int32_t partitions,
                                          std::vector<std::string> members,
                                          std::int32_t generation) {
  std::ranges::sort(members);
  std::vector<std::vector<std::int32_t>> parts(members.size());
  for (std::int32_t partition = 0; partition < partitions; ++partition) {
    parts[static_cast<std::size_t>(partition + generation) % members.size()].push_back(partition);
  }
  std::map<std::string, std::string> all;
  for (std::size_t i = 0; i < members.size(); ++i) {
    all[members[i]] = assignment_of(topic, parts[i]);
  }
  return all;
}

std::optional<std::vector<std::int32_t>> assigned(Bytes assignment, const std::string& topic) {
  std::vector<std::int32_t> partitions;
  if (assignment.empty()) return partitions;
  const std::size_t before = begin(topic).size();
  if (assignment.size() < before + 4) return std::nullopt;
  const auto count = load_be<std::int32_t>(assignment.data() + before);
  if (count < 0 ||
      assignment.size() < before + 4 + std::size_t{4} * static_cast<std::size_t>(count)) {
    return std::nullopt;
  }
  for (std::int32_t i = 0; i < count; ++i) {
    partitions.push_back(
        load_be<std::int32_t>(assignment.data() + before + 4 + 4 * static_cast<std::size_t>(i)));
  }
  const std::string same = assignment_of(topic, partitions);
  const std::string got(reinterpret_cast<const char*>(assignment.data()), assignment.size());
  return got == same ? std::optional(partitions) : std::nullopt;
}

}  // namespace duolog::sim
