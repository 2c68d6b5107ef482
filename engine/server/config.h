// Config: every setting of the server, and how it is read.
//
// A setting may stand in a TOML file (`segment-bytes = "64MiB"`), in the environment
// (DUOLOG_SEGMENT_BYTES) and on the command line (--segment-bytes); the command line wins over the
// environment, the environment over the file, the file over the default. One table, in
// config_property.cc, drives parsing, validation, help, dump and what Kafka's clients are told: to
// add a setting, add its row there. The row names the place of the value, a member of the struct of
// settings of the room that uses it, where its default stands.
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
#include "engine/broker/options.h"
#include "engine/groups/group_settings.h"
#include "engine/runtime/log.h"
#include "engine/runtime/settings.h"
#include "engine/server/host_port.h"
#include "engine/session/http/settings.h"
#include "engine/session/kafka/settings.h"
#include "engine/session/live/settings.h"
#include "engine/session/push/settings.h"
#include "engine/session/websocket/settings.h"
#include "storage/options.h"

namespace duolog::server {

using runtime::BusyPoll;
using runtime::LogLevel;
using storage::kGiB;
using storage::kKiB;
using storage::kMiB;

// What is handed to each room, in the room's own struct, and the little that is the server's own.
// A setting's default stands there; what it means, its bounds and its unit stand in the table.
struct Config {
  std::string data_dir = "./duolog-data";
  HostPort kafka_address{"127.0.0.1", 9092};
  HostPort http_address{"127.0.0.1", 8080};
  std::optional<HostPort> advertise;  // none: the address that the client reached
  LogLevel log_level = LogLevel::kInfo;
  std::uint32_t max_connections = 100'000;  // of both ports and all shards

  runtime::Settings runtime;
  broker::Options broker;
  groups::GroupSettings groups;
  session::KafkaSettings kafka;
  session::HttpSettings http;
  session::WsSettings websocket;
  session::LiveSettings live;
  session::PushSettings push;
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
