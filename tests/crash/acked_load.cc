// Load that remembers what was acked.
//
//   acked_load BROKER ACKED TOPICS SEED ROUND NAME=VALUE ...
//
// Produces to TOPICS ("name:partitions,...") with acks=all and appends every ack to the file ACKED.
// Ends when `after` records were acked, and then kills the process `kill` after delay_us, if there
// is one; or when `records` records were acked, or `fail` were refused; or, with `until_input`,
// when there is something to read on the standard input. Names each distinct error. Other settings:
// least=BYTES and most=BYTES of a record, pending=RECORDS in flight, rd.NAME=VALUE for librdkafka.
#include <csignal>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "tests/crash/acked.h"
#include "tests/e2e/rdkafka_client.h"

namespace duolog::tests {
namespace {

struct Load {
  std::vector<TopicName> topics;
  std::map<std::string, std::uint32_t> place;  // of a topic in TOPICS
  int file = -1;
  std::vector<Acked> acked;  // not yet in the file
  std::int64_t ack_count = 0;
  std::int64_t refused = 0;
  std::set<std::string> errors;
};

void save(Load& load) {
  const auto* bytes = reinterpret_cast<const char*>(load.acked.data());
  const std::size_t size = load.acked.size() * sizeof(Acked);
  if (::write(load.file, bytes, size) != static_cast<ssize_t>(size)) give_up("cannot write ACKED");
  load.acked.clear();
}

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto& load = *static_cast<Load*>(opaque);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++load.refused;
    load.errors.insert(rd_kafka_err2name(message->err));
    return;
  }
  Acked acked;
  acked.topic = load.place.at(rd_kafka_topic_name(message->rkt));
  acked.partition = message->partition;
  acked.offset = message->offset;
  std::memcpy(&acked.id, message->payload, sizeof acked.id);
  load.acked.push_back(acked);
  ++load.ack_count;
}

struct Plan {
  std::map<std::string, std::int64_t> numbers;
  Settings client;
  [[nodiscard]] std::int64_t get(const std::string& name, std::int64_t otherwise) const {
    const auto found = numbers.find(name);
    return found == numbers.end() ? otherwise : found->second;
  }
};

Plan parse_plan(const std::vector<std::string>& words) {
  Plan plan;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const std::string value = word.substr(equals + 1);
    if (name.starts_with("rd.")) {
      plan.client.emplace_back(name.substr(3), value);
    } else {
      plan.numbers[name] = std::stoll(value);
    }
  }
  return plan;
}

bool is_over(const Load& load, const Plan& plan) {
  const auto reached = [&](const char* name, std::int64_t count) {
    const std::int64_t goal = plan.get(name, 0);
    return goal > 0 && count >= goal;
  };
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  if (plan.get("until_input", 0) > 0 && ::poll(&input, 1, 0) > 0) return true;
  return reached("after", load.ack_count) || reached("records", load.ack_count) ||
         reached("fail", load.refused);
}

void produce_until_over(rd_kafka_t* client, Load& load, const Plan& plan, std::uint64_t seed,
                        std::uint64_t round) {
  std::mt19937_64 dice(seed * 1'000'003 + round);
  std::uint64_t id = round << 40U;
  const std::int64_t least = plan.get("least", 8);
  const auto spread = static_cast<std::uint64_t>(plan.get("most", 1000) - least + 1);
  const std::int64_t pending = plan.get("pending", 5000);
  while (!is_over(load, plan)) {
    rd_kafka_poll(client, 0);
    save(load);
    if (rd_kafka_outq_len(client) >= pending) {
      rd_kafka_poll(client, 1);
      continue;
    }
    const TopicName& topic = load.topics[dice() % load.topics.size()];
    const auto partition =
        static_cast<std::int32_t>(dice() % static_cast<std::uint64_t>(topic.partitions));
    const std::string value = make_value(++id, static_cast<std::size_t>(least) + dice() % spread);
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        client, RD_KAFKA_V_TOPIC(topic.name.c_str()), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      rd_kafka_poll(client, 1);
    } else if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      give_up(rd_kafka_err2str(error));
    }
  }
}

int run_load(const std::vector<std::string>& words) {
  Load load;
  load.topics = parse_topics(words.at(2));
  for (std::uint32_t i = 0; i < load.topics.size(); ++i) load.place[load.topics[i].name] = i;
  load.file = ::open(words.at(1).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const Plan plan = parse_plan({words.begin() + 5, words.end()});
  // A record that was refused is not sent again, so that each id is in the log at most once.
  Settings settings = {{"bootstrap.servers", words.at(0)},
                       {"acks", "all"},
                       {"retries", "0"},
                       {"linger.ms", "1"},
                       {"log_level", "0"}};
  settings.insert(settings.end(), plan.client.begin(), plan.client.end());
  const Client client = make_client(RD_KAFKA_PRODUCER, settings, on_delivery, &load);
  produce_until_over(client.get(), load, plan, std::stoull(words.at(3)), std::stoull(words.at(4)));

  if (const auto pid = static_cast<pid_t>(plan.get("kill", 0)); pid > 0) {
    const std::int64_t delay_ns = plan.get("delay_us", 0) * 1000;
    const timespec delay{.tv_sec = delay_ns / 1'000'000'000, .tv_nsec = delay_ns % 1'000'000'000};
    nanosleep(&delay, nullptr);  // so that the kill hits anything, not only what follows an ack
    if (::kill(pid, SIGKILL) != 0) give_up("the server is not there to be killed");
  }
  // Answers that were sent before the kill count; what has no answer never will.
  const bool purged = plan.get("kill", 0) > 0;
  if (purged) rd_kafka_purge(client.get(), RD_KAFKA_PURGE_F_QUEUE);
  if (!purged || rd_kafka_flush(client.get(), 200) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (purged) rd_kafka_purge(client.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(client.get(), kDeadlineMs);
  }
  save(load);
  std::printf("%lld acked, %lld refused:", static_cast<long long>(load.ack_count),
              static_cast<long long>(load.refused));
  for (const std::string& error : load.errors) std::printf(" %s", error.c_str());
  std::printf("\n");
  return 0;
}

}  // namespace
}  // namespace duolog::tests

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 5) {
    duolog::tests::give_up("acked_load BROKER ACKED TOPICS SEED ROUND NAME=VALUE ...");
  }
  return duolog::tests::run_load(words);
}
