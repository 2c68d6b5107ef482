// What the load and the check of it agree on: which bytes a record has, and how an ack is noted.
//
// A record's value is its id and then bytes that follow from the id and the size.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace duolog::tests {

inline std::uint64_t mix(std::uint64_t value) {  // SplitMix64
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

// The value of the record `id`: `size` bytes, at least 8.
inline std::string make_value(std::uint64_t id, std::size_t size) {
  std::string value(std::max<std::size_t>(size, sizeof id), '\0');
  std::memcpy(value.data(), &id, sizeof id);
  std::uint64_t noise = mix(id ^ value.size());
  std::size_t at = sizeof id;
  for (; at + sizeof noise <= value.size(); at += sizeof noise) {
    std::memcpy(value.data() + at, &noise, sizeof noise);
    noise += 0x9e3779b97f4a7c15U;
  }
  for (; at < value.size(); ++at) value[at] = static_cast<char>(noise >> (at % 8 * 8));
  return value;
}

// One ack. The file of all of them is a run of these.
struct Acked {
  std::uint32_t topic = 0;  // its place in TOPICS
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::uint64_t id = 0;
};

struct TopicName {
  std::string name;
  std::int32_t partitions = 1;
};

inline std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

inline std::vector<TopicName> parse_topics(const std::string& text) {
  std::vector<TopicName> topics;
  for (const std::string& word : split(text, ',')) {
    const std::vector<std::string> pair = split(word, ':');
    topics.push_back({pair.at(0), std::stoi(pair.at(1))});
  }
  return topics;
}

}  // namespace duolog::tests
