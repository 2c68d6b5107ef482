"""Somebody sets the server's clock under load: nobody is refused, and nothing is lost then either."""

import os
import subprocess
import unittest

import promised
from duolog_server import DEADLINE_S, until
from power_test import SEED, TOPICS, PowerTest

# A producer whose clock is an hour ahead of the server's is refused, as by Kafka
# (message.timestamp.after.max.ms): no sum of these goes below that.
CLOCK_JUMPS_MIN = [60, -60, -50, 50, 24 * 60, -24 * 60]


class ClockTest(PowerTest):

    def test_a_clock_that_is_set_under_load_disturbs_nobody(self):
        self.new_disk("ext4")
        self.start()
        self.create_topics()
        self.round += 1
        command = [os.environ["TEST_ACKED_LOAD"], self.machine.kafka, self.acked, TOPICS, str(SEED),
                   str(self.round), "until_input=1", "pending=100", "least=8", "most=400"]
        load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(load.kill)
        for number, minutes in enumerate(CLOCK_JUMPS_MIN):
            wanted = promised.count(self.acked) + 500
            until(lambda wanted=wanted: promised.count(self.acked) >= wanted,
                  f"{wanted} acks")
            self.machine.tell(f"date -s @$(($(date +%s) + {minutes * 60})); echo guest: set {number}.")
            self.machine.expect(rb"\nguest: set %d\." % number)
            print(f"set by {minutes} min after {wanted} acks", flush=True)
        wanted = promised.count(self.acked) + 500
        until(lambda: promised.count(self.acked) >= wanted, "acks on the last clock")
        said, _ = load.communicate(b"stop\n", DEADLINE_S)
        print(said.decode().strip(), flush=True)
        self.assertTrue(said.strip().endswith(b" acked, 0 refused:"), said)
        self.keep_promised()
        ends = self.verify()
        self.load_until_cut("after=500", "pending=100")
        self.start()
        self.assertNotEqual(self.verify(), ends)
        self.end_cleanly()


if __name__ == "__main__":
    unittest.main(verbosity=2)
