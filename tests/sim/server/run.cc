#include "tests/sim/server/run.h"

#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tests/sim/server/admin.h"
#include "tests/sim/server/client.h"
#include "tests/sim/server/faults.h"
#include "tests/sim/server/fetcher.h"
#include "tests/sim/server/group_member.h"
#include "tests/sim/server/machine.h"
#include "tests/sim/server/offsets_audit.h"
#include "tests/sim/server/oracle.h"
#include "tests/sim/server/producer.h"
#include "tests/sim/server/publisher.h"
#include "tests/sim/server/setup.h"
#include "tests/sim/server/subscriber.h"
#include "tests/sim/server/vandal.h"

namespace duolog::sim {

namespace {

// What a run may take: beyond, somebody waits for what never comes.
constexpr std::uint64_t kMostSteps = 1'500'000;
constexpr std::uint64_t kMostNs = 300'000'000'000;
constexpr std::uint64_t kNever = std::uint64_t{1} << 60;
// How often a recovery is cut short in a row.
constexpr int kMostCuts = 3;
constexpr const char* kTopicsDirectory = "/data/topics";
constexpr const char* kMetadata = "partition.metadata";

KernelSettings unkind(std::mt19937_64& random) {
  KernelSettings settings;
  settings.short_send = random() % 2 == 0 ? 3 : 0;
  settings.short_receive = random() % 2 == 0 ? 2 : 0;
  settings.tiny_receive = random() % 8 == 0 ? 2 : 0;
  settings.receive_ends = random() % 2 == 0 ? 8 : 0;
  settings.slow_turn = random() % 4 == 0 ? 50 : 0;
  settings.slow_step = random() % 2 == 0 ? 2 : 0;
  settings.send_room = std::size_t{1} << (11 + random() % 7);
  return settings;
}

class Run {
 public:
  explicit Run(std::uint64_t seed)
      : random_(seed), machine_(random_(), unkind(random_)), world_{machine_.kernel(), oracle_} {
    world_.welcome = [this](auto client) { newcomers_.push_back(std::move(client)); };
  }

  RunResult run(const std::string& disk) {
    play();
    clients_.clear();
    vandals_.clear();
    newcomers_.clear();
    RunResult result;
    result.failure = failure_ ? failure_ : oracle_.failure();
    result.events = machine_.kernel().last_events();
    if (result.failure && !disk.empty()) {
      for (const std::string& line : machine_.files().trace()) {
        if (line.find(disk) != std::string::npos) result.events.push_back("disk: " + line);
      }
    }
    result.fingerprint = machine_.kernel().fingerprint();
    result.steps = machine_.kernel().steps();
    result.acks = oracle_.acks();
    result.reads = oracle_.reads();
    result.restarts = restarts_;
    result.failures = machine_.kernel().lines_logged("the server gives up");
    result.full = machine_.kernel().lines_logged("free space on the disk");
    result.commits = world_.groups.acks();
    result.topics = world_.topics.acks();
    result.rewrites = rewrites_;
    if (machine_.up()) machine_.kill(CrashPolicy::kKeepAll);
    return result;
  }

 private:
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  [[nodiscard]] const NewSimTopic& any_topic() { return topics_[below(topics_.size())]; }
  [[nodiscard]] std::int32_t any_partition(const NewSimTopic& topic) {
    return static_cast<std::int32_t>(below(static_cast<std::uint64_t>(topic.partitions)));
  }
  [[nodiscard]] bool failed() const { return failure_ || oracle_.failure(); }
  void fail(std::string what) {
    if (!failure_) failure_ = std::move(what);
  }

  void play() {
    if (!start() || !make_topics()) return;
    make_clients();
    make_push_clients();
    make_group_members();
    if (below(2) == 0) make_admin();
    make_vandals();
    const std::uint64_t rounds = 1 + below(3);
    for (std::uint64_t i = 0; i < rounds && !failed(); ++i) play_round();
    if (failed()) return;
    finish();
    audit();
    if (failed()) return;
    stop_cleanly();
    if (failed() || !start()) return;
    audit();
    if (below(4) == 0) lose_one_for_a_while();
    stop_cleanly();
  }

