"""A file system that forgets what was not flushed, and one that fails: what was acked is there.

TEST_CUTS says how often it forgets. The seed is printed; TEST_SEED gives the same load again.
"""

import errno
import os
import random
import signal
import subprocess
import time
import unittest

import promised
from duolog_server import DEADLINE_S, DuologTest, run_program, until

CUTS = int(os.environ.get("TEST_CUTS", "5"))
SEED = int(os.environ.get("TEST_SEED", "0")) or time.time_ns() % 1_000_000_007

# The smallest that the server allows, so that rolls, bulk writes and recycling happen all the time.
SMALL = ["--segment-bytes", "2MiB", "--tail-memory-bytes", "8MiB", "--journal-min-bytes", "4MiB",
         "--journal-max-bytes", "8MiB", "--message-max-bytes", "1000000"]
TOPICS = "quick:4,os:2,single:1"
OS_TOPIC = 1  # its place in TOPICS
# One that is in use: where a further file cannot be made, the journal does without.
JOURNAL = "00000000.journal"


class ForgetfulMount:
    """The process of a mount; what is below it stays in the folder beside it."""

    def __init__(self, folder):
        self.backing = os.path.join(folder, "backing")
        self.path = os.path.join(folder, "mount")
        os.makedirs(self.backing)
        os.makedirs(self.path)
        self.process = None

    def mount(self):
        self.process = subprocess.Popen([os.environ["TEST_FORGETFUL_FS"], self.backing, self.path],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return self.process.stdout.readline() == b"mounted\n"

    def end(self, how):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(DEADLINE_S)
        if self.process is not None:
            self.process.stdout.close()

    def forget(self):
        """Takes back what was not flushed, and is there again."""
        self.end(signal.SIGUSR1)
        return self.mount()

    def fail(self, operation, error, times, word=""):
        """From now on, so many of these operations on paths with `word` in them."""
        with open(os.path.join(self.path, ".faults"), "wb", buffering=0) as faults:
            faults.write(f"{operation} {error} {times} {word}".encode())

    def failed(self):
        """How many have, since that was said."""
        with open(os.path.join(self.path, ".faults"), "rb", buffering=0) as faults:
            return int(faults.read(64))


class ForgetfulTest(DuologTest):

    def setUp(self):
        super().setUp()
        self.dice = random.Random(SEED)
        self.acked = os.path.join(self.scratch, "acked")
        self.promised = self.acked + ".promised"
        self.disk = ForgetfulMount(self.scratch)
        self.addCleanup(self.end)
        if not self.disk.mount():
            self.skipTest("a mount of its own needs root, or fusermount3, and /dev/fuse")
        print(f"seed {SEED}", flush=True)

    def end(self):
        for server in self.servers:
            if server.is_running():
                server.kill()
        self.disk.end(signal.SIGTERM)

    def serve_topics(self):
        server = self.server(*SMALL, name="mount/data")
        server.log_path = os.path.join(self.scratch, "server.log")
        server.start()
        server.create_topic("quick", 4)
        server.create_topic("os", 2, duolog_durability="os")
        server.create_topic("single", 1)
        return server

    def load(self, server, round_number, *settings):
        status, said = run_program("TEST_ACKED_LOAD", server.kafka, self.acked, TOPICS, SEED,
                                   round_number, "most=9000", "pending=500", *settings)
        self.assertEqual(status, 0, said)
        promised.keep_promised(self.acked, self.promised, OS_TOPIC)
        return said.strip()

    def assert_nothing_lost(self, server):
        status, said = run_program("TEST_ACKED_VERIFY", server.kafka, self.promised, TOPICS)
        self.assertEqual(status, 0, f"seed {SEED}: {said}")

    def test_what_was_flushed_is_all_that_is_needed(self):
        server = self.serve_topics()
        for number in range(1, CUTS + 1):
            said = self.load(server, number, f"kill={server.pid}",
                             f"delay_us={self.dice.randrange(3000)}",
                             f"after={self.dice.randrange(1, 4000)}",
                             f"rd.batch.num.messages={self.dice.choice([1, 10, 1000])}")
            server.wait()
            self.assertTrue(self.disk.forget())
            server.start("--shards", str(self.dice.choice([1, 2])))
            self.assert_nothing_lost(server)
            print(f"{number:3} {said}", flush=True)
        self.assert_stops_cleanly(server)

    def fail_under_load(self, server, operation, error, word):
        """Load until `operation` has failed and the server has ended of it."""
        self.load(server, 1, "records=500")
        self.disk.fail(operation, error, 1, word)
        for number in range(2, 12):  # a client that is not let run may give up before it has sent any
            said = self.load(server, number, "fail=1", "records=2000", "most=60000",
                             "rd.message.timeout.ms=5000")
            if self.disk.failed() > 0 or not server.is_running():
                break
        self.assertEqual(server.wait(), 1, server.log_text())
        self.assertEqual(self.disk.failed(), 1)
        last_line = server.log_text().strip().splitlines()[-1]
        self.assertIn("the disk failed: ", last_line)
        self.assertIn(os.strerror(error), last_line)
        print(f"{said}\n{last_line}", flush=True)
        server.start()
        self.assert_nothing_lost(server)
        self.assert_stops_cleanly(server)

    def test_a_write_to_the_journal_fails(self):
        self.fail_under_load(self.serve_topics(), "write", errno.EIO, JOURNAL)

    def test_a_flush_of_the_journal_fails(self):
        self.fail_under_load(self.serve_topics(), "flush", errno.EIO, JOURNAL)

    def test_a_flush_of_a_segment_fails(self):
        self.fail_under_load(self.serve_topics(), "flush", errno.EIO, ".log")

    def test_a_disk_is_full_for_a_while(self):
        server = self.serve_topics()
        self.load(server, 1, "records=500")
        self.disk.fail("allocate", errno.ENOSPC, 1_000_000, "data")
        self.assertIn("KAFKA_STORAGE_ERROR", self.load(server, 2, "fail=100"))
        self.assertTrue(server.is_running(), server.log_text())
        self.assertGreater(self.disk.failed(), 0)
        self.assert_nothing_lost(server)
        self.disk.fail("allocate", 0, 0)
        until(lambda: " 0 refused" in self.load(server, 3, "records=10", "rd.retries=1000"),
              "acks, now that there is room")
        server.kill()
        self.assertTrue(self.disk.forget())
        server.start()
        self.assert_nothing_lost(server)
        self.assert_stops_cleanly(server)


if __name__ == "__main__":
    unittest.main(verbosity=2)
