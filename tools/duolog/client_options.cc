// The options that commands have for their client. Apart from the clients, so that these compile
// without CLI11.
#include <initializer_list>

#include <CLI/CLI.hpp>

#include "tools/duolog/client/kafka_client.h"
#include "tools/duolog/client/push_client.h"

namespace duolog::tools {

void ClientOptions::add_to(CLI::App& app) {
  app.add_option("-b,--broker", broker, "The server's Kafka address")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_option("-X,--property", properties, "A librdkafka property; may be repeated")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--timeout", timeout_s, "How long to wait for an answer, in seconds")
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
}

void PushOptions::add_to(CLI::App& app, std::initializer_list<const char*> only_kafka) {
  CLI::Option* flag = app.add_flag("--push", push, "Speak the push protocol, not Kafka's");
  app.add_option("--http", address, "The server's HTTP address, for --push")
      ->type_name("HOST:PORT")
      ->needs(flag)
      ->capture_default_str();
  for (const char* name : only_kafka) flag->excludes(app.get_option(name));
}

}  // namespace duolog::tools
