"""librdkafka, unmodified, from C++: every byte of a record comes back, with every acks and codec.

TEST_MATRIX=whole runs each acks with each codec; without it, a few combinations that differ in
all of them.
"""

import itertools
import os
import unittest

from duolog_server import DuologTest, run_program
from record_batches import read_batches

RECORDS = 100_000
ACKS = ["0", "1", "all"]
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
FEW = [(1, "all", "none"), (8, "all", "zstd"), (8, "1", "lz4"), (1, "0", "snappy"),
       (8, "0", "gzip")]


def combinations():
    if os.environ.get("TEST_MATRIX") == "whole":
        return list(itertools.product([1, 8], ACKS, CODECS))
    return FEW


class RdkafkaTest(DuologTest):

    def round_trip(self, server, topic, partitions, *settings, read_seed=1):
        server.create_topic(topic, partitions)
        return run_program("TEST_ROUNDTRIP", server.kafka, topic, partitions, RECORDS, 1,
                           read_seed, *settings)

    def test_100000_records_come_back_byte_for_byte(self):
        server = self.serve("--segment-bytes", "4MiB")
        for partitions, acks, codec in combinations():
            with self.subTest(partitions=partitions, acks=acks, codec=codec):
                topic = f"{partitions}-{acks}-{codec}"
                status, said = self.round_trip(server, topic, partitions, f"acks={acks}",
                                               f"compression.codec={codec}")
                self.assertEqual((status, said), (0, f"{RECORDS} records came back alike\n"))
        self.assert_stops_cleanly(server)
        for partitions, acks, codec in combinations():
            for partition in range(partitions):
                batches = [b for path in server.segments(f"{partitions}-{acks}-{codec}", partition)
                           for b in read_batches(path)]
                # librdkafka leaves alone what compression would not make smaller.
                self.assertLessEqual({b.codec for b in batches}, {codec, "none"})
                self.assertIn(codec, {b.codec for b in batches})
                self.assertEqual(sum(b.records for b in batches), RECORDS // partitions)

    def test_across_two_shards(self):
        server = self.serve("--shards", "2")
        status, said = self.round_trip(server, "t", 8, "acks=all")
        self.assertEqual((status, said), (0, f"{RECORDS} records came back alike\n"))
        self.assert_stops_cleanly(server)

    def test_an_idempotent_producer(self):
        server = self.serve("--shards", "2")
        status, said = self.round_trip(server, "t", 8, "enable.idempotence=true")
        self.assertEqual((status, said), (0, f"{RECORDS} records came back alike\n"))
        self.assert_stops_cleanly(server)
        batches = [b for p in range(8) for path in server.segments("t", p)
                   for b in read_batches(path)]
        self.assertEqual({b.producer_id for b in batches}, {batches[0].producer_id})
        self.assertGreaterEqual(batches[0].producer_id, 0)

    def test_settings_of_a_topic_are_read_and_changed(self):
        server = self.serve("--shards", "2")
        server.create_topic("t", 2, retention_ms=5000)
        server.duolog("topic", "alter", "t", "--config", "segment.ms=7000", "--config",
                      "cleanup.policy=compact,delete")
        server.duolog("topic", "alter", "t", "--unset", "retention.ms")
        server.stop()
        server.start()
        said = server.duolog("topic", "describe", "t", "--settings").decode()
        self.assertTrue(said.endswith("  cleanup.policy=compact,delete\n  segment.ms=7000\n"), said)
        with self.assertRaisesRegex(AssertionError, "Not a number"):
            server.duolog("topic", "alter", "t", "--config", "segment.ms=soon")
        with self.assertRaisesRegex(AssertionError, "alter|settings"):
            server.duolog("topic", "alter", "never-there", "--config", "segment.ms=1")

    def test_a_record_that_differs_is_noticed(self):
        status, said = self.round_trip(self.serve(), "t", 1, read_seed=2)
        self.assertEqual(status, 1)
        self.assertIn("differs", said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
