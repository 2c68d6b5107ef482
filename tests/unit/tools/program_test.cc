// The program's client commands, run as a person runs them, against librdkafka's mock cluster.
#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <sys/wait.h>

#include "tools/duolog/client/kafka_client.h"

namespace duolog::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Finished {
  int status = -1;
  std::string output;  // standard output and standard error
};

// Runs a shell command line in which `duolog` is the program.
Finished run(const std::string& command) {
  const std::string line = "{ duolog() { " DUOLOG_PROGRAM " \"$@\"; }; " + command + "; } 2>&1";
  Finished finished;
  std::FILE* pipe = popen(line.c_str(), "r");
  std::array<char, 4096> piece;
  std::size_t got = 0;
  while ((got = std::fread(piece.data(), 1, piece.size(), pipe)) > 0) {
    finished.output.append(piece.data(), got);
  }
  const int ended = pclose(pipe);
  finished.status = WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
  return finished;
}

class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() : handle_(rd_kafka_new(RD_KAFKA_PRODUCER, nullptr, nullptr, 0)) {
    cluster_.reset(rd_kafka_mock_cluster_new(handle_.get(), 1));
    rd_kafka_mock_topic_create(cluster_.get(), "letters", 1, 1);
    rd_kafka_mock_topic_create(cluster_.get(), "spread", 3, 1);
    broker_ = std::string(" -b ") + rd_kafka_mock_cluster_bootstraps(cluster_.get()) + " ";
  }

  std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>> handle_;
  std::unique_ptr<rd_kafka_mock_cluster_t, Destroy<rd_kafka_mock_cluster_destroy>> cluster_;
  std::string broker_;
};

TEST_F(ProgramTest, ConsumesWhatItProducedInOrder) {
  const Finished produced = run("printf 'a\\nb\\n\\nlast' | duolog produce letters" + broker_);
  EXPECT_EQ(produced.output, "4 records written to topic letters\n");
  EXPECT_EQ(produced.status, 0);
  const Finished consumed = run("duolog consume letters --exit" + broker_);
  EXPECT_EQ(consumed.output, "a\nb\n\nlast\n");
  EXPECT_EQ(consumed.status, 0);
}

TEST_F(ProgramTest, CarriesKeysHeadersAndNullsThrough) {
  run("printf 'k:v\\nnokey\\nx:\\n' | duolog produce letters -K : -H a=1 -H b= -Z" + broker_);
  const Finished text = run(
      "duolog consume letters -e -f '{partition}/{offset} {key}={value} [{headers}]\\n'" + broker_);
  EXPECT_EQ(text.output, "0/0 k=v [a=1,b=]\n0/1 =nokey [a=1,b=]\n0/2 x= [a=1,b=]\n");
  const Finished json = run("duolog consume letters -e --json" + broker_);
  EXPECT_THAT(json.output, HasSubstr(R"("key":null,"value":"nokey")"));
  EXPECT_THAT(json.output, HasSubstr(R"("key":"x","value":null,"headers":[{"k":"a","v":"1"})"));
}

TEST_F(ProgramTest, StartsAtAnOffsetOrAtTheLastRecordsAndStopsAfterACount) {
  run("seq 1 9 | duolog produce letters" + broker_);
  EXPECT_EQ(run("duolog consume letters -o 3 -c 2" + broker_).output, "4\n5\n");
  EXPECT_EQ(run("duolog consume letters -o -2 -e" + broker_).output, "8\n9\n");
  EXPECT_EQ(run("duolog consume letters -o latest -e" + broker_).output, "");
}

TEST_F(ProgramTest, ReadsEveryPartitionOrOnlyTheOneThatIsNamed) {
  run("echo zero | duolog produce spread -p 0 -q" + broker_);
  run("echo two | duolog produce spread -p 2 -q" + broker_);
  const Finished all =
      run("duolog consume spread -e -f '{partition}{value} '" + broker_ + "| wc -w");
  EXPECT_THAT(all.output, HasSubstr("2"));
  EXPECT_EQ(run("duolog consume spread -p 2 -e" + broker_).output, "two\n");
  const Finished wrong = run("duolog consume spread -p 3 -e" + broker_);
  EXPECT_THAT(wrong.output, HasSubstr("partition 3: the topic has 3 partitions, counted from 0"));
  EXPECT_EQ(wrong.status, 1);
}

TEST_F(ProgramTest, PutsKeysWhereJavasClientsDo) {
  run("printf 'MSFT:v\\nfoobar:v\\na:v\\nk:v\\n' | duolog produce spread -q -K :" + broker_);
  const std::string consume =
      "duolog consume spread -e -f '{key}={partition}\\n'" + broker_ + "| sort | xargs echo";
  EXPECT_EQ(run(consume).output, "MSFT=0 a=1 foobar=0 k=2\n");
  run("printf 'MSFT:v\\n' | duolog produce spread -q -K : -X partitioner=consistent" + broker_);
  EXPECT_THAT(run(consume).output, HasSubstr("MSFT=1"));
}

