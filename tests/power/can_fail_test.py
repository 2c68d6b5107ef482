"""That tests/power can fail: an ack before its flush, and a disk that lies, lose what was acked."""

import os
import sys
import unittest

from duolog_server import run
from power_test import SEED, Lost, PowerTest, small_records

HERE = os.path.dirname(os.path.abspath(__file__))
MUTANTS = os.path.join(os.path.dirname(HERE), "mutants", "run.py")
BUILD_S = 600   # only catches hangs
MOST_CUTS = 10  # until the mistake is found


class CanFailTest(PowerTest):

    def cut_until_lost(self):
        """Cuts until something is lost; says what."""
        self.start()
        self.create_topics()
        for number in range(1, MOST_CUTS + 1):
            self.load_until_cut(f"delay_us={self.dice.randrange(3000)}",
                                *small_records(self.dice))
            try:
                self.start()
                self.verify()
            except Lost as lost:
                return f"cut {number}: {lost}"
        return None

    def test_an_ack_before_the_flush_is_noticed(self):
        scratch = os.path.join(self.scratch, "mutant")
        os.mkdir(scratch)
        done = run([sys.executable, MUTANTS, "--server", scratch, "ack-before-flush"],
                   deadline_s=BUILD_S)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.new_disk("ext4", program=os.path.join(scratch, "duolog"))
        found = self.cut_until_lost()
        self.assertIsNotNone(found, f"seed {SEED}: nobody noticed")
        print(found, flush=True)

    def test_a_disk_that_lies_is_noticed(self):
        self.new_disk("ext4", flush="late")
        found = self.cut_until_lost()
        self.assertIsNotNone(found, f"seed {SEED}: nobody noticed")
        print(found, flush=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
