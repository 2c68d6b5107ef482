"""A disk that fills up: clear errors, nothing acked lost, and on it goes when there is room."""

import contextlib
import http.client
import os
import subprocess
import unittest

from duolog_server import DEADLINE_S, DuologTest, run_program, until

DISK_BYTES = 192 << 20
XFS_BYTES = 320 << 20  # mkfs.xfs makes none below 300 MiB
BALLAST_BYTES = 48 << 20
TOPICS = "t:2"
ADMINISTRATOR = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")  # mkfs is there
BULK = ["least=1000", "most=40000", "rd.linger.ms=5", "rd.batch.size=500000", "pending=500"]


class FullDiskTest(DuologTest):
    make_file_system = ["mkfs.ext4", "-q", "-m", "0"]
    disk_bytes = DISK_BYTES

    def setUp(self):
        super().setUp()
        self.disk = os.path.join(self.scratch, "disk")
        image = self.disk + ".img"
        os.mkdir(self.disk)
        with open(image, "wb") as file:
            file.truncate(self.disk_bytes)
        for command in ([*self.make_file_system, image],
                        ["mount", "-o", "loop", image, self.disk]):
            done = subprocess.run(command, capture_output=True, check=False, env=ADMINISTRATOR)
            if done.returncode != 0:
                self.skipTest(f"a disk of its own needs root and loop devices: {command[0]}: "
                              f"{done.stderr.decode().strip()}")
        self.addCleanup(self.unmount)
        self.acked = os.path.join(self.scratch, "acked")

    def unmount(self):
        for server in self.servers:
            if server.is_running():
                server.kill()
        subprocess.run(["umount", self.disk], check=True)

    def load(self, server, round_number, *settings):
        status, said = run_program("TEST_ACKED_LOAD", server.kafka, self.acked, TOPICS, 1,
                                   round_number, *BULK, *settings)
        self.assertEqual(status, 0, said)
        return said

    def readiness(self, server):
        connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=DEADLINE_S)
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        with contextlib.closing(connection):
            return answer.status, answer.read()

    def assert_nothing_lost(self, server):
        status, said = run_program("TEST_ACKED_VERIFY", server.kafka, self.acked, TOPICS)
        self.assertEqual(status, 0, said)

    def test_a_full_disk_is_said_and_survived(self):
        ballast = os.path.join(self.disk, "ballast")
        with open(ballast, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, BALLAST_BYTES)
        server = self.server("--segment-bytes", "4MiB", "--tail-memory-bytes", "16MiB",
                             "--journal-max-bytes", "16MiB", name="disk/data")
        server.log_path = os.path.join(self.scratch, "server.log")
        server.start()
        server.create_topic("t", 2)
        self.assertIn(" 0 refused", self.load(server, 1, "records=200"))

        said = self.load(server, 2, "fail=100")
        self.assertIn("KAFKA_STORAGE_ERROR", said)
        self.assertTrue(server.is_running(), server.log_text())
        self.assertIn("No space left", server.log_text())
        self.assertEqual(self.readiness(server), (503, b"the disk is full"))
        self.assert_nothing_lost(server)
        # Full it stays, and up it stays.
        self.load(server, 3, "fail=20")
        self.assertIn(b" t", server.kcat("-L"))

        os.unlink(ballast)
        until(lambda: self.readiness(server) == (200, b"ready"), "ready, now that there is room")
        self.assertIn(" 0 refused", self.load(server, 4, "records=300", "rd.retries=1000"))
        self.assert_nothing_lost(server)
        server.kill()
        server.start()
        self.assert_nothing_lost(server)
        self.assertEqual(server.stop(), 0, server.log_text())

    def test_a_kill_on_a_full_disk_loses_nothing(self):
        server = self.server("--segment-bytes", "4MiB", "--tail-memory-bytes", "16MiB",
                             "--journal-max-bytes", "16MiB", name="disk/data")
        server.log_path = os.path.join(self.scratch, "server.log")
        server.start()
        server.create_topic("t", 2)
        self.load(server, 1, "fail=100")
        server.kill()
        server.start()
        self.assert_nothing_lost(server)
        self.assert_stops_cleanly(server)


class FullXfsTest(FullDiskTest):
    make_file_system = ["mkfs.xfs", "-q"]
    disk_bytes = XFS_BYTES


if __name__ == "__main__":
    unittest.main(verbosity=2)
