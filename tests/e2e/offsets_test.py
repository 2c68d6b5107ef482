"""librdkafka commits offsets, and goes on from there, whatever happens to the server in between."""

import os
import subprocess
import unittest

from duolog_server import DEADLINE_S, DuologTest


class OffsetsTest(DuologTest):

    def read_on(self, server, group, count, partition=0):
        """The offsets of the next records of the group, which it then commits."""
        done = subprocess.run(
            [os.environ["TEST_OFFSETS"], server.kafka, group, "numbers", str(partition),
             str(count)], capture_output=True, timeout=DEADLINE_S, check=False)
        self.assertEqual(done.returncode, 0, done.stdout.decode() + done.stderr.decode())
        return [int(line) for line in done.stdout.split()]

    def test_a_group_goes_on_where_it_has_committed(self):
        server = self.server().start("--shards", "2")
        lines = b"".join(b"%d\n" % number for number in range(1000))
        subprocess.run(["kcat", "-P", "-b", server.kafka, "-t", "numbers", "-p", "0"], input=lines,
                       timeout=DEADLINE_S, check=True)
        self.assertEqual(self.read_on(server, "one", 300), list(range(0, 300)))
        self.assertEqual(self.read_on(server, "two", 10), list(range(0, 10)))
        self.assertEqual(self.read_on(server, "one", 100), list(range(300, 400)))
        server.kill()
        server.start("--shards", "2")
        self.assertEqual(self.read_on(server, "one", 100), list(range(400, 500)))
        self.assertEqual(self.read_on(server, "two", 10), list(range(10, 20)))
        server.stop()
        server.start("--shards", "3")
        self.assertEqual(self.read_on(server, "one", 500), list(range(500, 1000)))
        self.assertEqual(self.read_on(server, "two", 10), list(range(20, 30)))

    def test_a_client_cannot_write_into_the_offsets(self):
        server = self.serve()
        subprocess.run(["kcat", "-P", "-b", server.kafka, "-t", "numbers", "-p", "0"],
                       input=b"1\n", timeout=DEADLINE_S, check=True)
        self.read_on(server, "one", 1)
        refused = subprocess.run(
            ["kcat", "-P", "-b", server.kafka, "-t", "__consumer_offsets", "-p", "0"],
            input=b"x\n", capture_output=True, timeout=DEADLINE_S, check=False)
        self.assertIn(b"Invalid topic", refused.stderr)


if __name__ == "__main__":
    unittest.main()
