"""A partition that cannot be recovered after a kill: the server starts and serves the others, a
producer waits for it, and when its files are as they were, all of it is there."""

import os
import re
import subprocess
import unittest
import urllib.request

from duolog_server import DEADLINE_S, DuologTest, lasting_port, until

EACH = 200
HURT = 1


def lines(first, end):
    return b"".join(b"%d\n" % n for n in range(first, end))


class OfflinePartitionTest(DuologTest):

    def setUp(self):
        super().setUp()
        self.server_ = self.server("--shards", "2")
        self.server_.lasting_kafka_port = lasting_port()
        self.server_.start()
        self.server_.create_topic("t", partitions=3)
        for partition in range(3):
            self.server_.kcat("-P", "-t", "t", "-p", str(partition), data=lines(0, EACH))
        self.metadata_ = os.path.join(self.server_.data_dir, "topics", f"t-{HURT}",
                                      "partition.metadata")
        with open(self.metadata_, "rb") as file:
            self.whole_ = file.read()
        self.server_.kill()  # so that its journal is needed
        self.write(b"version: 0\n")
        self.server_.start()

    def write(self, content):
        with open(self.metadata_, "wb") as file:
            file.write(content)

    def come_back(self):
        self.assertEqual(self.server_.stop(), 0)
        self.write(self.whole_)
        self.server_.start()

    def read(self, partition):
        return self.server_.kcat("-C", "-t", "t", "-p", str(partition), "-o", "beginning", "-e",
                                 "-q")

    def metric(self, name):
        with urllib.request.urlopen(f"http://{self.server_.http}/metrics") as answer:
            rows = answer.read().decode().splitlines()
        return sum(int(float(row.split()[-1])) for row in rows if row.startswith(name))

    def test_the_others_are_served_and_it_is_named(self):
        for partition in (0, 2):
            self.assertEqual(self.read(partition), lines(0, EACH))
        log = self.server_.log_text()
        self.assertEqual(log.count(f"partition t-{HURT} is offline"), 1)
        self.assertIn(self.metadata_, log)
        self.assertIn("duolog log repair", log)
        until(lambda: self.metric("duolog_offline_partitions") == 1, "the metric to say so")
        self.assertGreater(self.metric("duolog_kept_journal_bytes"), 0)
        described = self.server_.duolog("topic", "describe", "t").decode()
        self.assertRegex(described, rf"(?m)^ +{HURT} +offline$")
        self.assertRegex(described, rf"(?m)^ +0 +0 +{EACH} ")
        # kcat says what Metadata says: no leader, and why.
        listed = self.server_.kcat("-L", "-t", "t").decode()
        self.assertRegex(listed, rf"partition {HURT}, leader -1, .*Leader not available")
        self.assertIsNone(re.search(r"partition 0, leader -1", listed))

        # A clean stop and another start lose nothing of it.
        self.assertEqual(self.server_.stop(), 0)
        self.server_.start()
        self.come_back()
        for partition in range(3):
            self.assertEqual(self.read(partition), lines(0, EACH))
        until(lambda: self.metric("duolog_offline_partitions") == 0, "the metric to say so")
        self.assertEqual(self.metric("duolog_kept_journal_bytes"), 0)
        self.assert_stops_cleanly(self.server_)

    def test_a_producer_waits_for_it(self):
        # librdkafka; kcat would end when no broker is there.
        producer = subprocess.Popen(
            [os.environ["TEST_PROGRAM"], "produce", "t", "-b", self.server_.kafka, "-p", str(HURT),
             "--timeout", str(DEADLINE_S), "-X", "topic.metadata.refresh.interval.ms=200", "-X",
             "reconnect.backoff.max.ms=200"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.addCleanup(producer.kill)
        producer.stdin.write(lines(EACH, EACH + 10))
        producer.stdin.close()
        self.server_.kcat("-P", "-t", "t", "-p", "0", data=lines(EACH, EACH + 10))
        self.assertIsNone(producer.poll())
        self.come_back()
        self.assertEqual(producer.wait(DEADLINE_S), 0)
        self.assertEqual(self.read(HURT), lines(0, EACH + 10))
        self.assertEqual(self.read(0), lines(0, EACH + 10))
        self.assert_stops_cleanly(self.server_)

    def test_its_topic_can_be_deleted(self):
        self.server_.duolog("topic", "delete", "t")
        until(lambda: self.metric("duolog_offline_partitions") == 0, "the metric to say so")
        self.assertEqual(self.metric("duolog_kept_journal_bytes"), 0)
        self.server_.kcat("-P", "-t", "whole", data=lines(0, 3))
        self.assert_stops_cleanly(self.server_)
        self.server_.start()
        self.assertEqual(self.server_.kcat("-C", "-t", "whole", "-e", "-q"), lines(0, 3))
        self.assert_stops_cleanly(self.server_)


if __name__ == "__main__":
    unittest.main(verbosity=2)