  // One partition's files are not to be used at a start, and all the others are served; then they
  // are as they were, and nothing is lost.
  void lose_one_for_a_while() {
    if (failed()) return;
    if (below(2) == 0) {
      make_clients("late-");  // so that there is something in the journals
      for (std::uint64_t i = below(3'000); i > 0 && !failed(); --i) {
        if (!machine_.step()) return fail("the server went down without a reason");
      }
      kill(false);
    } else {
      stop_cleanly();
    }
    const std::vector<std::string> all = partitions_with_files();
    if (failed() || all.empty()) return start_again();
    const std::string victim = all[below(all.size())];
    damage(victim);
    lost_ = 1;
    if (!start()) return;
    audit(victim);
    if (failed()) return;
    if (below(2) == 0) {
      stop_cleanly();
    } else {
      kill(below(2) == 0);
    }
    damage(victim);
    lost_ = 0;
    start_again();
    audit();
  }

  void start_again() {
    if (!failed()) (void)start();
  }

  [[nodiscard]] std::vector<std::string> partitions_with_files() {
    std::vector<std::string> found;
    const auto entries = machine_.files().list(kTopicsDirectory);
    if (!entries) return found;
    for (const auto& entry : *entries) {
      const std::string path = fmt::format("{}/{}/{}", kTopicsDirectory, entry.name, kMetadata);
      const bool internal = entry.name.starts_with("__");
      if (!internal && machine_.files().exists(path)) found.push_back(entry.name);
    }
    return found;
  }

  // Of what says whose the files are; the second time it is as it was.
  void damage(const std::string& partition) {
    machine_.kernel().note("a bit is flipped: " + partition);
    constexpr std::uint64_t kOfItsKey = 12;
    machine_.files().flip_bit(fmt::format("{}/{}/{}", kTopicsDirectory, partition, kMetadata),
                              kOfItsKey, 3);
  }

  // On the disk as it is, with some number of shards. A start that is cut short is one more kill.
  bool start() {
    for (int cuts = 0;; ++cuts) {
      const server::Config config = next_config();
      if (restarts_ > 0 && cuts < kMostCuts && below(4) == 0) {
        machine_.files().crash_after(1 + below(60));
      }
      try {
        const auto started = machine_.start(config);
        if (started && machine_.offline() != lost_) {
          fail(fmt::format("{} partitions are offline instead of {}", machine_.offline(), lost_));
          return false;
        }
        if (started) break;
        fail("the server does not start: " + started.error().message);
        return false;
      } catch (const MachineStopped&) {
        kill(true);
      }
    }
    machine_.files().crash_after(kNever);
    ++restarts_;
    return true;
  }

  // Everything that decides when something happens is another at each start.
  server::Config next_config() {
    server::Config config = small_config(1 + below(4));
    storage::StoreOptions& store = config.broker.store;
    const auto blocks = [this](std::uint64_t most) {
      return storage::kBlockBytes * (1 + below(most));
    };
    store.bulk_bytes = blocks(32);
    store.bulk_write_bytes = blocks(64);
    store.write_behind_bytes = blocks(32);
    store.checkpoint_bytes = blocks(64);
    store.group_max_bytes = storage::kBlockBytes * (16 + below(17));
    return config;
  }

  bool make_topics() {
    std::vector<NewSimTopic> topics;
    const std::uint64_t count = 1 + below(3);
    for (std::uint64_t i = 0; i < count; ++i) {
      NewSimTopic topic{fmt::format("t{}", i), static_cast<std::int32_t>(1 + below(3)), {}};
      const std::uint64_t kind = below(6);
      if (kind == 0) topic.configs.emplace_back("duolog.durability", "os");
      if (kind == 1) topic.configs.emplace_back("duolog.visibility", "appended");
      topics.push_back(topic);
    }
    topics_ = topics;
    SimSetup setup(world_, topics);
    if (!run_until([&] { return setup.done(); })) {
      fail("the topics could not be made");
      return false;
    }
    ids_ = setup.ids();
    for (const NewSimTopic& topic : topics) {
      if (topic.configs.empty()) continue;
      oracle_.promise(ids_[topic.name],
                      topic.configs[0].second == "os" ? Durable::kKill : Durable::kNothing);
    }
    return true;
  }

  // `wave`: which makes their records others than those of an earlier one.
  void make_clients(const std::string& wave = {}) {
    const std::uint64_t producers = 1 + below(5);
    for (std::uint64_t i = 0; i < producers; ++i) {
      const NewSimTopic& topic = any_topic();
      ProducerPlan plan;
      plan.topic = topic.name;
      plan.topic_id = ids_[topic.name];
      plan.partition = any_partition(topic);
      plan.idempotent = below(3) != 0;
      plan.acks = below(3) == 0 ? 1 : -1;
      plan.batches = static_cast<std::uint32_t>(5 + below(60));
      plan.most_in_flight = static_cast<std::uint32_t>(1 + below(5));
      plan.most_value_bytes = below(8) == 0 ? 40'000 : 1 + below(3'000);
      clients_.push_back(
          std::make_unique<SimProducer>(world_, fmt::format("{}p{}", wave, i), plan));
    }
    const std::uint64_t fetchers = below(4);
    for (std::uint64_t i = 0; i < fetchers; ++i) {
      const NewSimTopic& topic = any_topic();
      FetcherPlan plan;
      plan.topic = topic.name;
      plan.topic_id = ids_[topic.name];
      plan.partition = any_partition(topic);
      plan.session = below(2) == 0;
      plan.max_bytes = 1 << (9 + below(8));
      clients_.push_back(std::make_unique<SimFetcher>(world_, fmt::format("{}f{}", wave, i), plan));
    }
  }

