"""`duolog log verify` and `duolog log dump`: nothing on a healthy directory, stopped, killed or in
use; each kind of damage is found, named and told by the exit status; nothing is ever changed."""

import glob
import json
import os
import random
import shutil
import subprocess
import threading
import unittest

from duolog_server import DEADLINE_S, DuologTest, program, until
from start_refused_test import snapshot

SEGMENT_BYTES = 1 << 20  # the smallest that there is


def flip(path, position, bit=1):
    with open(path, "r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ bit]))


class LogToolTest(DuologTest):

    def log(self, *arguments):
        """Runs `duolog log ...`; returns (status, standard output, standard error)."""
        done = subprocess.run([program(), "log", *arguments], capture_output=True, check=False,
                              timeout=4 * DEADLINE_S, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def verify(self, server, *arguments):
        """Returns (status, findings)."""
        status, out, err = self.log("verify", "--json", "--data-dir", server.data_dir, *arguments)
        self.assertIn(status, (0, 1), out + err)
        return status, [json.loads(line) for line in out.splitlines()]

    def assert_well(self, server):
        before = snapshot(server.data_dir)
        self.assertEqual(self.verify(server), (0, []), server.log_text())
        self.assertEqual(snapshot(server.data_dir), before)

    def the_finding(self, server, **expected):
        """There is damage, and a finding has these fields; returns it."""
        before = snapshot(server.data_dir)
        status, findings = self.verify(server)
        self.assertEqual(status, 1)
        self.assertEqual(snapshot(server.data_dir), before)
        for finding in findings:
            if all(finding.get(key) == value for key, value in expected.items()):
                return finding
        raise AssertionError(f"{expected} is not among {findings}")

    def filled(self):
        """A server with two topics: one of several segments and codecs, one small one."""
        server = self.serve("--shards", "1")
        server.create_topic("orders", segment_bytes=SEGMENT_BYTES)
        server.create_topic("small-talk", partitions=2)
        lines = b"".join(b"key%d:%s\n" % (i, os.urandom(500).hex().encode())
                         for i in range(1000))
        for codec in ("none", "gzip", "snappy", "lz4", "zstd", "none"):
            server.kcat("-P", "-t", "orders", "-p", "0", "-K:", "-z", codec,
                        "-X", "batch.num.messages=20", data=lines)
        server.kcat("-P", "-t", "small-talk", "-p", "1", "-K:", "-H", "a=1", data=b"k:hello\n")
        self.assertGreater(len(server.segments("orders")), 2)
        return server

    def stopped(self):
        """Stopped twice: the second start has emptied the journals, which would put right what is
        damaged in segments."""
        server = self.filled()
        self.assert_stops_cleanly(server)
        server.start()
        self.assert_stops_cleanly(server)
        return server

    def batches(self, path):
        status, out, err = self.log("dump", "--json", path)
        self.assertEqual(status, 0, err)
        return [line for line in map(json.loads, out.splitlines()) if line["kind"] == "batch"]

    # ---- Nothing is found where nothing is ---------------------------------------------------

    def test_a_directory_is_well_beside_its_server_after_a_kill_and_after_a_stop(self):
        server = self.filled()
        status, findings = self.verify(server)
        self.assertEqual((status, findings), (0, []))
        server.kill()
        self.assert_well(server)
        server.start()
        self.assert_stops_cleanly(server)
        self.assert_well(server)
        status, out, _ = self.log("verify", "--data-dir", server.data_dir, "orders", "small-talk-1")
        self.assertEqual(status, 0)
        self.assertIn(" 2 partitions,", out)
        self.assertIn(" 6001 records,", out)
        self.assertTrue(out.endswith("all is well\n"), out)

    def test_a_directory_is_well_under_load(self):
        server = self.serve("--shards", "2")
        server.create_topic("load", partitions=4, segment_bytes=SEGMENT_BYTES,
                            retention_bytes=4_000_000)
        lines = os.urandom(48_000).hex().encode()
        data = b"\n".join(lines[i:i + 96] for i in range(0, len(lines), 96)) + b"\n"
        done = threading.Event()
        rounds = []

        def load():
            while not done.is_set():
                server.kcat("-P", "-t", "load", "-z", ("none", "lz4")[len(rounds) % 2],
                            data=data * 20)
                rounds.append(1)
        thread = threading.Thread(target=load)
        thread.start()
        try:
            for _ in range(12):
                seen = len(rounds)
                self.assertEqual(self.verify(server), (0, []))
                until(lambda seen=seen: len(rounds) > seen, "the load goes on")
        finally:
            done.set()
            thread.join()
        server.kill()
        self.assert_well(server)

    def test_what_a_start_puts_right_from_the_journal_is_well(self):
        server = self.serve("--shards", "1")
        server.create_topic("few")
        server.kcat("-P", "-t", "few", "-p", "0", data=b"a record\n")
        server.kill()
        [path] = server.segments("few")
        flip(path, 70)
        self.assert_well(server)
        server.start()
        self.assert_stops_cleanly(server)
        self.assert_well(server)
        flip(path, 70)  # now there is no journal that has it
        self.the_finding(server, kind="batch", file=path, position=0)

    def test_what_is_well_starts_and_gives_back_every_record(self):
        """Any bit of a segment that a killed server leaves: it is said to be damaged, or a start puts
        it right from the journal."""
        server = self.filled()
        server.kill()
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        for _ in range(12):
            path = chance.choice(server.segments("orders"))
            position, bit = chance.randrange(os.path.getsize(path)), 1 << chance.randrange(8)
            flip(path, position, bit)
            if self.verify(server)[0] == 0:
                copy = self.server("--shards", "1", name="copy")
                shutil.copytree(server.data_dir, copy.data_dir)
                copy.start()
                read = copy.kcat("-C", "-t", "orders", "-p", "0", "-e", "-q", "-f", "%o\n")
                self.assertEqual(read.split(), [b"%d" % offset for offset in range(6000)],
                                 f"seed {seed}: {path} at {position}")
                self.assert_stops_cleanly(copy)
                shutil.rmtree(copy.data_dir)
            flip(path, position, bit)

    # ---- Each kind of damage -----------------------------------------------------------------

    def test_a_flipped_bit_in_a_batch_is_named_with_its_offsets(self):
        server = self.stopped()
        for which in (0, -1):
            path = server.segments("orders")[which]
            batch = self.batches(path)[1]
            flip(path, batch["position"] + 70)
            found = self.the_finding(server, kind="batch", topic="orders", partition=0, file=path,
                                     position=batch["position"], offset=batch["base_offset"],
                                     last_offset=batch["last_offset"])
            self.assertIn("CRC", found["what"])
            flip(path, batch["position"] + 70)
        self.assert_well(server)

    def test_what_follows_a_damaged_header_is_still_looked_at(self):
        server = self.stopped()
        path = server.segments("orders")[0]
        batches = self.batches(path)
        flip(path, batches[1]["position"] + 8, 0x40)  # the length
        flip(path, batches[4]["position"] + 90)
        for batch in (batches[1], batches[4]):
            self.the_finding(server, kind="batch", position=batch["position"],
                             offset=batch["base_offset"], last_offset=batch["last_offset"])

    def test_offsets_epochs_and_records_that_no_crc_covers(self):
        server = self.stopped()
        path = server.segments("orders")[0]
        batch = self.batches(path)[2]
        flip(path, batch["position"] + 7)  # of the base offset
        found = self.the_finding(server, kind="batch", position=batch["position"])
        self.assertIn("should", found["what"])
        flip(path, batch["position"] + 7)
        flip(path, batch["position"] + 15, 4)  # this epoch is later than those that follow
        found = self.the_finding(server, kind="batch", position=batch["position"] + batch["bytes"])
        self.assertIn("epoch", found["what"])

    def test_a_segment_that_is_cut_or_gone(self):
        server = self.stopped()
        paths = server.segments("orders")
        size = os.path.getsize(paths[-1])
        with open(paths[-1], "r+b") as file:
            file.truncate(size - 10)
        end = 6000
        self.the_finding(server, kind="batch", topic="orders", file=paths[-1], last_offset=end - 1)
        with open(paths[-1], "r+b") as file:
            file.truncate(0)
        self.the_finding(server, kind="segment", topic="orders", file=paths[-1],
                         last_offset=end - 1)
        middle = paths[1]
        os.rename(middle, middle + ".away")
        self.the_finding(server, kind="segment", topic="orders", file=paths[0])

    def test_indexes_checkpoints_and_metadata(self):
        server = self.stopped()
        folder = os.path.dirname(server.segments("orders")[0])
        index = sorted(glob.glob(os.path.join(folder, "*.index")))[0]
        for suffix in (".index", ".timeindex", ".indexhash"):
            path = index.removesuffix(".index") + suffix
            for position in (7, 9):
                flip(path, position)
                self.the_finding(server, kind="index", topic="orders", file=index)
                flip(path, position)
        checkpoint = os.path.join(folder, "checkpoint")
        flip(checkpoint, 20)
        self.the_finding(server, kind="checkpoint", topic="orders", file=checkpoint)
        flip(checkpoint, 20)
        metadata = os.path.join(folder, "partition.metadata")
        with open(metadata, encoding="ascii") as file:
            text = file.read()
        at = text.index("topic_id: ") + len("topic_id: ")
        flip(metadata, at)
        self.the_finding(server, kind="metadata", topic="orders", file=metadata)
        flip(metadata, at)
        self.assert_well(server)

    def test_the_catalog_and_the_format(self):
        server = self.stopped()
        [catalog] = glob.glob(os.path.join(server.data_dir, "meta", "catalog-*.log"))
        flip(catalog, 60)
        self.the_finding(server, kind="catalog", file=catalog, position=48)
        flip(catalog, 60)
        flip(catalog, 20)
        self.the_finding(server, kind="catalog", file=catalog, position=0)
        flip(catalog, 20)
        os.rename(os.path.join(server.data_dir, "deleted"), server.data_dir + ".away")
        self.the_finding(server, kind="directory", file=server.data_dir)
        os.rename(server.data_dir + ".away", os.path.join(server.data_dir, "deleted"))
        shutil.copytree(os.path.dirname(server.segments("orders")[0]),
                        os.path.join(server.data_dir, "topics", "stray-0"))
        self.the_finding(server, kind="directory", topic="stray", partition=0)

    def test_the_journal_of_a_killed_server(self):
        server = self.serve("--shards", "1")
        server.create_topic("orders")
        for i in range(6):
            server.kcat("-P", "-t", "orders", "-p", "0", data=b"record %d\n" % i)
        beside = self.first_groups(server)
        flip(beside[1][0], beside[1][1] + 100)
        found = self.the_finding_beside(server, kind="journal", file=beside[1][0])
        self.assertEqual(found["position"], beside[1][1])
        server.kill()
        self.the_finding(server, kind="journal", file=os.path.dirname(beside[1][0]))
        flip(beside[1][0], beside[1][1] + 100)
        self.assert_well(server)

    def first_groups(self, server):
        """(file, position) of the journal's groups that have entries."""
        [journal] = [path for path in glob.glob(
            os.path.join(server.data_dir, "journal", "*", "*.journal"))
            if '"group"' in self.log("dump", "--json", path)[1]]
        lines = map(json.loads, self.log("dump", "--json", journal)[1].splitlines())
        return [(journal, line["position"]) for line in lines if line["kind"] == "group"]

    def the_finding_beside(self, server, **expected):
        status, findings = self.verify(server)
        self.assertEqual(status, 1)
        [found] = [finding for finding in findings
                   if all(finding.get(key) == value for key, value in expected.items())]
        return found

    def test_damage_beside_a_running_server(self):
        server = self.filled()
        for which in (0, -1):  # a sealed segment; the one that is written to, with no checkpoint yet
            path = server.segments("orders")[which]
            batches = until(lambda path=path: self.batches_so_far(path), "three batches in the file")
            flip(path, batches[1]["position"] + 70)
            found = self.the_finding_beside(server, kind="batch", file=path,
                                            position=batches[1]["position"])
            self.assertEqual((found["offset"], found["last_offset"]),
                             (batches[1]["base_offset"], batches[1]["last_offset"]))
            flip(path, batches[1]["position"] + 70)
        self.assertEqual(self.verify(server), (0, []))

    def batches_so_far(self, path):
        out = self.log("dump", "--json", path)[1]
        batches = [line for line in map(json.loads, out.splitlines()) if line.get("crc_ok")]
        return batches if len(batches) > 2 else None

    def test_a_batch_that_is_being_written_is_no_damage(self):
        server = self.serve("--shards", "1")
        server.create_topic("few")
        server.kcat("-P", "-t", "few", "-p", "0", data=b"a record\n")
        [path] = server.segments("few")
        with open(path, "r+b") as file:
            file.write(b"\0" * 8 + b"\0\0\1\0" + b"\0\0\0\0\2" + b"half of it")
        self.assertEqual(self.verify(server), (0, []))

    # ---- What cannot be checked --------------------------------------------------------------

    def test_what_is_no_data_directory_ends_with_2(self):
        for folder in ("missing", "empty"):
            path = os.path.join(self.scratch, folder)
            if folder == "empty":
                os.mkdir(path)
            status, out, err = self.log("verify", "--data-dir", path)
            self.assertEqual((status, out), (2, ""))
            self.assertIn("duolog log verify: ", err)
        server = self.stopped()
        self.assertEqual(self.log("verify", "--data-dir", server.data_dir, "order")[0], 2)

    # ---- dump --------------------------------------------------------------------------------

    def test_dump_shows_each_kind_of_file(self):
        server = self.stopped()
        folder = server.data_dir
        _, out, _ = self.log("dump", "--data-dir", folder, "small-talk-1", "--records", "--json")
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([line["kind"] for line in lines], ["segment", "batch", "record"])
        self.assertEqual(lines[1]["crc_ok"], True)
        del lines[2]["timestamp"]
        self.assertEqual(lines[2], {"kind": "record", "offset": 0, "key": "k", "value": "hello",
                                    "headers": [{"k": "a", "v": "1"}]})
        _, out, _ = self.log("dump", "--data-dir", folder, "orders-0", "--records", "--json")
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual({line["codec"] for line in lines if line["kind"] == "batch"},
                         {"none", "gzip", "snappy", "lz4", "zstd"})
        self.assertEqual([line["offset"] for line in lines if line["kind"] == "record"],
                         list(range(6000)))
        [catalog] = glob.glob(os.path.join(folder, "meta", "catalog-*.log"))
        status, out, _ = self.log("dump", catalog)
        self.assertEqual(status, 0)
        self.assertIn('name="orders"', out)
        partition = os.path.dirname(server.segments("orders")[0])
        status, out, _ = self.log("dump", os.path.join(partition, "checkpoint"))
        self.assertEqual(status, 0)
        self.assertIn(" floor=6000", out)
        for suffix in ("index", "timeindex"):
            path = sorted(glob.glob(os.path.join(partition, f"*.{suffix}")))[0]
            status, out, _ = self.log("dump", path)
            self.assertEqual(status, 0)
            self.assertIn(f"{suffix} hash_ok=true\nentry ", out)
            flip(path, 3)
            self.assertEqual(self.log("dump", path)[0], 1)
        self.assertEqual(self.log("dump", os.path.join(folder, "duolog.format"))[0], 2)
        self.assertEqual(self.log("dump", "nothing")[0], 2)

    def test_dump_says_what_is_damaged(self):
        server = self.stopped()
        path = server.segments("orders")[0]
        batch = self.batches(path)[1]
        flip(path, batch["position"] + 70)
        status, out, _ = self.log("dump", path)
        self.assertEqual(status, 1)
        self.assertEqual(out.count("crc_ok=false"), 1)


if __name__ == "__main__":
    unittest.main()
