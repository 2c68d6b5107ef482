"""The power goes under load, again and again on one disk: nothing that was acked is lost.

TEST_CUTS says how often, TEST_FS on which file system ("ext4,xfs": on each).
"""

import os
import time
import unittest

from power_test import PowerTest, bulk, mixed, small_records

CUTS = int(os.environ.get("TEST_CUTS", "20"))
FILE_SYSTEMS = os.environ.get("TEST_FS", "ext4,xfs").split(",")


class PowerCutTest(PowerTest):

    def test_nothing_acked_is_lost_on_ext4(self):
        self.cut_again_and_again("ext4")

    def test_nothing_acked_is_lost_on_xfs(self):
        self.cut_again_and_again("xfs")

    def cut_again_and_again(self, file_system):
        if file_system not in FILE_SYSTEMS:
            self.skipTest(f"asked for {','.join(FILE_SYSTEMS)}")
        began = time.monotonic()
        self.new_disk(file_system)
        self.start()
        self.create_topics()
        older = newer = None  # the ends before the last round and the one before
        for number in range(1, CUTS + 1):
            kind = self.dice.choice([self.cut_when_acked, self.cut_when_acked, self.cut_at_a_step])
            said, fate = kind()
            print(f"{number:3} {kind.__name__:14} {self.machine.bus:6} {said}; {fate}", flush=True)
            self.start()
            # Everything now and then; else what the last two rounds wrote.
            everything = number % 10 == 0 or number == CUTS
            older, newer = newer, self.verify(None if everything else older)
        self.end_cleanly()
        print(f"{file_system}: {CUTS} cuts, {self.promised_acks()} acked records found, "
              f"{time.monotonic() - began:.0f} s", flush=True)

    def cut_when_acked(self):
        """Some time after some ack."""
        plan = self.dice.choice([small_records, bulk, mixed])
        return self.load_until_cut(f"delay_us={self.dice.randrange(20_000)}", *plan(self.dice))

    def cut_at_a_step(self):
        """With a write or a flush of the disk: between a write and its flush, while the file system
        replays its journal, or the server its own."""
        self.machine.cut()
        self.disk.last_step(int(2 ** self.dice.uniform(2, 9.5)))
        self.boot()
        self.disk.last_step(0)
        if not self.machine.wait_for(rb"duolog is ready"):
            return f"up to {self.machine.progress()}", self.machine.cut()
        plan = self.dice.choice([small_records, bulk, mixed])
        return self.load_until_refused(*plan(self.dice))


if __name__ == "__main__":
    unittest.main(verbosity=2)
