"""One idempotent producer (librdkafka's) over many kill -9 and lost answers: each of its records is
in the log once, at the offset that it was acked with.

The producer goes on through all of it, and sends again what was not answered. TEST_KILLS says how
often. The seed is printed; TEST_SEED gives the same load again.
"""

import os
import random
import subprocess
import time
import unittest

from duolog_server import DEADLINE_S, DuologTest, run_program, until
from relay import Relay

ROUNDS = int(os.environ.get("TEST_KILLS", "10"))
SEED = int(os.environ.get("TEST_SEED", "0")) or time.time_ns() % 1_000_000_007

SMALL = ["--segment-bytes", "2MiB", "--tail-memory-bytes", "8MiB", "--journal-min-bytes", "4MiB",
         "--journal-max-bytes", "8MiB", "--message-max-bytes", "1000000"]
TOPICS = "quick:4,os:2,single:1"
ACKED_BYTES = 24  # of one ack in the file: tests/crash/acked.h
IDEMPOTENT = ["rd.enable.idempotence=true", "rd.retries=1000000", "rd.retry.backoff.ms=10",
              "rd.reconnect.backoff.ms=10", "rd.reconnect.backoff.max.ms=50"]


class IdempotenceTest(DuologTest):

    def setUp(self):
        super().setUp()
        self.acked = os.path.join(self.scratch, "acked")
        self.relay = Relay()
        self.addCleanup(self.relay.close)
        self.dice = random.Random(SEED)
        self.load = None
        print(f"{ROUNDS} rounds, seed {SEED}", flush=True)

    def begin(self, *settings):
        """A server behind the relay, and a producer that ends when it is told to."""
        server = self.serve(*SMALL, "--advertise", f"127.0.0.1:{self.relay.port}")
        self.relay.target = server.kafka_port
        server.create_topic("quick", 4)
        server.create_topic("os", 2, duolog_durability="os")
        server.create_topic("single", 1)
        command = [os.environ["TEST_ACKED_LOAD"], f"127.0.0.1:{self.relay.port}", self.acked,
                   TOPICS, str(SEED), "1", "until_input=1", "pending=300", *IDEMPOTENT, *settings]
        self.load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.load.kill)
        return server

    def acks(self):
        return os.path.getsize(self.acked) // ACKED_BYTES if os.path.exists(self.acked) else 0

    def await_acks(self, more):
        wanted = self.acks() + more
        until(lambda: self.acks() >= wanted or self.load.poll() is not None, f"{wanted} acks")
        self.assertIsNone(self.load.poll(), "the producer gave up")

    def end(self, server):
        said, _ = self.load.communicate(b"stop\n", DEADLINE_S)
        said = said.decode().strip()
        print(said, flush=True)
        self.assertEqual(self.load.returncode, 0, said)
        self.assertTrue(said.endswith(" acked, 0 refused:"), said)
        status, found = run_program("TEST_ACKED_VERIFY", server.kafka, self.acked, TOPICS)
        self.assertEqual(status, 0, f"seed {SEED}: {found}")
        self.assertEqual(sum(int(end.rsplit(":", 1)[1]) for end in found.strip().split(",")),
                         self.acks(), "there is more in the log than was sent")

    def test_kills(self):
        server = self.begin("least=8", "most=4000", "rd.linger.ms=1")
        for _ in range(ROUNDS):
            self.await_acks(self.dice.randrange(1, 1500))
            server.kill()
            self.relay.cut()
            server.start("--shards", str(self.dice.choice([1, 2])))
            self.relay.target = server.kafka_port
        self.await_acks(1000)
        self.end(server)

    def test_lost_answers(self):
        server = self.begin("least=8", "most=400", "rd.linger.ms=0")
        for _ in range(4 * ROUNDS):
            self.await_acks(self.dice.randrange(1, 300))
            self.relay.cut()
        self.await_acks(300)
        self.end(server)


if __name__ == "__main__":
    unittest.main(verbosity=2)
