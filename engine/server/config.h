// Config: every setting of the server, and how it is read.
//
// A setting may stand in a TOML file (`segment-bytes = "64MiB"`), in the environment
// (DUOLOG_SEGMENT_BYTES) and on the command line (--segment-bytes); the command line wins over the
// environment, the environment over the file, the file over the default. One table, in
// config_property.cc, drives parsing, validation, help and dump, so that a setting is added in two
// places: the member here, which holds its default, and its row there.
//
// Start-up code reads the configuration once; afterwards it is immutable, so every thread may read
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/result.h"
#include "engine/server/host_port.h"

namespace duolog::server {

enum class BusyPoll : std::uint8_t {
  kNever,     // sleep as soon as there is nothing to do
  kAdaptive,  // spin for up to busy_poll_us after work, then sleep
  kAlways,    // never sleep
};

enum class LogLevel : std::uint8_t { kTrace, kDebug, kInfo, kWarning, kError, kOff };

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;

// What each setting means, its bounds and its unit stand in the table (config_property.cc).
struct Config {
  std::string data_dir = "./duolog-data";
  HostPort kafka{"127.0.0.1", 9092};
  HostPort http{"127.0.0.1", 8080};
  std::optional<HostPort> advertise;  // none: the address that the client reached

  std::uint32_t shards = 0;  // 0: one per core less one, at least one
  BusyPoll busy_poll = BusyPoll::kNever;
  std::uint32_t busy_poll_us = 50;

  bool auto_create_topics = true;
  std::uint32_t num_partitions = 1;
  std::uint32_t max_topics = 100'000;
  std::uint32_t max_partitions = 100'000;
  std::uint32_t max_partitions_per_topic = 10'000;

  std::uint64_t group_initial_rebalance_delay_ms = 3'000;
  std::uint64_t group_min_session_timeout_ms = 6'000;
  std::uint64_t group_max_session_timeout_ms = std::uint64_t{30} * 60 * 1000;
  std::uint32_t group_max_size = 2'147'483'647;

  LogLevel log_level = LogLevel::kInfo;

  std::uint32_t max_connections = 100'000;
  std::uint64_t socket_request_max_bytes = 100 * kMiB;
  std::uint64_t queued_max_request_bytes = 256 * kMiB;  // per shard
  std::uint32_t max_in_flight_requests = 1024;          // per connection
  std::uint64_t max_in_flight_bytes = 32 * kMiB;        // per connection
  std::uint64_t connections_max_idle_ms = 600'000;
  std::uint64_t message_max_bytes = kMiB + 12;  // as Kafka: 1 MiB, base offset, length

  std::uint64_t tail_memory_bytes = 256 * kMiB;  // per shard
  std::uint64_t segment_bytes = kGiB;
  std::uint64_t segment_ms = std::uint64_t{7} * 24 * 60 * 60 * 1000;
  std::uint64_t retention_ms = std::uint64_t{7} * 24 * 60 * 60 * 1000;  // 0: unlimited
  std::uint64_t retention_bytes = 0;                                    // 0: unlimited
  std::uint64_t log_retention_check_interval_ms = std::uint64_t{5} * 60 * 1000;
  std::uint64_t producer_id_expiration_ms = std::uint64_t{24} * 60 * 60 * 1000;
  std::uint32_t max_producers = 50'000;          // per shard
  std::uint64_t journal_min_bytes = 8 * kMiB;    // per shard
  std::uint64_t journal_max_bytes = 256 * kMiB;  // per shard

  std::uint32_t offsets_topic_num_partitions = 50;
  std::uint64_t offset_metadata_max_bytes = 4 * kKiB;
  std::uint64_t offsets_retention_minutes = std::uint64_t{7} * 24 * 60;
  std::uint64_t offsets_retention_check_interval_ms = std::uint64_t{10} * 60 * 1000;
  std::uint64_t max_groups = 100'000;               // per shard
  std::uint64_t max_committed_offsets = 2'000'000;  // per shard

  std::uint64_t ws_max_message_bytes = kMiB;
  std::vector<std::string> ws_allowed_origins;  // besides the origin of the same host
  std::vector<std::string> ws_allowed_hosts;    // besides localhost and our own address
  std::uint64_t http_upgrade_timeout_ms = 5000;
  std::uint32_t http_max_listed_partitions = 10'000;
  bool ws_compression = false;
  bool echo = false;
};

// A setting's name and its value as text.
using Setting = std::pair<std::string, std::string>;

// Where settings come from. `environment` holds variable names ("DUOLOG_SHARDS"), `command_line`
// setting names ("shards"); of two equal names the later one wins.
struct ConfigSources {
  std::string file;  // path of a TOML file; empty: none
  std::vector<Setting> environment;
  std::vector<Setting> command_line;
};

// Reads all sources over the defaults. An unknown name, a value of the wrong form or out of bounds,
// and settings that contradict each other are kInvalid; a file that is not there is kNotFound. The
// message says where (file and line, variable or option), what, and for a misspelt name which
// setting is nearest.
[[nodiscard]] Result<Config> load_config(const ConfigSources& sources);

// The DUOLOG_* variables of a process environment (`environ`), but for those that are not settings:
// DUOLOG_CONFIG, which names the file, and DUOLOG_SERVICE_* and DUOLOG_PORT*, which Kubernetes
// sets in every container beside a service called "duolog".
[[nodiscard]] std::vector<Setting> duolog_environment(const char* const* environment);

// The configuration as a TOML file that load_config reads back: every setting, each under its
// documentation.
[[nodiscard]] std::string dump_config(const Config& config);

}  // namespace duolog::server
