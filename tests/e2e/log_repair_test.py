"""`duolog log repair`: nothing on a healthy directory or beside a server; what it says it would do it
does with --yes, keeps aside what it takes out, and Kafka's clients and subscribers get past it."""

import glob
import json
import os
import subprocess
import unittest

from duolog_server import DEADLINE_S, DuologTest, program, until
from record_batches import read_batches
from start_refused_test import snapshot

SEGMENT_BYTES = 1 << 20  # the smallest that there is
RECORD = b"%06d " + b"x" * 1000
RECORDS = 3000


def lines(first, end):
    return b"".join(RECORD % n + b"\n" for n in range(first, end))


def flip(path, position, bit=4):
    with open(path, "r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ bit]))


class LogRepairTest(DuologTest):

    def log(self, *arguments):
        """Runs `duolog log ...`; returns (status, standard output, standard error)."""
        done = subprocess.run([program(), "log", *arguments], capture_output=True, check=False,
                              timeout=4 * DEADLINE_S, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def repair(self, server, *arguments):
        """Returns (status, items)."""
        status, out, _ = self.log("repair", "--json", "--data-dir", server.data_dir, *arguments)
        return status, [json.loads(line) for line in out.splitlines()]

    def filled(self):
        server = self.serve("--shards", "2")
        server.create_topic("hurt", segment_bytes=SEGMENT_BYTES)
        server.create_topic("whole")
        server.kcat("-P", "-t", "whole", data=b"one\n")
        server.kcat("-P", "-t", "hurt", "-X", "batch.num.messages=10", data=lines(0, RECORDS))
        for _ in range(2):  # the second start and stop leave nothing of it in the journal
            self.assertEqual(server.stop(), 0)
            server.start()
        self.assertEqual(server.stop(), 0)
        self.assertGreater(len(server.segments("hurt")), 2)
        return server

    def hurt(self, server, segment, which, byte):
        """Flips a bit of a byte of a batch; returns its path, position, first offset and end."""
        path = server.segments("hurt")[segment]
        batches = read_batches(path)
        position = sum(batch.size_bytes for batch in batches[:which])
        flip(path, position + byte)
        return path, position, batches[which].base_offset, batches[which].last_offset + 1

    def push(self, server):
        done = subprocess.run(
            [program(), "consume", "hurt", "--push", "--from", "earliest", "--exit", "--json",
             "--http", server.http], capture_output=True, timeout=DEADLINE_S, check=True)
        return [json.loads(line)["offset"] for line in done.stdout.splitlines()]

    def test_a_healthy_directory_is_left_as_it_is(self):
        server = self.filled()
        before = snapshot(server.data_dir)
        for options in ((), ("--yes",)):
            status, out, err = self.log("repair", "--data-dir", server.data_dir, *options)
            self.assertEqual(status, 0, out + err)
            self.assertIn("nothing to repair", out)
        self.assertEqual(snapshot(server.data_dir), before)
        server.start()
        server.kill()
        self.assertEqual(self.repair(server), (0, []))

    def test_a_directory_in_use_is_refused(self):
        server = self.filled()
        server.start()
        status, _, err = self.log("repair", "--data-dir", server.data_dir, "--yes")
        self.assertEqual(status, 2)
        self.assertIn("in use", err)
        self.assert_stops_cleanly(server)

    def test_clients_read_past_what_was_cut_out(self):
        server = self.filled()
        lost = [self.hurt(server, 0, 40, 5000),   # the payload, of a sealed segment
                self.hurt(server, -1, 3, 700)]    # and of the one that is written to
        _, _, first, end = self.hurt(server, 1, 7, 10)  # a length, which can be put right
        flip(server.segments("hurt")[1].replace(".log", ".index"), 3)
        before = snapshot(server.data_dir)
        status, items = self.repair(server)
        self.assertEqual(status, 1)
        self.assertEqual(snapshot(server.data_dir), before)
        for path, position, begin, behind in lost:
            [item] = [item for item in items
                      if item["file"] == path and item.get("offset") == begin]
            self.assertEqual((item["kind"], item["topic"], item["partition"], item["position"],
                              item["last_offset"]), ("batch", "hurt", 0, position, behind - 1))
            self.assertGreater(item["bytes"], 10_000)
        self.assertEqual(sorted(item["kind"] for item in items),
                         ["batch", "batch", "batch", "index"])

        status, again = self.repair(server, "--yes")
        self.assertEqual((status, again), (0, items))
        [aside] = glob.glob(server.data_dir + "/repaired-*")
        with open(aside + "/manifest", encoding="utf-8") as manifest:
            kept = [line.rstrip("\n").split("\t") for line in manifest]
        for path, position, _, _ in lost:
            [line] = [line for line in kept if line[1] == path and line[2] == str(position)]
            self.assertEqual(os.path.getsize(f"{aside}/{line[0]}"), int(line[3]))
        self.assertEqual(self.repair(server), (0, []))
        status, out, _ = self.log("verify", "--data-dir", server.data_dir)
        self.assertEqual(status, 0, out)

        server.start()
        left = [n for n in range(RECORDS)
                if not any(begin <= n < behind for _, _, begin, behind in lost)]
        read = server.kcat("-C", "-t", "hurt", "-q", "-e", "-o", "beginning")
        self.assertEqual(read, b"".join(lines(n, n + 1) for n in left))
        for _, _, begin, behind in (*lost, (None, None, first, end)):
            read = server.kcat("-C", "-t", "hurt", "-q", "-c", "1", "-o", str(begin), "-f", "%o\n")
            expected = begin if begin in left else behind
            self.assertEqual(int(read), expected)
        self.assertEqual(self.push(server), left)
        server.kcat("-P", "-t", "hurt", data=b"more\n")
        read = server.kcat("-C", "-t", "hurt", "-q", "-e", "-o", str(RECORDS))
        self.assertEqual(read, b"more\n")
        self.assertEqual(server.kcat("-C", "-t", "whole", "-e", "-q"), b"one\n")
        self.assert_stops_cleanly(server)
        self.assertNotIn("damaged on disk", server.log_text())

    def test_one_small_record_may_be_the_whole_log(self):
        server = self.serve("--shards", "1")
        server.create_topic("few")
        server.kcat("-P", "-t", "few", "-p", "0", data=b"1\n")
        for _ in range(2):
            self.assertEqual(server.stop(), 0)
            server.start()
        self.assertEqual(server.stop(), 0)
        flip(server.segments("few")[0], 65)
        self.assertEqual(self.repair(server)[0], 1)
        self.assertEqual(self.repair(server, "--yes")[0], 0)
        server.start()
        self.assertEqual(server.kcat("-C", "-t", "few", "-q", "-e", "-o", "beginning"), b"")
        server.kcat("-P", "-t", "few", "-p", "0", data=b"2\n")
        read = server.kcat("-C", "-t", "few", "-q", "-e", "-o", "beginning", "-f", "%o %s\n")
        self.assertEqual(read, b"1 2\n")
        self.assert_stops_cleanly(server)

    def test_a_partition_that_was_offline_gets_what_was_kept_for_it(self):
        server = self.serve("--shards", "1")
        server.create_topic("hurt")
        data = b"".join(b"%d\n" % n for n in range(50))
        server.kcat("-P", "-t", "hurt", "-p", "0", data=data)
        server.kill()
        flip(os.path.dirname(server.segments("hurt")[0]) + "/partition.metadata", 12)
        server.start()
        until(lambda: server.counted("duolog_offline_partitions") == 1, "it to be counted")
        self.assertIn("duolog log repair", server.log_text())
        self.assertEqual(server.stop(), 0)
        self.assertEqual(os.listdir(server.data_dir + "/kept-journals"), ["00000001"])
        self.assertEqual(self.repair(server, "--yes")[0], 0)
        self.assertEqual(os.listdir(server.data_dir + "/kept-journals"), [])
        self.assertEqual(self.log("verify", "--data-dir", server.data_dir)[0], 0)
        server.start()
        self.assertEqual(server.kcat("-C", "-t", "hurt", "-q", "-e", "-o", "beginning"), data)
        self.assert_stops_cleanly(server)

    def test_a_damaged_catalog_is_said_to_be_beyond_repair(self):
        server = self.filled()
        [catalog] = glob.glob(server.data_dir + "/meta/catalog-*.log")
        flip(catalog, 60)
        before = snapshot(server.data_dir)
        status, out, err = self.log("repair", "--data-dir", server.data_dir, "--yes")
        self.assertEqual(status, 2)
        self.assertIn(catalog, out)
        self.assertIn("hurt: 1 partition", err)
        self.assertEqual(snapshot(server.data_dir), before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
