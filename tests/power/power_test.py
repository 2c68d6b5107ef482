"""What the tests of tests/power share: a machine, its disk, load on it, and the check of what was acked.

The seed is printed; TEST_SEED gives the same load, the same moments and the same fates of what was not
flushed again, as far as a machine and its clients repeat themselves.
"""

import os
import random
import re
import time

from duolog_server import DuologTest, run, run_program

import machine
import promised

SEED = int(os.environ.get("TEST_SEED", "0")) or time.time_ns() % 1_000_000_007

# The smallest that the server allows, so that rolls, bulk writes and recycling happen all the time.
SMALL = ["--segment-bytes", "2MiB", "--tail-memory-bytes", "8MiB", "--journal-min-bytes", "4MiB",
         "--journal-max-bytes", "8MiB", "--message-max-bytes", "1000000"]
TOPICS = "quick:4,os:2,single:1"
OS_TOPIC = 1  # its place in TOPICS


def small_records(dice):
    """Many small acks, each a group of its own or a few together."""
    return ["least=8", "most=400", "pending=200", f"after={dice.randrange(1, 3000)}",
            "rd.linger.ms=0", f"rd.batch.num.messages={dice.choice([1, 10, 1000])}"]


def bulk(dice):
    """Batches of up to 1 MB, more pending than the tails hold."""
    return ["least=1000", "most=60000", "pending=1000", f"after={dice.randrange(1, 300)}",
            "rd.linger.ms=5", "rd.batch.size=900000"]


def mixed(dice):
    """Anything from eight bytes to what fills a chunk of memory and more."""
    return ["least=8", "most=9000", "pending=1000", f"after={dice.randrange(1, 3000)}",
            "rd.linger.ms=1", f"rd.compression.codec={dice.choice(['none', 'lz4', 'zstd'])}"]


class Lost(AssertionError):
    """What was acked is not there, or is not what was acked."""


class PowerTest(DuologTest):

    def setUp(self):
        super().setUp()
        self.dice = random.Random(SEED)
        self.acked = os.path.join(self.scratch, "acked")
        self.promised = self.acked + ".promised"  # those that a power cut has to leave
        self.initramfs = os.path.join(self.scratch, "initramfs")
        self.console = os.path.join(self.scratch, "console")
        self.machine = None
        self.disk = None
        self.round = 0
        self.addCleanup(self.show)

    def show(self):
        if self.machine is not None:
            self.machine.off()
        if self.failed and os.path.exists(self.console):
            with open(self.console, encoding="utf-8", errors="replace") as console:
                print(f"---- the console\n{console.read()[-8000:]}")

    # ---- A machine and its disk ------------------------------------------------------------------

    def new_disk(self, file_system, flush="kept", program=None):
        machine.make_initramfs(program or os.environ["TEST_PROGRAM"], self.initramfs)
        folder = os.path.join(self.scratch, f"{file_system}-{flush}")
        os.mkdir(folder)
        for path in (self.acked, self.promised):
            open(path, "wb").close()
        self.disk = machine.Disk(folder, file_system, SEED, flush)
        self.addCleanup(self.disk.close)
        print(f"{file_system}, seed {SEED}, {'KVM' if machine.has_kvm() else 'emulated'}",
              flush=True)

    def boot(self, verify=False):
        """A machine that starts its server, if it gets so far."""
        self.machine = machine.Machine(self.disk, self.initramfs, self.console,
                                       self.dice.choice(list(machine.BUSES)), verify)
        found = self.machine.wait_for(rb"guest: (up|no file system)")
        if not found or found.group(1) != b"up":
            return
        self.machine.serve("--shards", self.dice.choice([1, 1, 2]), *SMALL)

    def start(self):
        """A machine whose server is ready. Now and then `duolog log verify` looks first at what the
        cut has left."""
        self.boot(verify=self.dice.randrange(3) == 0)
        found = self.machine.expect(rb"duolog is ready|guest: serve ended|guest: no file system")
        if found.group(0) != b"duolog is ready":
            raise Lost(f"seed {SEED}: {found.group(0).decode()}:\n"
                       f"{self.machine.console.decode(errors='replace')[-3000:]}")
        if b"guest: verify ended" in self.machine.console:  # not on an empty disk
            self.expect_no_damage(self.machine.console)

    def expect_no_damage(self, said):
        """Of what `duolog log verify` has said. An index is derived and never flushed: that one was
        torn is no damage, though it is named."""
        named = re.search(rb"(\d+) damaged place", said)
        indexes = said.count(b"they are derived from the segment")
        if b"guest: verify ended with 0" not in said and (
                not named or int(named.group(1)) != indexes):
            raise Lost(f"seed {SEED}: `duolog log verify` finds damage:\n"
                       f"{said.decode(errors='replace')[-3000:]}")
        if indexes > 0:
            print(f"    {indexes} indexes are not what was written", flush=True)

    def create_topics(self):
        for name, partitions, *settings in (("quick", 4), ("single", 1),
                                            ("os", 2, "--config", "duolog.durability=os")):
            done = run([os.environ["TEST_PROGRAM"], "topic", "create", name, "--partitions",
                        str(partitions), *settings, "-b", self.machine.kafka])
            self.assertEqual(done.returncode, 0, done.stdout)

    def load_until_cut(self, *settings):
        self.round += 1
        status, said = run_program("TEST_ACKED_LOAD", self.machine.kafka, self.acked, TOPICS, SEED,
                                   self.round, f"kill={self.machine.process.pid}", *settings)
        fate = self.machine.cut()
        self.assertEqual(status, 0, said)
        self.keep_promised()
        return said.strip(), fate

    def load_until_refused(self, *settings):
        """Load for a machine that will lose its power by itself; if it does not, so be it."""
        self.round += 1
        status, said = run_program("TEST_ACKED_LOAD", self.machine.kafka, self.acked, TOPICS, SEED,
                                   self.round, *settings, "fail=1", "rd.message.timeout.ms=10000")
        fate = self.machine.cut()
        self.assertEqual(status, 0, said)
        self.keep_promised()
        return said.strip(), fate

    def keep_promised(self):
        promised.keep_promised(self.acked, self.promised, OS_TOPIC)

    def promised_acks(self):
        return promised.count(self.promised)

    def verify(self, first=None):
        """Returns the ends. From `first` on only, but all of the topic that may get shorter."""
        words = [",".join(end for end in first.split(",") if not end.startswith("os:"))] \
            if first else []
        status, said = run_program("TEST_ACKED_VERIFY", self.machine.kafka, self.promised, TOPICS,
                                   *words)
        if status != 0:
            raise Lost(f"seed {SEED}: {said.strip()}")
        return said.strip()

    def end_cleanly(self):
        """Stops the server, asks `duolog log verify`, and then the file system's own tool."""
        self.machine.tell("killall -TERM duolog")
        self.machine.expect(rb"guest: serve ended with 0")
        before = len(self.machine.console)
        self.machine.tell("verify; umount /data; echo guest: unmounted $?.")
        self.machine.expect(rb"guest: unmounted 0\.")
        self.expect_no_damage(self.machine.console[before:])
        self.machine.cut()
        self.disk.check()
