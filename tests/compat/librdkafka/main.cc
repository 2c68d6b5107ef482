// librdkafka does the features that it is asked for: compat_librdkafka HOST:PORT FEATURE...
//
// Prints `feature NAME passed` or `feature NAME failed WHY` for each.
#include <cstdio>
#include <exception>
#include <span>

#include "tests/compat/librdkafka/client.h"

int main(int argc, char** argv) {
  const std::span<char*> words(argv, static_cast<std::size_t>(argc));
  if (words.size() < 2) duolog::tests::give_up("compat_librdkafka HOST:PORT FEATURE...");
  duolog::tests::Features features;
  duolog::tests::add_record_features(features);
  duolog::tests::add_group_features(features);
  duolog::tests::add_admin_features(features);
  for (const std::string name : words.subspan(2)) {
    try {
      features.at(name)(words[1]);
      std::printf("feature %s passed\n", name.c_str());
    } catch (const std::exception& error) {
      std::printf("feature %s failed %s\n", name.c_str(), error.what());
    }
    std::fflush(stdout);
  }
}
