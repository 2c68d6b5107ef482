"""kill -9 under load, again and again on one data directory: nothing that was acked is lost.

TEST_KILLS says how often. The seed is printed; TEST_SEED gives the same load again.
"""

import os
import random
import time
import unittest

from duolog_server import DuologTest, lasting_port, run_program

ROUNDS = int(os.environ.get("TEST_KILLS", "50"))
SEED = int(os.environ.get("TEST_SEED", "0")) or time.time_ns() % 1_000_000_007

# The smallest that the server allows, so that rolls, bulk writes and recycling happen all the time.
SMALL = ["--segment-bytes", "2MiB", "--tail-memory-bytes", "8MiB", "--journal-min-bytes", "4MiB",
         "--journal-max-bytes", "8MiB", "--message-max-bytes", "1000000"]
TOPICS = "quick:4,os:2,single:1"


def small_records(dice):
    """Many small acks, each a group of its own or a few together."""
    return ["least=8", "most=400", "pending=200", f"after={dice.randrange(1, 8000)}",
            "rd.linger.ms=0", f"rd.batch.num.messages={dice.choice([1, 10, 1000])}"]


def bulk(dice):
    """Batches of up to 1 MB, more pending than the tails hold."""
    return ["least=1000", "most=60000", "pending=3000", f"after={dice.randrange(1, 1200)}",
            "rd.linger.ms=5", "rd.batch.size=900000"]


def mixed(dice):
    """Anything from eight bytes to what fills a chunk of memory and more."""
    return ["least=8", "most=9000", "pending=2000", f"after={dice.randrange(1, 6000)}",
            "rd.linger.ms=1", f"rd.compression.codec={dice.choice(['none', 'lz4', 'zstd'])}"]


class KillTest(DuologTest):

    def setUp(self):
        super().setUp()
        self.acked = os.path.join(self.scratch, "acked")

    def load(self, server, round_number, *settings):
        status, said = run_program("TEST_ACKED_LOAD", server.kafka, self.acked, TOPICS,
                                   SEED, round_number, f"kill={server.pid}", *settings)
        self.assertEqual(status, 0, said)
        return said.strip()

    def verify(self, server, first=None):
        words = [first] if first else []
        status, said = run_program("TEST_ACKED_VERIFY", server.kafka, self.acked, TOPICS,
                                   *words)
        self.assertEqual(status, 0, f"seed {SEED}: {said}")
        return said.strip()

    def test_nothing_acked_is_lost_in_many_kills(self):
        print(f"{ROUNDS} kills, seed {SEED}", flush=True)
        dice = random.Random(SEED)
        server = self.serve(*SMALL)
        server.create_topic("quick", 4)
        server.create_topic("os", 2, duolog_durability="os")
        server.create_topic("single", 1)
        older = newer = None  # the ends before the last round and the one before
        for number in range(1, ROUNDS + 1):
            plan = dice.choice([small_records, bulk, mixed])
            said = self.load(server, number, f"delay_us={dice.randrange(3000)}", *plan(dice))
            server.wait()
            shards = dice.choice([1, 1, 2])
            began = time.monotonic()
            server.start("--shards", str(shards))
            took_ms = 1000 * (time.monotonic() - began)
            # Everything now and then; else what the last two rounds wrote.
            everything = number % 10 == 0 or number == ROUNDS
            older, newer = newer, self.verify(server, None if everything else older)
            print(f"{number:3} {plan.__name__:13} {said} up in {took_ms:.0f} ms on {shards}",
                  flush=True)
        self.assertEqual(server.stop(), 0, server.log_text())
        server.start()
        self.assertEqual(self.verify(server), newer)

    def test_the_check_notices_an_ack_that_is_not_in_the_log(self):
        server = self.serve(*SMALL)
        for name, partitions in (("quick", 4), ("os", 2), ("single", 1)):
            server.create_topic(name, partitions)
        self.load(server, 1, "after=500")
        server.wait()
        server.start()
        self.verify(server)
        with open(self.acked, "ab") as acked:
            acked.write((2).to_bytes(4, "little") + (0).to_bytes(4, "little") +
                        (10**6).to_bytes(8, "little") + (1).to_bytes(8, "little"))
        status, said = run_program("TEST_ACKED_VERIFY", server.kafka, self.acked, TOPICS)
        self.assertEqual(status, 1)
        self.assertIn("lost", said)

    def test_a_killed_server_comes_back_to_its_port_at_once(self):
        server = self.server("--shards", "2")
        server.lasting_kafka_port = lasting_port()
        for _ in range(20):  # about a quarter of them find the port not yet free
            server.start()
            server.kill()


if __name__ == "__main__":
    unittest.main(verbosity=2)
