"""The WebSocket and HTTP wire, as clients that are not ours see it."""

import asyncio
import base64
import http.client
import os
import struct
import unittest

from duolog_server import DEADLINE_S
from feed_client import FeedTest, NodeClient, connect, feed_url, receive, receive_until_closed

UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}


def get(server, path, headers=None, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=DEADLINE_S)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read() if answer.status != 101 else b""
    connection.close()
    return answer, body


class WireTest(FeedTest):

    async def test_pings_are_answered_with_their_payload(self):
        server = self.serve()
        async with connect(feed_url(server, "t")) as feed:
            for payload in (b"", b"abc", bytes(125)):
                await asyncio.wait_for(await feed.ping(payload or None), DEADLINE_S)

    async def test_a_message_in_fragments_is_one_record(self):
        server = self.serve()
        async with connect(feed_url(server, "t")) as feed:
            await feed.send(["one ", "record", " in three"])
            await feed.send([b"\xff", b"", b"\xfe"])
            self.assertEqual(await receive(feed, 2),
                             [("t", b"one record in three"), ("b", b"\xff\xfe")])

    async def test_closing_is_answered(self):
        server = self.serve()
        feed = await connect(feed_url(server, "t"))
        await asyncio.wait_for(feed.close(1000, "done"), DEADLINE_S)
        self.assertEqual(feed.close_code, 1000)

    async def test_too_large_a_message_closes_with_1009(self):
        server = self.serve("--ws-max-message-bytes", "64KiB")
        server.create_topic("t")
        async with connect(feed_url(server, "t")) as feed:
            await feed.send(bytes(65536))
            self.assertEqual(len((await receive(feed, 1))[0][1]), 65536)
            await feed.send(bytes(65537))
            self.assertEqual(await receive_until_closed(feed), ([], 1009))
        self.assertEqual(server.high_watermark("t"), 1)

    async def test_a_deleted_topic_closes_its_feeds_with_4404(self):
        server = self.serve()
        server.create_topic("t")
        server.create_topic("other")
        node = await NodeClient.start("subscribe", feed_url(server, "t"), 1)
        async with connect(feed_url(server, "t")) as feed, connect(
                feed_url(server, "other")) as other:
            await asyncio.to_thread(server.duolog, "topic", "delete", "t")
            self.assertEqual(await receive_until_closed(feed), ([], 4404))
            self.assertEqual(await node.receive_until_closed(), ([], 4404))
            server.create_topic("t")
            await self.write(server, "other", [b"still here"])
            self.assertEqual(await receive(other, 1), [("t", b"still here")])

    async def test_broken_frames_close_with_the_code_of_the_rfc(self):
        server = self.serve()
        server.create_topic("t")
        mask = b"\1\2\3\4"
        for frame, code in ((b"\x81\x01x", 1002),                       # not masked
                            (b"\x83\x80" + mask, 1002),                 # a reserved opcode
                            (b"\xc1\x80" + mask, 1002),                 # a reserved bit
                            (b"\x80\x80" + mask, 1002),                 # continues nothing
                            (b"\x81\x81" + mask + b"\xfe", 1007),       # not UTF-8
                            (b"\x81\xff" + b"\x80" + bytes(7) + mask, 1002),
                            (b"\x81\xff" + struct.pack(">Q", 1 << 31) + mask, 1009),
                            (b"\x88\x82" + mask + bytes([3 ^ 1, 232 ^ 2]), 1000)):
            with self.subTest(frame=frame):
                self.assertEqual(self.code_after(server, frame), code)
        self.assertEqual(server.high_watermark("t"), 0)

    def code_after(self, server, frame):
        """Sends bytes behind an upgrade; returns the code of the close frame that answers."""
        with server.connect(server.http_port) as raw:
            head = "".join(f"{name}: {value}\r\n" for name, value in UPGRADE.items())
            raw.sendall(f"GET /v1/topics/t/ws HTTP/1.1\r\nHost: {server.http}\r\n{head}\r\n"
                        .encode() + frame)
            answer = b""
            while piece := raw.recv(4096):
                answer += piece
        self.assertTrue(answer.startswith(b"HTTP/1.1 101 "), answer)
        frames = answer.split(b"\r\n\r\n", 1)[1]
        self.assertEqual(frames[0], 0x88, frames)
        return int.from_bytes(frames[2:4], "big")


