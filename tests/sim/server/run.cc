#include "tests/sim/server/run.h"

#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tests/sim/server/admin.h"
#include "tests/sim/server/cast.h"
#include "tests/sim/server/client.h"
#include "tests/sim/server/config_admin.h"
#include "tests/sim/server/faults.h"
#include "tests/sim/server/fetcher.h"
#include "tests/sim/server/machine.h"
#include "tests/sim/server/offsets_audit.h"
#include "tests/sim/server/oracle.h"
#include "tests/sim/server/setup.h"
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
  settings.interleave = random() % 2 == 0 ? 8 : 0;
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
    result.bad_starts = bad_starts_;
    result.starts_given_up = starts_given_up_;
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
  [[nodiscard]] bool failed() const { return failure_ || oracle_.failure(); }
  void fail(std::string what) {
    if (!failure_) failure_ = std::move(what);
  }

  void play() {
    if (!start() || !make_topics()) return;
    Cast cast(world_, random_, topics_, ids_);
    clients_ = cast.clients();
    groups_ = cast.groups();
    vandals_ = cast.vandals();
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
      // So that there is something in the journals.
      Cast late(world_, random_, topics_, ids_, "late-");
      for (auto& client : late.producers_and_fetchers()) clients_.push_back(std::move(client));
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

  // On a disk on which something fails: the start is given up, or the server goes on for a while
  // with what it has. Whatever it did, the next start finds all that was acked.
  void start_badly() {
    faults_.begin_start();
    ++bad_starts_;
    try {
      if (machine_.start(next_config())) {
        for (std::uint64_t i = below(500); i > 0 && machine_.step() && !failed();) --i;
      } else {
        ++starts_given_up_;
      }
    } catch (const MachineStopped&) {
    } catch (const ServerEnded&) {
      ++starts_given_up_;
    }
    faults_.end();
    kill(below(3) != 0);
  }

  // On the disk as it is, with some number of shards. A start that is cut short is one more kill.
  bool start() {
    while (restarts_ > 0 && !failed() && below(6) == 0) start_badly();
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

  // Those who have begun since.
  void take_newcomers() {
    for (auto& client : newcomers_) {
      if (!finishing_ || !client->done()) clients_.push_back(std::move(client));
    }
    newcomers_.clear();
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
    ConfigPlan configs;
    for (const auto& [name, id] : ids_) configs.topics.push_back({name, id});
    auditors.push_back(std::make_unique<SimConfigAdmin>(world_, "audit-configs", configs));
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
  std::uint64_t bad_starts_ = 0;
  std::uint64_t starts_given_up_ = 0;
  std::vector<std::string> groups_;
  std::uint64_t rewrites_ = 0;
};

}  // namespace

RunResult run_seed(std::uint64_t seed, const std::string& disk) { return Run(seed).run(disk); }

}  // namespace duolog::sim
