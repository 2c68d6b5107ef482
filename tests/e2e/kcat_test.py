"""kcat, unmodified: what it writes comes back byte for byte, from wherever one asks."""

import json
import random
import re
import subprocess
import unittest
from collections import namedtuple

from duolog_server import DEADLINE_S, DuologTest
from record_batches import read_batches

RECORDS = 100_000
KEY_END, RECORD_END = b"\x1f", b"\x1e"

Record = namedtuple("Record", "partition offset timestamp key value headers")


def make_records(count, seed):
    """(key, value) pairs of any bytes but the separators; some keys and some values are null."""
    dice = random.Random(seed)
    legal = bytes(b for b in range(256) if bytes([b]) not in (KEY_END, RECORD_END))
    noise = bytes(dice.choice(legal) for _ in range(4096))
    records = []
    for number in range(count):
        at, size = dice.randrange(4000), dice.randrange(60)
        value = b"%d:" % number + noise[at:at + size]
        key = None if dice.random() < 0.2 else b"key-%d" % dice.randrange(1000)
        if key is not None and dice.random() < 0.1:
            key, value = b"gone-%d" % number, None
        records.append((key, value))
    return records


def as_lines(records):
    return RECORD_END.join((key or b"") + KEY_END + (value or b"") for key, value in records)


def parse(output):
    """The records that kcat printed with FORMAT."""
    records, at = [], 0
    while at < len(output):
        end = output.index(b"\n", at)
        partition, offset, timestamp, key_size, value_size = map(int, output[at:end].split())
        at = end + 1
        key = value = None
        if key_size >= 0:
            key = output[at:at + key_size]
            at += key_size
        if value_size >= 0:
            value = output[at:at + value_size]
            at += value_size
        end = output.index(RECORD_END, at)
        records.append(Record(partition, offset, timestamp, key, value, output[at:end]))
        at = end + 1
    return records


FORMAT = r"%p %o %T %K %S\n%k%s%h\x1e"