  void make_push_clients() {
    for (std::uint64_t i = below(3); i > 0; --i) {
      const NewSimTopic& topic = any_topic();
      SubscriberPlan plan;
      plan.topic = topic.name;
      plan.topic_id = ids_[topic.name];
      plan.credit = below(2) == 0 ? 0 : static_cast<std::uint32_t>(1 + below(40));
      plan.drops = below(3) == 0 ? 20 : 0;
      plan.pauses = below(3) == 0 ? 10 : 0;
      clients_.push_back(std::make_unique<SimSubscriber>(world_, fmt::format("s{}", i), plan));
    }
    for (std::uint64_t i = below(3); i > 0; --i) {
      const NewSimTopic& topic = any_topic();
      PublisherPlan plan;
      plan.topic = topic.name;
      plan.topic_id = ids_[topic.name];
      plan.partitions = topic.partitions;
      plan.appended = below(2) == 0;
      plan.commands = static_cast<std::uint32_t>(5 + below(60));
      plan.most_in_flight = static_cast<std::uint32_t>(1 + below(8));
      plan.most_value_bytes = below(8) == 0 ? 20'000 : 1 + below(1'500);
      clients_.push_back(std::make_unique<SimPublisher>(world_, fmt::format("w{}", i), plan));
    }
  }

  void make_admin() {
    AdminPlan plan{.operations = static_cast<std::uint32_t>(1 + below(40)), .others = {}};
    for (const auto& [name, id] : ids_) plan.others.push_back(id);
    clients_.push_back(std::make_unique<SimAdmin>(world_, "admin", plan));
  }

  void make_vandals() {
    for (std::uint64_t i = below(2) == 0 ? 0 : below(4); i > 0; --i) {
      VandalPlan plan{.kind = static_cast<VandalPlan::Kind>(below(VandalPlan::kKinds)),
                      .http = below(3) == 0,
                      .topic = any_topic().name,
                      .hangs_up = below(2) == 0,
                      .visits = static_cast<std::uint32_t>(1 + below(20))};
      vandals_.push_back(std::make_unique<SimVandal>(world_, fmt::format("v{}", i), plan));
    }
  }

  // Those who have begun since.
  void take_newcomers() {
    for (auto& client : newcomers_) {
      if (!finishing_ || !client->done()) clients_.push_back(std::move(client));
    }
    newcomers_.clear();
  }

