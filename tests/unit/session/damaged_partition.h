// A partition that the next start of a server cannot recover, and its files as they were.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

namespace duolog::session {

// Damages what says whose the files are. A server that runs does not look at it again.
class DamagedPartition {
 public:
  // `name`: "topic-partition"; it has been appended to.
  DamagedPartition(const std::string& data_directory, const std::string& name)
      : path_(data_directory + "/topics/" + name + "/partition.metadata") {
    std::ifstream file(path_);
    content_.assign(std::istreambuf_iterator<char>(file), {});
    EXPECT_FALSE(content_.empty()) << path_;
    write("version: 0\n");
  }
  void repair() { write(content_); }

 private:
  void write(const std::string& content) { std::ofstream(path_, std::ios::trunc) << content; }

  const std::string path_;
  std::string content_;
};

}  // namespace duolog::session
