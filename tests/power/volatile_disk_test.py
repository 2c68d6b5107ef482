"""The disk of tests/power itself: what was flushed stays, of the rest a part goes.

qemu-io speaks to it, and its `abort` is the loss of power.
"""

import re
import subprocess
import unittest

import machine
from duolog_server import DEADLINE_S, DuologTest, until
from power_test import SEED


class VolatileDiskTest(DuologTest):
    def disk(self, flush="kept"):
        disk = machine.Disk(self.scratch, "xfs", SEED, flush)
        self.addCleanup(disk.close)
        return disk

    def qemu_io(self, disk, *commands):
        words = [word for command in commands for word in ("-c", command)]
        with subprocess.Popen(["qemu-io", "-t", "none", "-f", "raw",
                               f"nbd+unix:///?socket={disk.socket}", *words],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            said, _ = process.communicate(timeout=DEADLINE_S)
        self.assertNotIn(b"Pattern verification failed", said)
        return said

    def cut(self, disk, *commands):
        before = len(disk.cuts())
        self.qemu_io(disk, *commands, "abort")
        until(lambda: len(disk.cuts()) > before, "the disk's report of the cut")
        return [int(word) for word in re.search(r"(\d+) lost, (\d+) torn, (\d+) kept",
                                                disk.cuts()[-1]).groups()]

    def sectors(self, disk, first_byte, count):
        with open(disk.image, "rb") as file:
            file.seek(first_byte)
            return [file.read(512) for _ in range(count)]

    def test_what_was_flushed_stays(self):
        disk = self.disk()
        self.assertEqual(self.cut(disk, "write -P 1 1M 256k", "flush"), [0, 0, 0])
        self.qemu_io(disk, "read -P 1 1M 256k")

    def test_what_was_written_with_fua_stays_over_what_was_written_before(self):
        disk = self.disk()
        for number in range(10):
            self.cut(disk, f"write -P {number + 1} 1M 8k", f"write -f -P {number + 100} 1M 4k")
            self.qemu_io(disk, f"read -P {number + 100} 1M 4k")

    def test_of_what_was_not_flushed_a_part_stays_and_pages_are_torn(self):
        disk = self.disk()
        self.cut(disk, "write -P 1 1M 1M", "flush")
        fates = [0, 0, 0]
        for number in range(2, 42):
            lost, torn, kept = self.cut(disk, f"write -P {number} 1M 256k",
                                        f"read -P {number} 1M 256k")
            self.assertEqual(lost + torn + kept, 64)
            fates = [sum(pair) for pair in zip(fates, (lost, torn, kept))]
            new = sum(sector == bytes([number]) * 512 for sector in self.sectors(disk, 1 << 20, 512))
            self.assertGreaterEqual(new, 8 * kept + torn)
            self.assertLessEqual(new, 8 * kept + 7 * torn)
        print(f"lost, torn, kept: {fates}", flush=True)
        self.assertTrue(all(fate > 100 for fate in fates), fates)

    def test_the_power_goes_with_the_step_that_was_named(self):
        disk = self.disk()
        disk.last_step(3)
        self.qemu_io(disk, "write -P 1 1M 4k", "flush", "write -P 2 1M 4k", "write -P 3 1M 4k",
                     "flush")
        until(disk.cuts, "the disk's report of the cut")
        self.assertIn("last step 3, 1 flushes", disk.cuts()[0])
        for sector in self.sectors(disk, 1 << 20, 8):
            self.assertIn(sector[:1], (b"\1", b"\2"))

    def test_a_late_flush_keeps_what_the_one_before_it_was_asked_for(self):
        disk = self.disk("late")
        kept = 0
        for number in range(1, 21):
            self.cut(disk, f"write -P {number} 1M 4k", "flush", f"write -P {number} 2M 4k", "flush")
            self.qemu_io(disk, f"read -P {number} 1M 4k")
            kept += self.sectors(disk, 2 << 20, 1) == [bytes([number]) * 512]
        self.assertLess(kept, 20)


if __name__ == "__main__":
    unittest.main(verbosity=2)
