"""Kafka's own tool for segments reads ours, and their indexes: kafka-dump-log.sh."""

import os
import re
import unittest

import apache_kafka
from duolog_server import DuologTest, run

TOOL = "org.apache.kafka.tools.DumpLogSegments"
RECORDS = 3000


class DumpLogSegmentsTest(DuologTest):

    def dump(self, *options):
        done = run(apache_kafka.java(TOOL, *options))
        said = done.stdout.decode(errors="replace")
        self.assertEqual(done.returncode, 0, said)
        return said

    def filled(self):
        server = self.serve("--shards", "1")
        server.create_topic("orders", segment_bytes=1 << 20)
        lines = b"".join(b"k%d:v%s\n" % (i, os.urandom(500).hex().encode())
                         for i in range(RECORDS // 5))
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            server.kcat("-P", "-t", "orders", "-p", "0", "-K:", "-z", codec, "-H", "a=1",
                        "-X", "batch.num.messages=10", data=lines)
        self.assert_stops_cleanly(server)
        return server.segments("orders")

    def test_it_reads_segments_and_their_indexes(self):
        segments = self.filled()
        self.assertGreater(len(segments), 2)
        for options in (["--deep-iteration"], ["--print-data-log"]):
            said = self.dump("--files", ",".join(segments), *options)
            offsets = [int(offset) for offset in re.findall(r"(?m)^\| offset: (\d+) ", said)]
            self.assertEqual(offsets, list(range(RECORDS)))
            self.assertNotIn("isvalid: false", said)
            self.assertNotRegex(said, r"(?i)invalid bytes|corrupt|exception")
            # It says that of the first record of every segment but the first, whoever wrote it.
            self.assertEqual(set(re.findall(r"(?m)^ +(-?\d+) is followed by", said)) - {"-1"}, set())
            self.assertEqual(set(re.findall(r"compresscodec: (\S+)", said)),
                             {"none", "gzip", "snappy", "lz4", "zstd"})
        self.assertIn("payload: v", said)
        indexes = [path for segment in segments for suffix in (".index", ".timeindex")
                   if os.path.exists(path := segment.removesuffix(".log") + suffix)]
        self.assertGreater(len(indexes), 2)
        last_offsets = {int(base): int(last) for base, last in
                        re.findall(r"(?m)^baseOffset: (\d+) lastOffset: (\d+) ", said)}
        for options in ([], ["--verify-index-only"]):
            said = self.dump("--files", ",".join(indexes), *options)
            # An entry of ours has its batch's first offset, one of Kafka's the last: both lead every
            # reader to the batch, and the tool remarks on it. It has nothing else to say.
            for first, last in re.findall(r"Index offset: (\d+), log offset: (\d+)", said):
                self.assertEqual(last_offsets[int(first)], int(last))
            self.assertNotRegex(said, r"(?i)mismatches in :\S+timeindex|out of order|invalid|corrupt|"
                                      r"exception|not found")
        said = self.dump("--files", ",".join(indexes))
        self.assertRegex(said, r"(?m)^offset: \d+ position: \d+")
        self.assertRegex(said, r"(?m)^timestamp: \d+ offset: \d+")

    def test_it_says_when_an_index_is_wrong(self):
        """So that nothing said of ours means something."""
        index = self.filled()[0].removesuffix(".log") + ".index"
        with open(index, "r+b") as file:
            file.seek(3)
            entry = file.read(1)[0]
            file.seek(3)
            file.write(bytes([entry + 1]))  # the first entry's offset
        done = run(apache_kafka.java(TOOL, "--verify-index-only", "--files", index))
        self.assertIn(b"Index offset: %d," % (entry + 1), done.stdout)


if __name__ == "__main__":
    unittest.main()
