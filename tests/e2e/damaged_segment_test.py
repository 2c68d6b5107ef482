"""A bit that is flipped in a segment of a stopped server: who reads there is told, what is before and
behind it is read, and the log and the counter name it once."""

import json
import os
import subprocess
import unittest

from duolog_server import DEADLINE_S, DuologTest, until
from record_batches import read_batches

RECORD = b"%06d " + b"x" * 1000
RECORDS = 3000
VICTIM = 40  # the batch, of those in the first segment


def lines(first, end):
    return b"".join(RECORD % n + b"\n" for n in range(first, end))


class DamagedSegmentTest(DuologTest):

    def setUp(self):
        super().setUp()
        self.server_ = self.serve("--shards", "2")
        self.server_.create_topic("hurt", segment_bytes=str(1 << 20))
        self.server_.create_topic("whole")
        self.server_.kcat("-P", "-t", "whole", data=b"one\n")
        self.server_.kcat("-P", "-t", "hurt", "-X", "batch.num.messages=10",
                          data=lines(0, RECORDS))
        for _ in range(2):  # the second start and stop leave nothing of it in the journal
            self.assertEqual(self.server_.stop(), 0)
            self.server_.start()
        self.assertEqual(self.server_.stop(), 0)

    def flip(self, at, byte):
        """Flips a bit of a byte of a batch; returns where it begins, and its offsets."""
        path = self.server_.segments("hurt")[0]
        batches = read_batches(path)
        self.assertGreater(len(batches), at + 10)
        position = sum(batch.size_bytes for batch in batches[:at])
        with open(path, "r+b") as file:
            file.seek(position + byte)
            was = file.read(1)[0]
            file.seek(position + byte)
            file.write(bytes([was ^ 4]))
        return path, position, batches[at].base_offset, batches[at].last_offset + 1

    def consume(self, *options):
        return self.server_.kcat("-C", "-t", "hurt", "-q", *options)

    def check(self, byte):
        path, position, first, end = self.flip(VICTIM, byte)
        self.server_.start()
        before = self.consume("-o", "beginning", "-c", str(first))
        self.assertEqual(before, lines(0, first))
        self.assertEqual(self.consume("-o", str(end), "-e"), lines(end, RECORDS))
        with self.assertRaisesRegex(AssertionError, "Broker: Invalid message"):  # CORRUPT_MESSAGE
            self.consume("-o", str(first), "-e")
        line = f"topic hurt, partition 0: damaged on disk in {path} at position {position}: " \
               f"offsets {first} to {end - 1} cannot be read"
        until(lambda: line in self.server_.log_text(), "the log to name it")
        self.assertEqual(self.server_.log_text().count("damaged on disk"), 1)
        self.assertEqual(self.server_.counted("duolog_store_damaged_batches_total"), 1)
        self.push(first, end)
        self.assertEqual(self.server_.log_text().count("cannot be read"), 1)
        self.assertEqual(self.server_.kcat("-C", "-t", "whole", "-e", "-q"), b"one\n")
        self.server_.kcat("-P", "-t", "hurt", data=b"more\n")
        self.assertEqual(self.consume("-o", str(RECORDS), "-e"), b"more\n")
        self.assert_stops_cleanly(self.server_)

    def push(self, first, end):
        """A subscriber is told of a gap, and goes on behind it."""
        done = subprocess.run(
            [os.environ["TEST_PROGRAM"], "consume", "hurt", "--push", "--from", "earliest",
             "--exit", "--json", "--http", self.server_.http], capture_output=True,
            timeout=DEADLINE_S, check=True)
        offsets = [json.loads(line)["offset"] for line in done.stdout.splitlines()]
        self.assertEqual(offsets, [*range(first), *range(end, RECORDS)])
        self.assertIn("damaged", done.stderr.decode())

    def test_in_the_payload(self):
        self.check(5000)

    def test_in_the_length(self):
        self.check(10)

    def test_in_the_base_offset(self):
        self.check(6)


if __name__ == "__main__":
    unittest.main(verbosity=2)
