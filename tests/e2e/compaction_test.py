"""Log compaction, seen by clients: of each key the latest record stays, and nobody misses it."""

import json
import re
import subprocess
import unittest
import urllib.request

from duolog_server import DEADLINE_S, program, until
from feed_client import FeedTest, connect, feed_url, receive

FORMAT = r"%o %K %S\n%k%s\x1e"
KEYS = 20
COMPACTED = {"cleanup.policy": "compact", "segment.ms": "300", "min.cleanable.dirty.ratio": "0"}


def parse(output):
    """(offset, key, value) of what kcat printed with FORMAT; a tombstone's value is None."""
    records, at = [], 0
    while at < len(output):
        end = output.index(b"\n", at)
        offset, key_size, value_size = map(int, output[at:end].split())
        at = end + 1
        key = output[at:at + key_size]
        at += key_size
        value = None if value_size < 0 else output[at:at + value_size]
        at += max(value_size, 0) + 1
        records.append((offset, key, value))
    return records


class CompactionTest(FeedTest):

    def produce(self, server, lines, *options):
        server.kcat("-P", "-t", "t", "-p", "0", "-K", ":", "-Z", *options,
                    data="".join(lines).encode())

    def read_all(self, server):
        return parse(server.kcat("-C", "-t", "t", "-p", "0", "-o", "beginning", "-e", "-q",
                                 "-f", FORMAT))

    def cleanings(self, server):
        with urllib.request.urlopen(f"http://{server.http}/metrics") as answer:
            text = answer.read().decode()
        found = re.findall(r"^duolog_cleaner_cleanings_total(?:{[^}]*})? (\S+)$", text, re.M)
        self.assertTrue(found, text)
        return sum(map(float, found))

    def fill(self, server, rounds=8, codec="none"):
        """Values of KEYS keys, `rounds` times, each in a request; returns the last of each."""
        for number in range(rounds):
            self.produce(server, (f"key-{key}:{number}-{'v' * 200}\n" for key in range(KEYS)),
                         "-z", codec)
        return {b"key-%d" % key: b"%d-" % (rounds - 1) + b"v" * 200 for key in range(KEYS)}

    def clean(self, server):
        """Waits for a cleaning of all that is in the log by now."""
        seen = self.cleanings(server)

        def cleaned():
            self.produce(server, ["seal:1\n"])  # what was active is older than segment.ms, or will be
            return self.cleanings(server) >= seen + 2
        until(cleaned, "two cleanings")

    def verify(self, server):
        done = subprocess.run([program(), "log", "verify", "--json", "--data-dir", server.data_dir],
                              capture_output=True, check=False, timeout=4 * DEADLINE_S,
                              stdin=subprocess.DEVNULL)
        self.assertEqual((done.returncode, [json.loads(line) for line in done.stdout.splitlines()]),
                         (0, []))

    def test_the_latest_of_each_key_stays_over_kills(self):
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            with self.subTest(codec):
                server = self.server("--log-cleaner-backoff-ms=100", name=codec).start()
                server.create_topic("t", **COMPACTED)
                latest = self.fill(server, codec=codec)
                self.produce(server, ["key-3:\n"], "-z", codec)  # a tombstone
                latest[b"key-3"] = None
                self.clean(server)
                records = self.read_all(server)
                self.assertEqual({key: value for _, key, value in records if key != b"seal"}, latest)
                self.assertEqual(sum(key != b"seal" for _, key, _ in records), KEYS)
                offsets = [offset for offset, _, _ in records]
                self.assertEqual(offsets, sorted(set(offsets)))
                self.assertEqual(server.low_watermark("t"), 0)
                self.verify(server)
                server.kill()
                self.verify(server)
                server.start()
                again = {key: value for _, key, value in self.read_all(server) if key != b"seal"}
                self.assertEqual(again, latest)
                self.assert_stops_cleanly(server)
                self.verify(server)

    def test_a_record_without_a_key_is_refused(self):
        server = self.serve()
        server.create_topic("t", **COMPACTED)
        with self.assertRaisesRegex(AssertionError, "Broker failed to validate record"):
            server.kcat("-P", "-t", "t", "-p", "0", data=b"without a key\n")

    async def test_subscribers_go_on_over_what_was_compacted(self):
        server = self.serve("--log-cleaner-backoff-ms=100")
        server.create_topic("t", **COMPACTED)
        early = await connect(feed_url(server, "t", **{"from": "latest", "partition": 0}))
        latest = self.fill(server)
        self.clean(server)
        feed = await connect(feed_url(server, "t", **{"from": "earliest", "partition": 0}))
        self.produce(server, ["last:the end\n"])
        got = await self.receive_to(feed, b"the end")
        self.assertEqual([message for message in got if message[1] in latest.values()],
                         [("t", value) for value in latest.values()])
        latest = self.fill(server, rounds=3)
        self.clean(server)
        self.produce(server, ["last:the very end\n"])
        for socket in (early, feed):  # which were caught up, and saw all that was appended
            got = await self.receive_to(socket, b"the very end")
            self.assertLessEqual({("t", value) for value in latest.values()}, set(got))
            await socket.close()

    async def receive_to(self, socket, value):
        got = []
        while not got or got[-1] != ("t", value):
            got += await receive(socket, 1)
        return got


if __name__ == "__main__":
    unittest.main()
