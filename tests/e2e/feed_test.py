"""The plain feed: records become messages and messages become records, in order, once each."""

import asyncio
import random
import unittest

from duolog_server import sanitized, until
from feed_client import (FeedTest, NodeClient, connect, expected_message, feed_url, receive,
                         receive_until_closed)
from record_batches import read_batches


def make_values(count, seed, most=80):
    """Values that are text or not, each with its number; one in twenty is a tombstone."""
    dice = random.Random(seed)
    values = []
    for number in range(count):
        kind = dice.randrange(20)
        body = bytes(dice.choice(b"abcdefghij ") for _ in range(dice.randrange(most)))
        if kind == 0:
            values.append(None)
        elif kind < 5:
            values.append(b"%d \xff\xfe %s" % (number, body))
        elif kind < 8:
            values.append(b"%d \xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\x88 %s" % (number, body))
        else:
            values.append(b"%d %s" % (number, body))
    return values


def messages_of(values):
    return [expected_message(value) for value in values if value is not None]


class LiveTest(FeedTest):

    async def test_what_kcat_writes_reaches_every_subscriber_live(self):
        server = self.serve()
        server.create_topic("t")
        values = make_values(20_000, seed=1)
        expected = messages_of(values)
        url = feed_url(server, "t")
        node = await NodeClient.start("subscribe", url, len(expected))
        async with connect(url) as text, connect(feed_url(server, "t", format="binary")) as binary:
            await self.write(server, "t", values)
            self.assert_same(await receive(text, len(expected)), expected)
            self.assert_same(await receive(binary, len(expected)), [("b", m) for _, m in expected])
        got, code = await node.receive_until_closed()
        self.assert_same(got, expected)
        self.assertEqual(code, 1000)
        self.assert_stops_cleanly(server)

    async def test_single_records_arrive_one_by_one(self):
        server = self.serve()
        server.create_topic("t")
        async with connect(feed_url(server, "t")) as subscriber:
            for number in range(20):
                await self.write(server, "t", [b"%d" % number])
                self.assertEqual(await receive(subscriber, 1), [("t", b"%d" % number)])

    async def test_a_feed_without_partition_reads_all_of_them(self):
        server = self.serve()
        server.create_topic("t", 8)
        async with connect(feed_url(server, "t")) as every, connect(
                feed_url(server, "t", partition=3)) as third:
            for partition in range(8):
                await self.write(server, "t", [b"%d-%d" % (partition, n) for n in range(500)],
                                 "-p", str(partition))
            got = [m for _, m in await receive(every, 8 * 500)]
            for partition in range(8):
                mine = [m for m in got if m.startswith(b"%d-" % partition)]
                self.assertEqual(mine, [b"%d-%d" % (partition, n) for n in range(500)])
            self.assertEqual([m for _, m in await receive(third, 500)],
                             [b"3-%d" % n for n in range(500)])

    async def test_compressed_batches_arrive_as_records(self):
        server = self.serve()
        server.create_topic("t")
        async with connect(feed_url(server, "t")) as subscriber:
            for number, codec in enumerate(["gzip", "snappy", "lz4", "zstd"]):
                values = make_values(5000, seed=number)
                await self.write(server, "t", values, "-z", codec)
                expected = messages_of(values)
                self.assert_same(await receive(subscriber, len(expected)), expected)
        self.assert_stops_cleanly(server)
        codecs = {b.codec for path in server.segments("t") for b in read_batches(path)}
        self.assertLessEqual({"gzip", "snappy", "lz4", "zstd"}, codecs)

    async def test_what_was_inflated_when_it_was_produced_is_not_inflated_again(self):
        server = self.serve("--shards", "1")
        server.create_topic("t")
        async with connect(feed_url(server, "t")) as subscriber:
            # Within a turn, and on a worker.
            for count, lengths in ((50, 80), (50, 80), (500, 1500)):
                values = make_values(count, seed=count, most=lengths)
                await self.write(server, "t", values, "-z", "zstd", "-X", "linger.ms=500")
                expected = messages_of(values)
                self.assert_same(await receive(subscriber, len(expected)), expected)
        # The first tells that there is a reader.
        self.assertEqual(server.counted("duolog_http_batches_inflated_total"), 1)
        self.assertGreaterEqual(server.counted("duolog_http_batches_inflated_before_total"), 2)

    async def test_a_subscriber_that_does_not_read_holds_nobody_up_and_costs_no_memory(self):
        """The stalled ones later read on from the log, and miss nothing."""
        server = self.serve("--tail-memory-bytes", "16MiB", "--journal-max-bytes", "16MiB",
                            "--segment-bytes", "16MiB")
        server.create_topic("t")
        noise = random.Random(7).randbytes(30_000)
        body = noise.replace(b"\x1e", b"-").replace(b"\x1f", b"-")
        values = [b"%d " % number + body for number in range(1500)]
        expected = messages_of(values)
        await self.write(server, "t", values)  # so that its buffers are what they will be
        stalled = [await connect(feed_url(server, "t"), max_queue=1, read_limit=4096)
                   for _ in range(20)]
        for feed in stalled:
            self.addCleanup(feed.transport.abort)
        before = server.memory_bytes()
        most = before
        async with connect(feed_url(server, "t")) as reader:
            for _ in range(3):
                writing = asyncio.create_task(self.write(server, "t", values))
                self.assert_same(await receive(reader, len(expected)), expected)
                await writing
                most = max(most, server.memory_bytes())
        if not sanitized():
            # Tails, requests and caches vary within their limits. Queues of what the stalled ones
            # have not read would hold 2.7 GB.
            self.assertLess(most - before, 64 << 20)
        for late in (stalled[0], stalled[-1]):
            self.assert_same(await receive(late, 3 * len(expected)), 3 * expected)
        for socket in stalled:
            socket.transport.abort()
        until(lambda: server.kcat("-L"), "an answer after the stalled ones have gone")