TEST_F(ProgramTest, DescribesATopicByItsOffsets) {
  run("seq 1 5 | duolog produce letters -q" + broker_);
  const Finished described = run("duolog topic describe letters" + broker_);
  EXPECT_THAT(described.output, StartsWith("topic letters, 1 partition\n"));
  EXPECT_THAT(described.output,
              HasSubstr("0                0                5                5\n"));
  EXPECT_THAT(run("duolog topic list" + broker_).output, HasSubstr("spread"));
}

TEST_F(ProgramTest, SaysThatATopicIsNotThere) {
  rd_kafka_mock_topic_set_error(cluster_.get(), "gone", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  const Finished consumed = run("duolog consume gone -e" + broker_);
  EXPECT_THAT(consumed.output, StartsWith("duolog consume: topic 'gone': no such topic"));
  EXPECT_EQ(consumed.status, 1);
}

TEST_F(ProgramTest, SaysWhichAddressDoesNotAnswerAndWhatToDo) {
  const Finished listed = run("duolog topic list -b 127.0.0.1:1 --timeout 1");
  EXPECT_THAT(listed.output, StartsWith("duolog topic: list topics: no answer from 127.0.0.1:1 "));
  EXPECT_THAT(listed.output, HasSubstr("Connection refused"));
  EXPECT_THAT(listed.output, HasSubstr("duolog serve"));
  EXPECT_EQ(listed.status, 1);
}

TEST_F(ProgramTest, AnswersWrongUsageWithStatusTwoAndTheWordThatIsWrong) {
  for (const char* wrong :
       {"duolog wrong", "duolog topic wrong", "duolog produce letters --wrong",
        "duolog produce letters --acks wrong", "duolog consume letters --from wrong",
        "duolog consume letters --format '{wrong}'", "duolog produce letters -H wrong </dev/null",
        "duolog topic list -X wrong=1"}) {
    const Finished finished = run(wrong);
    EXPECT_EQ(finished.status, 2) << wrong;
    EXPECT_THAT(finished.output, HasSubstr("wrong")) << wrong;
  }
  EXPECT_EQ(run("duolog").status, 2);
  EXPECT_EQ(run("duolog --help").status, 0);
}

TEST_F(ProgramTest, SaysWhichWordWasPerhapsMeant) {
  EXPECT_EQ(run("duolog topik list").output,
            "duolog: unknown command 'topik'; did you mean 'topic'?\n"
            "`duolog --help` says more.\n");
  EXPECT_EQ(run("duolog topic craete letters").output,
            "duolog topic: unknown command 'craete'; did you mean 'create'?\n"
            "`duolog topic --help` says more.\n");
  for (const auto& [wrong, right] :
       {std::pair{"duolog --versoin", "'--version'"},
        std::pair{"duolog produce letters --borker=127.0.0.1:1", "'--broker'"},
        std::pair{"duolog produce --ack 1", "'--acks'"},
        std::pair{"duolog topic create letters --partitons 3", "'--partitions'"},
        std::pair{"duolog serve --print-confg", "'--print-config'"}}) {
    const Finished finished = run(wrong);
    EXPECT_THAT(finished.output, HasSubstr(std::string("; did you mean ") + right + "?")) << wrong;
    EXPECT_EQ(finished.status, 2) << wrong;
  }
  const Finished far = run("duolog everything");
  EXPECT_EQ(far.output, "duolog: unknown command 'everything'\n`duolog --help` says more.\n");
  EXPECT_EQ(far.status, 2);
}

TEST_F(ProgramTest, DoesNotBlameTheServerForALimitOfTheClient) {
  const Finished produced =
      run("head -c 1100000 /dev/zero | tr '\\0' x | duolog produce letters" + broker_);
  EXPECT_THAT(produced.output, HasSubstr("-X message.max.bytes="));
  EXPECT_THAT(produced.output, HasSubstr("1000000 bytes"));
  EXPECT_THAT(produced.output, Not(HasSubstr("from 127.0.0.1")));
  EXPECT_EQ(produced.status, 1);
}

TEST_F(ProgramTest, PrintsItsVersion) {
  for (const char* command : {"duolog version", "duolog --version"}) {
    const Finished finished = run(command);
    EXPECT_THAT(finished.output, StartsWith("duolog "));
    EXPECT_THAT(finished.output, HasSubstr("commit "));
    EXPECT_EQ(finished.status, 0);
  }
}

}  // namespace
}  // namespace duolog::tools
