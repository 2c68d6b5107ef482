// duolog_push_load: what ten thousand subscribers cost a server, and each other.
//
// Open loop, as duolog_load: a delivery's latency counts from when its record was due.
#include <exception>

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <sys/prctl.h>

#include "bench/load/process_usage.h"
#include "bench/push/beside.h"
#include "bench/push/fanout.h"
#include "bench/push/frame_stream.h"
#include "engine/base/clock.h"

namespace {

using duolog::load::PushOptions;

void add_options(CLI::App& app, PushOptions& options, std::string& mode) {
  app.add_option(
         "mode", mode,
         "fanout; idle: connections with nothing to receive; beside: publishes beside loads")
      ->check(CLI::IsMember({"fanout", "idle", "beside"}));
  app.add_option("--kafka", options.kafka.brokers, "HOST:PORT to publish to")
      ->capture_default_str();
  app.add_option("--http", options.push.http, "HOST:PORT to subscribe at")->capture_default_str();
  app.add_option("--server-pid", options.server_pid, "whose memory and CPU to report");
  app.add_flag("--plain", options.push.plain, "subscribe to the plain feed, not by /v1/ws");
  app.add_option("--subscribers", options.subscribers)->capture_default_str();
  app.add_option("--stalled", options.stalled, "so many of them never read (fanout)")
      ->capture_default_str();
  app.add_option("--stalled-buffer", options.stalled_buffer,
                 "their SO_RCVBUF in bytes; 0: the kernel's")
      ->capture_default_str();
  app.add_option("--rate", options.rate, "records a second (fanout)")->capture_default_str();
  app.add_option("--size", options.size_bytes, "bytes of a record's value")
      ->capture_default_str()
      ->check(CLI::Range(duolog::load::kStampBytes, std::size_t{1} << 20));
  app.add_option("--warmup", options.warmup_s, "seconds before each measurement")
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "measured each time; idle: waited")
      ->capture_default_str();
  app.add_option("--rounds", options.rounds, "measurements of each kind (fanout)")
      ->capture_default_str();
}

}  // namespace

int main(int argc, char** argv) {
  PushOptions options;
  std::string mode = "fanout";
  options.kafka.topic = "push-" + std::to_string(duolog::wall_clock().value);
  CLI::App app("Open-loop load of WebSocket subscribers.");
  add_options(app, options, mode);
  CLI11_PARSE(app, argc, argv);
  options.push.topic = options.kafka.topic;
  if (options.stalled >= options.subscribers && mode == "fanout") {
    fmt::print(stderr, "duolog_push_load: --stalled: somebody must read\n");
    return 2;
  }
  prctl(PR_SET_TIMERSLACK, 1UL);
  try {
    const auto before = duolog::load::machine_time();
    const int status = mode == "idle"     ? run_idle(options)
                       : mode == "beside" ? run_beside(options)
                                          : run_fanout(options);
    duolog::load::print_stolen(before);
    return status;
  } catch (const std::exception& error) {
    fmt::print(stderr, "duolog_push_load: {}\n", error.what());
    return 1;
  }
}