class UpgradeTest(FeedTest):

    def test_the_server_says_that_it_is_well(self):
        server = self.serve()
        for path in ("/healthz", "/readyz", "/metrics", "/v1/topics"):
            answer, _ = get(server, path)
            self.assertEqual(answer.status, 200, path)
        self.assert_stops_cleanly(server)

    def test_the_metrics_follow_the_data(self):
        server = self.serve("--shards", "2")
        server.kcat("-P", "-t", "t", data=b"one\ntwo\n")
        _, metrics = get(server, "/metrics")
        self.assertIn(b'\nduolog_partition_end_offset{topic="t",partition="0"} 2\n', metrics)
        self.assertIn(b'\nduolog_kafka_requests_total{shard="1",api="Produce"}', metrics)
        self.assertRegex(metrics, rb'(?m)^duolog_kafka_requests_total{.*api="Produce"} [1-9]')

    def test_an_upgrade_is_accepted_with_the_key_of_the_rfc(self):
        answer, _ = get(self.serve(), "/v1/topics/t/ws", UPGRADE)
        self.assertEqual(answer.status, 101)
        self.assertEqual(answer.getheader("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")

    def test_what_is_wrong_with_a_request_is_its_status(self):
        server = self.serve()
        server.create_topic("one")
        server.create_topic("two", 2)
        feed = "/v1/topics/one/ws"
        cases = [
            (200, "/", UPGRADE), (404, "/v1/topics/one", UPGRADE), (404, "/v2/topics/one/ws", {}),
            (426, feed, {}),
            (426, feed, UPGRADE | {"Sec-WebSocket-Version": "8"}),
            (400, feed, UPGRADE | {"Sec-WebSocket-Key": "short"}),
            (400, feed, {k: v for k, v in UPGRADE.items() if k != "Sec-WebSocket-Key"}),
            (400, feed + "?from=yesterday", UPGRADE),
            (400, feed + "?from=-1", UPGRADE),
            (400, feed + "?frm=earliest", UPGRADE),
            (400, feed + "?from=latest&from=earliest", UPGRADE),
            (400, feed + "?partition=x", UPGRADE),
            (400, feed + "?format=json", UPGRADE),
            (400, "/v1/topics/two/ws?from=0", UPGRADE),
            (400, "/v1/topics/a%20b/ws", UPGRADE),
            (403, feed, UPGRADE | {"Origin": "http://elsewhere.example"}),
            (403, feed, UPGRADE | {"Origin": "null"}),
        ]
        for status, path, headers in cases:
            with self.subTest(path=path, headers=headers):
                self.assertEqual(get(server, path, headers)[0].status, status)
        self.assertIn(get(server, feed + "?partition=7", UPGRADE)[0].status, (400, 404))
        self.assertEqual(get(server, feed, UPGRADE | {"Origin": f"http://{server.http}"})[0].status,
                         101)

    def test_an_unknown_topic_is_created_or_is_404(self):
        server = self.serve(name="creates")
        self.assertEqual(get(server, "/v1/topics/fresh/ws", UPGRADE)[0].status, 101)
        self.assertIn(b"fresh", server.duolog("topic", "list"))
        strict = self.serve("--auto-create-topics", "false", name="strict")
        self.assertEqual(get(strict, "/v1/topics/fresh/ws", UPGRADE)[0].status, 404)

    def test_a_request_that_never_ends_is_given_up(self):
        server = self.serve("--http-upgrade-timeout-ms", "200ms")
        with server.connect(server.http_port) as slow:
            answer = b""
            try:
                slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
                while piece := slow.recv(4096):
                    answer += piece
            except (BrokenPipeError, ConnectionResetError):
                pass  # given up before it had begun
        self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 408"), answer)

    def test_endless_headers_are_refused(self):
        server = self.serve()
        with server.connect(server.http_port) as flood:
            flood.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
            answer = b""
            try:
                for number in range(10_000):
                    flood.sendall(b"X-%d: %s\r\n" % (number, base64.b64encode(os.urandom(60))))
                answer = flood.recv(4096)
            except (BrokenPipeError, ConnectionResetError):
                pass
        self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 431"), answer)
        self.assertEqual(get(server, "/healthz")[0].status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