class StartTest(FeedTest):
    """Where a feed begins."""

    async def test_begins_at_the_earliest_the_latest_or_an_offset(self):
        server = self.serve("--segment-bytes", "2MiB")
        server.create_topic("t")
        old = [b"%d " % number + bytes(500) for number in range(8000)]
        await self.write(server, "t", old)
        self.assertGreater(len(server.segments("t")), 1)
        starts = {0: "earliest", 8000: "latest"} | {n: n for n in (1, 1999, 2000, 5432, 7999)}
        feeds = {first: await connect(feed_url(server, "t", **{"from": start}, partition=0))
                 for first, start in starts.items()}
        new = [b"%d " % number + bytes(500) for number in range(8000, 12000)]
        await self.write(server, "t", new)
        for first, feed in feeds.items():
            expected = messages_of((old + new)[first:])
            self.assert_same(await receive(feed, len(expected)), expected)
            await feed.close()
        node = await NodeClient.start("subscribe", feed_url(server, "t", **{"from": "earliest"}),
                                      12000)
        self.assert_same((await node.receive_until_closed())[0], messages_of(old + new))

    async def test_reads_on_over_restarts_and_kills_without_loss_or_repetition(self):
        server = self.serve("--segment-bytes", "2MiB")
        server.create_topic("t")
        written, got, codes = [], [], []
        for number, end in enumerate((server.stop, server.kill, server.kill, server.stop)):
            values = [b"%d-%d " % (number, n) + bytes(300) for n in range(6000)]
            written += values
            feed = await connect(feed_url(server, "t", **{"from": len(got)}, partition=0))
            await self.write(server, "t", values)
            got += await receive(feed, 2500)
            await asyncio.to_thread(end)
            rest, code = await receive_until_closed(feed)
            got += rest
            codes.append(code)
            await asyncio.to_thread(server.start)
        async with connect(feed_url(server, "t", **{"from": len(got)}, partition=0)) as feed:
            got += await receive(feed, len(written) - len(got))
        self.assert_same(got, messages_of(written))
        self.assertEqual(codes[1], None)
        self.assertIn(codes[0], (1001, 1012, 4503))

    async def test_an_offset_beyond_the_end_is_answered_with_4442(self):
        server = self.serve()
        server.create_topic("t")
        await self.write(server, "t", [b"0", b"1"])
        async with connect(feed_url(server, "t", **{"from": 3}, partition=0)) as feed:
            self.assertEqual(await receive_until_closed(feed), ([], 4442))
        node = await NodeClient.start("subscribe",
                                      feed_url(server, "t", **{"from": 3}, partition=0), 1)
        self.assertEqual(await node.receive_until_closed(), ([], 4442))
        async with connect(feed_url(server, "t", **{"from": 2}, partition=0)) as feed:
            await self.write(server, "t", [b"2"])
            self.assertEqual(await receive(feed, 1), [("t", b"2")])


