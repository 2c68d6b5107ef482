"""The guard that every test runs under: it ends what hangs, and nothing else."""

import os
import subprocess
import sys
import unittest

SPIN = "while True: pass"
ROUNDS = "import subprocess\nfor _ in range(40): subprocess.run(['sleep', '0.1'], check=True)"
CHILD = "import subprocess; subprocess.run(['sleep', '1000'], check=True)"
TICKS = "import time\nwhile True: time.sleep(0.1)"
DEADLOCK = "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()"


STOPPED_SERVER = """
import os, signal, socket, time
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
client.sendall(b"asked, and nobody reads it")
print(server.getsockname()[1], flush=True)
child = os.fork()
if child == 0:
    client.close()
    os.kill(os.getpid(), signal.SIGSTOP)
os.wait()
"""
SECTIONS = (
    r"---- /proc/\d+/status\n", r"State:\s+T", r"---- /proc/\d+/task/\d+\n", "wchan: ", "schedstat: ",
    "stack: ", r"---- sockets of \d+\n *\d+: 0100007F:", r"---- both ends of what is connected to \d+\n",
    r"---- /metrics at port \d+\n\((the connection )?timed out after 0 bytes",
    r"---- /sys/fs/cgroup\S*/memory\.", r"---- /proc/loadavg\n\d", r"---- /proc/pressure/|no pressure",
    r"---- /proc/meminfo\nMemTotal", "---- the kernel's log\n")


def guard(*arguments):
    return subprocess.run([os.environ["TEST_GUARD"], *arguments], capture_output=True, text=True,
                          check=False)


class HangGuardTest(unittest.TestCase):

    def test_its_status_and_its_output_are_those_of_the_test(self):
        done = guard("sh", "-c", "echo said; echo complained >&2; exit 3")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (3, "said\n", "complained\n"))
        self.assertEqual(guard("true").returncode, 0)

    def test_a_test_that_dies_has_failed(self):
        done = guard("sh", "-c", "kill -SEGV $$")
        self.assertEqual(done.returncode, 1)
        self.assertIn("signal 11", done.stderr)

    def test_who_waits_for_ever_is_ended_and_shown(self):
        done = guard("--idle", "2", sys.executable, "-c", DEADLOCK)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nothing has happened for 2 s", done.stderr)
        self.assertIn("futex", done.stderr)  # in the kernel
        self.assertIn('File "<string>", line 1 in <module>', done.stderr)  # and in Python

    def test_of_a_server_that_stands_still_the_report_says_what_it_and_its_machine_are_doing(self):
        done = guard("--idle", "2", sys.executable, "-c", STOPPED_SERVER)
        self.assertEqual(done.returncode, 1)
        for section in SECTIONS:
            with self.subTest(section=section):
                if "pressure" in section and not os.path.exists("/proc/pressure"):
                    continue
                self.assertRegex(done.stderr, section)

    def test_who_only_ticks_is_ended_too(self):
        done = guard("--idle", "5", sys.executable, "-c", TICKS)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nothing has happened for 5 s", done.stderr)

    def test_what_a_test_leaves_behind_is_ended_with_it(self):
        done = guard("sh", "-c", "sleep 1000 & echo $!")
        self.assertEqual(done.returncode, 0)
        with self.assertRaises(ProcessLookupError):
            while True:  # until it is gone, or ctest's limit
                os.kill(int(done.stdout), 0)

    def test_what_it_has_started_is_shown_and_ended_too(self):
        done = guard("--idle", "2", sys.executable, "-c", CHILD)  # ends once both let go of stderr
        self.assertEqual(done.returncode, 1)
        self.assertIn("sleep 1000", done.stderr)

    def test_who_never_stops_working_is_ended(self):
        done = guard("--cpu", "1", sys.executable, "-c", SPIN)
        self.assertEqual(done.returncode, 1)
        self.assertIn("CPU time", done.stderr)

    def test_who_gets_on_slowly_is_left_alone(self):
        self.assertEqual(guard("--idle", "2", sys.executable, "-c", ROUNDS).returncode, 0)

    def test_what_is_wrong_with_its_own_arguments_is_said(self):
        for arguments in ((), ("--idle",), ("--idle", "x", "true"), ("--speed", "1", "true")):
            self.assertEqual(guard(*arguments).returncode, 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
