"""A segment whose bytes the disk does not give, as one that is cut while the server reads it: who
reads there fails, the log names the file, everybody else does not notice."""

import os
import subprocess
import unittest
import urllib.request

from duolog_server import DuologTest, until

RECORD = b"%06d " + b"x" * 1000 + b"\n"
RECORDS = 3000
WHOLE_BYTES = 1 << 20  # what is left of the first segment


def records(count):
    return b"".join(RECORD % n for n in range(count))


class LostPagesTest(DuologTest):

    def setUp(self):
        super().setUp()
        self.server_ = self.serve("--shards", "2")
        self.server_.create_topic("cut", segment_bytes=str(64 << 20))
        self.server_.create_topic("whole")
        self.server_.kcat("-P", "-t", "whole", data=b"one\n")
        self.server_.kcat("-P", "-t", "cut", data=records(RECORDS))
        self.assertEqual(self.server_.stop(), 0)  # so that it is read from the file
        self.server_.start()

    def read(self, *options):
        return self.server_.kcat("-C", "-t", "cut", "-q", *options)

    def lost_pages(self):
        with urllib.request.urlopen(f"http://{self.server_.http}/metrics") as answer:
            rows = answer.read().decode().splitlines()
        return sum(int(float(row.split()[-1])) for row in rows
                   if row.startswith("duolog_store_lost_pages_total"))

    def attempt(self):
        """A consumer that reads to the end, or would like to, until it is told otherwise."""
        with subprocess.Popen(
                ["kcat", "-b", self.server_.kafka, "-X", "check.crcs=true", "-C", "-t", "cut",
                 "-o", "beginning", "-e", "-q"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as consumer:
            until(lambda: "topics/cut-0" in self.server_.log_text(), "the log to name the file")
            consumer.kill()

    def check(self, path):
        until(lambda: path in self.server_.log_text(), "the log to name the file")
        self.assertTrue(self.server_.is_running())
        self.assertEqual(self.server_.kcat("-C", "-t", "whole", "-e", "-q"), b"one\n")
        self.server_.kcat("-P", "-t", "whole", data=b"two\n")
        self.assertEqual(self.server_.kcat("-C", "-t", "whole", "-e", "-q"), b"one\ntwo\n")
        self.assert_stops_cleanly(self.server_)

    def test_a_segment_that_is_cut_behind_who_has_read_it(self):
        self.assertEqual(self.read("-e"), records(RECORDS))
        path = self.server_.segments("cut")[0]
        os.truncate(path, WHOLE_BYTES)
        self.attempt()
        until(lambda: self.lost_pages() > 0, "the counter")
        # What is left is still there to be read.
        self.assertEqual(self.read("-o", "beginning", "-c", "500"), records(500))
        self.check(path)

    def test_a_segment_that_is_cut_before_it_is_read(self):
        path = self.server_.segments("cut")[0]
        os.truncate(path, WHOLE_BYTES)
        self.attempt()
        self.assertEqual(self.lost_pages(), 0)
        self.check(path)

    def test_a_feed_over_a_segment_that_is_cut(self):
        self.assertEqual(self.read("-e"), records(RECORDS))
        path = self.server_.segments("cut")[0]
        os.truncate(path, WHOLE_BYTES)
        command = [os.environ["TEST_PROGRAM"], "consume", "cut", "--push", "--from", "earliest",
                   "--http", self.server_.http]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as consumer:
            until(lambda: "topics/cut-0" in self.server_.log_text(), "the log to name the file")
            consumer.kill()
        until(lambda: self.lost_pages() > 0, "the counter")
        self.check(path)


if __name__ == "__main__":
    unittest.main(verbosity=2)