class KcatTest(DuologTest):

    def produce(self, server, topic, records, *options):
        server.kcat("-P", "-t", topic, "-K", r"\x1f", "-D", r"\x1e", "-Z", *options,
                    data=as_lines(records))

    def consume(self, server, topic, *options):
        return parse(server.kcat("-C", "-t", topic, "-e", "-q", "-f", FORMAT, *options))

    def round_trip(self, partitions):
        server = self.serve()
        server.create_topic("t", partitions)
        records = make_records(RECORDS, seed=partitions)
        parts = [records[at:at + RECORDS // 4] for at in range(0, RECORDS, RECORDS // 4)]
        for number, part in enumerate(parts):
            self.produce(server, "t", part, "-H", f"part={number}", "-H", "origin=kcat")
        expected = [(key, value, b"part=%d,origin=kcat" % number)
                    for number, part in enumerate(parts) for key, value in part]
        got = self.consume(server, "t", "-o", "beginning")
        self.assertEqual(len(got), RECORDS)
        self.assertEqual({r.partition for r in got}, set(range(partitions)))
        if partitions == 1:
            self.assertEqual([(r.key, r.value, r.headers) for r in got], expected)
        for partition in range(partitions):
            mine = [r for r in got if r.partition == partition]
            self.assertEqual([r.offset for r in mine], list(range(len(mine))))
            self.assert_in_order(mine)
        self.assertEqual(sorted(((r.key or b"", r.value or b"", r.headers) for r in got)),
                         sorted((k or b"", v or b"", h) for k, v, h in expected))
        self.assertEqual(sum(r.key is None for r in got), sum(k is None for k, _, _ in expected))
        self.assertEqual(sum(r.value is None for r in got), sum(v is None for _, v, _ in expected))
        self.assert_stops_cleanly(server)

    def assert_in_order(self, records):
        """The number at the head of a value rises within a partition."""
        numbers = [int(re.match(rb"(\d+):", r.value).group(1)) for r in records if r.value]
        self.assertEqual(numbers, sorted(numbers))

    def test_100000_records_come_back_byte_for_byte_from_one_partition(self):
        self.round_trip(1)

    def test_100000_records_come_back_byte_for_byte_from_eight_partitions(self):
        self.round_trip(8)

    def test_metadata_lists_the_broker_and_every_topic(self):
        server = self.serve()
        server.create_topic("one")
        server.create_topic("eight", 8)
        listed = json.loads(server.kcat("-L", "-J"))
        self.assertEqual([b["name"] for b in listed["brokers"]], [server.kafka])
        node = listed["brokers"][0]["id"]
        self.assertEqual({t["topic"]: sorted(p["partition"] for p in t["partitions"])
                          for t in listed["topics"]},
                         {"one": [0], "eight": list(range(8))})
        for topic in listed["topics"]:
            for partition in topic["partitions"]:
                self.assertEqual(partition["leader"], node)
                self.assertEqual(partition["isrs"], [{"id": node}])

    def test_a_topic_that_a_producer_names_is_created(self):
        server = self.serve("--num-partitions", "3")
        self.produce(server, "fresh", [(b"k", b"v")])
        listed = json.loads(server.kcat("-L", "-J", "-t", "fresh"))
        self.assertEqual(len(listed["topics"][0]["partitions"]), 3)
        self.assertEqual([(r.key, r.value) for r in self.consume(server, "fresh")], [(b"k", b"v")])

    def test_reads_from_any_offset(self):
        server = self.serve()
        self.produce(server, "t", [(None, b"%d" % n) for n in range(1000)])
        for asked, first in (("beginning", 0), ("0", 0), ("1", 1), ("517", 517), ("999", 999),
                             ("1000", 1000), ("-1000", 0), ("-10", 990), ("-1", 999),
                             ("end", 1000)):
            with self.subTest(offset=asked):
                got = self.consume(server, "t", "-p", "0", "-o", asked)
                self.assertEqual([int(r.value) for r in got], list(range(first, 1000)))

    def test_reads_between_two_times(self):
        server = self.serve()
        for part in range(10):
            self.produce(server, "t", [(None, b"%d" % (part * 50 + n)) for n in range(50)])
        everything = self.consume(server, "t")
        times = [r.timestamp for r in everything]
        self.assertEqual(times, sorted(times))
        for begin, end in ((times[0], times[-1]), (times[60], times[260]), (times[260], times[310]),
                           (times[0] - 1000, times[200]), (times[499], times[499] + 1000)):
            with self.subTest(begin=begin - times[0], end=end - times[0]):
                got = self.consume(server, "t", "-o", f"s@{begin}", "-o", f"e@{end}")
                self.assertEqual([r.offset for r in got],
                                 [r.offset for r in everything if begin <= r.timestamp < end])
        self.assertEqual(self.consume(server, "t", "-o", f"s@{times[-1] + 1000}"), [])

    def test_batches_are_stored_as_the_client_compressed_them(self):
        server = self.serve()
        records = [(b"key", b"a compressible value, a compressible value %d" % n)
                   for n in range(5000)]
        codecs = ["none", "gzip", "snappy", "lz4", "zstd"]
        for codec in codecs:
            self.produce(server, codec, records, "-z", codec, "-X", "linger.ms=50")
            got = self.consume(server, codec)
            self.assertEqual([(r.key, r.value) for r in got], records, codec)
        self.assert_stops_cleanly(server)
        sizes = {}
        for codec in codecs:
            batches = [b for path in server.segments(codec) for b in read_batches(path)]
            self.assertEqual({b.codec for b in batches}, {codec})
            self.assertEqual(sum(b.records for b in batches), len(records))
            sizes[codec] = sum(b.size_bytes for b in batches)
        for codec in codecs[1:]:
            self.assertLess(sizes[codec], sizes["none"] // 2)

    def test_a_consumer_that_waits_gets_a_record_when_it_is_written(self):
        server = self.serve()
        self.produce(server, "t", [(None, b"before")])
        consumer = subprocess.Popen(
            ["kcat", "-b", server.kafka, "-C", "-t", "t", "-c", "3", "-u", "-q"],
            stdout=subprocess.PIPE)
        self.addCleanup(consumer.kill)
        self.assertEqual(consumer.stdout.readline(), b"before\n")
        self.produce(server, "t", [(None, b"after")])
        self.assertEqual(consumer.stdout.readline(), b"after\n")
        self.produce(server, "t", [(None, b"last")])
        self.assertEqual(consumer.communicate(timeout=DEADLINE_S)[0], b"last\n")

    def test_everything_is_there_after_a_clean_stop_and_after_a_kill(self):
        server = self.serve("--segment-bytes", "2MiB")
        written = []
        for number, end in enumerate((server.stop, server.kill, server.stop)):
            part = make_records(20_000, seed=100 + number)
            self.produce(server, "t", part)
            written += part
            end()
            server.start()
            got = self.consume(server, "t")
            self.assertEqual([(r.key, r.value) for r in got], written)
            self.assertEqual([r.offset for r in got], list(range(len(written))))
        self.assertGreater(len(server.segments("t")), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