class PublishTest(FeedTest):
    """What clients send."""

    async def test_messages_become_records_in_their_order(self):
        server = self.serve()
        server.create_topic("t")
        messages = messages_of(make_values(3000, seed=3)) + [("t", b""), ("b", b"")]
        values = [value for _, value in messages]
        async with connect(feed_url(server, "t")) as feed:
            for kind, value in messages:
                await feed.send(value.decode() if kind == "t" else value)
            # Its own records come back to it.
            self.assertEqual([v for _, v in await receive(feed, len(values))], values)
        self.assertEqual(await self.read(server, "t"), values)
        node = await NodeClient.start("publish", feed_url(server, "t"))
        await node.publish(messages)
        again = await asyncio.to_thread(
            until, lambda: server.high_watermark("t") == 2 * len(values), "all of node's records")
        self.assertTrue(again)
        self.assertEqual(await self.read(server, "t"), 2 * values)
        self.assert_stops_cleanly(server)

    async def test_a_key_chooses_the_partition_that_kafka_chooses(self):
        server = self.serve()
        server.create_topic("ws", 8)
        server.create_topic("kafka", 8)
        keys = [f"key-{number}" for number in range(40)]
        lines = "\n".join(f"{key}:{key}" for key in keys).encode()
        server.kcat("-P", "-t", "kafka", "-K", ":", "-X", "topic.partitioner=murmur2_random",
                    data=lines)
        for key in keys:
            async with connect(feed_url(server, "ws", key=key)) as feed:
                await feed.send(key)
                self.assertEqual(await receive(feed, 1), [("t", key.encode())])
        read = ["-C", "-e", "-q", "-f", r"%p %k %s\n", "-t"]
        places = [sorted(server.kcat(*read, topic).splitlines()) for topic in ("ws", "kafka")]
        self.assertEqual(len(places[0]), len(keys))
        self.assertEqual(*places)

    async def test_a_partition_may_be_named(self):
        server = self.serve()
        server.create_topic("t", 4)
        for partition in (2, 0, 3):
            async with connect(feed_url(server, "t", partition=partition)) as feed:
                await feed.send(f"to {partition}")
                await receive(feed, 1)
        said = server.kcat("-C", "-t", "t", "-e", "-q", "-f", r"%p %s\n")
        self.assertEqual(sorted(said.splitlines()), [b"0 to 0", b"2 to 2", b"3 to 3"])

    async def test_many_publishers_lose_nothing(self):
        server = self.serve("--shards", "2")
        server.create_topic("t", 3)

        async def publish(who):
            async with connect(feed_url(server, "t", **{"from": "latest"}, key=who)) as feed:
                for number in range(200):
                    await feed.send(f"{who} {number}")

        async with connect(feed_url(server, "t")) as subscriber:
            await asyncio.gather(*(publish(who) for who in range(20)))
            got = [m.decode().split() for _, m in await receive(subscriber, 20 * 200)]
        for who in range(20):
            self.assertEqual([int(n) for w, n in got if int(w) == who], list(range(200)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