  void make_group_members() {
    const std::uint64_t groups = below(3);
    for (std::uint64_t g = 0; g < groups; ++g) {
      groups_.push_back(fmt::format("g{}", g));
      const NewSimTopic& topic = any_topic();
      const std::uint64_t members = 1 + below(4);
      const std::uint64_t statics = below(2) == 0 ? 0 : below(members + 1);
      const bool busy = below(2) == 0;
      for (std::uint64_t i = 0; i < members; ++i) {
        MemberPlan plan{.group = groups_.back(),
                        .topic = topic.name,
                        .topic_id = ids_[topic.name],
                        .partitions = topic.partitions};
        // Some of them under one name, one after the other or at once.
        if (i < statics) plan.instance = fmt::format("i{}", below(statics));
        plan.starts_after_us = below(4) == 0 ? below(3'000'000) : below(100'000);
        plan.beats = static_cast<std::uint32_t>(busy ? 50 + below(200) : 1 + below(50));
        plan.dies = below(3) == 0;
        plan.comes_back = static_cast<std::uint32_t>(below(3));
        plan.session_timeout_ms = static_cast<std::int32_t>(300 + below(3'000));
        plan.commit_every_us = busy ? 3'000 : 20'000;
        plan.most_commits = 1 + below(4);
        clients_.push_back(std::make_unique<SimMember>(world_, fmt::format("g{}m{}", g, i), plan));
      }
    }
  }

  // Load, until the server goes down one way or another; and it is started again.
  void play_round() {
    const bool power = below(3) != 0;
    const std::uint64_t steps = below(20'000);
    if (power && below(2) == 0) machine_.files().crash_after(1 + below(600));
    bool up = true;
    faults_.begin(steps);
    for (std::uint64_t i = 0; i < steps && up && !failed(); ++i) {
      faults_.step(i);
      up = machine_.step();
    }
    faults_.end();
    if (faults_.failure()) fail(*faults_.failure());
    if (failed()) return;
    if (up && below(4) == 0) {
      if (!machine_.stop()) kill(power);
    } else {
      kill(power);
    }
    (void)start();
  }

  void kill(bool power) {
    static constexpr CrashPolicy kPower[] = {CrashPolicy::kKeepAll, CrashPolicy::kDropAll,
                                             CrashPolicy::kRandom};
    // What has reached a client was sent before.
    for (const auto& client : clients_) client->take_news();
    take_newcomers();
    machine_.kill(power ? kPower[below(3)] : CrashPolicy::kKill);
    oracle_.server_went_down(power);
    world_.groups.server_went_down();
  }

  // False: it went down, or took too long.
  template <class Condition>
  bool run_until(Condition condition) {
    const std::uint64_t until_ns = machine_.kernel().now_ns() + kMostNs;
    for (std::uint64_t i = 0; i < kMostSteps; ++i) {
      if (failed()) return false;
      if (condition()) return true;
      if (!machine_.step() || machine_.idle()) return false;
      if (machine_.kernel().now_ns() > until_ns) return false;
    }
    return false;
  }

  // No more faults: everything that was begun ends.
  void finish() {
    const std::uint64_t began_ns = machine_.kernel().now_ns();
    // Who never ends would use up the steps.
    finishing_ = true;
    take_newcomers();
    std::erase_if(clients_, [](const auto& client) { return client->done(); });
    machine_.kernel().change(KernelSettings{});
    const auto all_done = [this] {
      take_newcomers();
      return std::ranges::all_of(clients_, [](const auto& client) { return client->done(); });
    };
    if (run_until(all_done)) return nobody_stays();
    if (failed()) return;
    std::string waiting;
    for (const auto& client : clients_) {
      if (!client->done()) waiting += "\n  " + client->describe();
    }
    fail(fmt::format("not all has ended after {} ms: {}",
                     (machine_.kernel().now_ns() - began_ns) / 1'000'000, waiting));
  }

  // Those who have never ended their connections have them ended.
  void nobody_stays() {
    clients_.clear();
    world_.quiet = true;
    const auto alone = [this] { return machine_.kernel().open_connections() == 0; };
    if (!run_until(alone)) {
      fail(fmt::format("{} connections stay", machine_.kernel().open_connections()));
    }
    vandals_.clear();
    world_.quiet = false;
  }

  // Of all partitions but one, "topic-partition", if it is said.
  void audit(const std::string& but = {}) {
    if (failed()) return;
    clients_.clear();
    newcomers_.clear();
    std::vector<std::unique_ptr<Client>> auditors;
    auto offsets = std::make_unique<SimOffsetsAudit>(world_, groups_);
    SimOffsetsAudit& of_groups = *offsets;
    auditors.push_back(std::move(offsets));
    auditors.push_back(std::make_unique<SimAdmin>(world_, "audit-topics", AdminPlan{}));
    for (const KnownTopic& topic : world_.topics.topics()) {
      for (std::int32_t partition = 0; partition < topic.partitions; ++partition) {
        if (fmt::format("{}-{}", topic.name, partition) == but) continue;
        auditors.push_back(
            std::make_unique<SimFetcher>(world_, fmt::format("audit-{}-{}", topic.name, partition),
                                         FetcherPlan{.topic = topic.name,
                                                     .partition = partition,
                                                     .topic_id = topic.id,
                                                     .audit = true,
                                                     .max_bytes = 1 << 20}));
      }
    }
    const auto all_done = [&] {
      return std::ranges::all_of(auditors, [](const auto& auditor) { return auditor->done(); });
    };
    if (!run_until(all_done) && !failed()) fail("the audit does not end");
    rewrites_ = of_groups.rewritten();
  }

  void stop_cleanly() {
    if (failed()) return;
    if (!machine_.stop()) return fail("the server went down while it was to stop");
    if (const std::size_t open = machine_.kernel().open_descriptors(); open != 0) {
      fail(fmt::format("{} descriptors are open after the stop", open));
    }
    if (const std::size_t open = machine_.files().open_files(); open != 0) {
      fail(fmt::format("{} files are open after the stop", open));
    }
    if (const std::size_t mappings = machine_.files().mappings(); mappings != 0) {
      fail(fmt::format("{} mappings stand after the stop", mappings));
    }
  }

  std::mt19937_64 random_;
  Machine machine_;
  Oracle oracle_;
  World world_;
  std::vector<NewSimTopic> topics_;
  std::map<std::string, std::string> ids_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<Client>> newcomers_;
  std::vector<std::unique_ptr<SimVandal>> vandals_;
  Faults faults_{machine_, random_};
  bool finishing_ = false;
  std::optional<std::string> failure_;
  std::uint64_t restarts_ = 0;
  std::size_t lost_ = 0;  // partitions that the next start cannot recover
  std::vector<std::string> groups_;
  std::uint64_t rewrites_ = 0;
};

}  // namespace

RunResult run_seed(std::uint64_t seed, const std::string& disk) { return Run(seed).run(disk); }

}  // namespace duolog::sim
