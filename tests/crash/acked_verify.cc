// The check that everything that was acked is there.
//
//   acked_verify BROKER ACKED TOPICS [TOPIC:PARTITION:OFFSET,...]
//
// Reads all of TOPICS (or from those offsets on): offsets are dense, each record is one that was
// sent, whole, none is there twice, and every one in the file ACKED is at its offset. Prints the
// ends, in the form that it takes.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tests/crash/acked.h"
#include "tests/e2e/rdkafka_client.h"

namespace duolog::tests {
namespace {

using Where = std::pair<std::string, std::int32_t>;  // topic and partition

struct Part {
  std::int64_t from = 0;
  std::int64_t next = 0;
  std::int64_t end = 0;
  std::vector<std::pair<std::int64_t, std::uint64_t>> acked;  // (offset, id), by offset
  std::size_t checked = 0;
};

using Parts = std::map<Where, Part>;

std::string name_of(const Where& where) { return where.first + ":" + std::to_string(where.second); }

void read_acked(const std::string& path, const std::vector<TopicName>& topics, Parts& parts) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return;  // nothing was acked
  Acked acked;
  while (std::fread(&acked, sizeof acked, 1, file) == 1) {
    Part& part = parts.at({topics.at(acked.topic).name, acked.partition});
    if (acked.offset >= part.from) part.acked.emplace_back(acked.offset, acked.id);
  }
  std::fclose(file);
  for (auto& [where, part] : parts) {
    std::ranges::sort(part.acked);
    for (std::size_t i = 1; i < part.acked.size(); ++i) {
      if (part.acked[i].first == part.acked[i - 1].first) {
        give_up(name_of(where) + ": offset " + std::to_string(part.acked[i].first) +
                " was acked twice");
      }
    }
  }
}

using Ids = std::unordered_set<std::uint64_t>;

void check(const Where& where, Part& part, Ids& seen, const rd_kafka_message_t& message) {
  const std::string place = name_of(where) + ", offset " + std::to_string(message.offset);
  if (message.offset != part.next) {
    give_up(place + ": follows " + std::to_string(part.next - 1));
  }
  std::uint64_t id = 0;
  if (message.len < sizeof id) give_up(place + ": too short");
  std::memcpy(&id, message.payload, sizeof id);
  const std::string expected = make_value(id, message.len);
  if (std::memcmp(expected.data(), message.payload, message.len) != 0) {
    give_up(place + ": not what was sent");
  }
  if (!seen.insert(id).second) give_up(place + ": record " + std::to_string(id) + " again");
  if (part.checked < part.acked.size() && part.acked[part.checked].first == message.offset) {
    if (part.acked[part.checked].second != id) {
      give_up(place + ": holds record " + std::to_string(id) + ", but record " +
              std::to_string(part.acked[part.checked].second) + " was acked there");
    }
    ++part.checked;
  }
  ++part.next;
}

void find_end(rd_kafka_t* client, const Where& where, Part& part) {
  std::int64_t low = 0;
  const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
      client, where.first.c_str(), where.second, &low, &part.end, kDeadlineMs);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    give_up(name_of(where) + ": " + rd_kafka_err2str(error));
  }
  if (low != 0) give_up(name_of(where) + ": begins at " + std::to_string(low));
  if (!part.acked.empty() && part.acked.back().first >= part.end) {
    give_up(name_of(where) + ": lost: offset " + std::to_string(part.acked.back().first) +
            " was acked, and the log ends at " + std::to_string(part.end));
  }
  if (part.end < part.from) give_up(name_of(where) + ": shorter than it was");
}

int run_verify(const std::vector<std::string>& words) {
  const std::vector<TopicName> topics = parse_topics(words.at(2));
  Parts parts;
  for (const TopicName& topic : topics) {
    for (std::int32_t i = 0; i < topic.partitions; ++i) parts[{topic.name, i}];
  }
  if (words.size() > 3) {
    for (const std::string& word : split(words[3], ',')) {
      const std::vector<std::string> triple = split(word, ':');
      parts.at({triple.at(0), std::stoi(triple.at(1))}).from = std::stoll(triple.at(2));
    }
  }
  read_acked(words.at(1), topics, parts);

  const Client client = make_client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", words.at(0)},
                                                        {"group.id", "verify"},
                                                        {"enable.auto.commit", "false"},
                                                        {"check.crcs", "true"},
                                                        {"log_level", "0"},
                                                        {"fetch.wait.max.ms", "50"}});
  const Partitions assigned(rd_kafka_topic_partition_list_new(static_cast<int>(parts.size())));
  std::int64_t left = 0;
  for (auto& [where, part] : parts) {
    find_end(client.get(), where, part);
    part.next = part.from;
    left += part.end - part.from;
    rd_kafka_topic_partition_list_add(assigned.get(), where.first.c_str(), where.second)->offset =
        part.from;
  }
  rd_kafka_assign(client.get(), assigned.get());
  Ids seen;
  for (; left > 0; --left) {
    const Message message(rd_kafka_consumer_poll(client.get(), kDeadlineMs));
    if (!message) give_up(std::to_string(left) + " records did not come");
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) give_up(rd_kafka_message_errstr(message.get()));
    const Where where{rd_kafka_topic_name(message->rkt), message->partition};
    check(where, parts.at(where), seen, *message);
  }
  std::string ends;
  for (const auto& [where, part] : parts) {
    if (part.checked != part.acked.size()) give_up(name_of(where) + ": acked records are missing");
    ends += (ends.empty() ? "" : ",") + name_of(where) + ":" + std::to_string(part.next);
  }
  std::printf("%s\n", ends.c_str());
  return 0;
}

}  // namespace
}  // namespace duolog::tests

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 3) {
    duolog::tests::give_up("acked_verify BROKER ACKED TOPICS [TOPIC:PARTITION:OFFSET,...]");
  }
  return duolog::tests::run_verify(words);
}
