"""What attacks WebSocket servers, behind the upgrade: the server serves on, and its memory and its
descriptors are flat."""

import os
import random
import selectors
import socket
import struct
import unittest
import zlib

import wire
from duolog_server import DEADLINE_S, lasting_port, report_hang, sanitized
from watched import WatchedTest, many_descriptors, reset
from wire import BINARY, CONTINUATION, RSV1, TEXT, Connection, close, fragments, frame, header, ping

ECHO, FEED, PUSH = "/v1/echo", "/v1/topics/feed/ws", "/v1/ws"
ENDPOINTS = (ECHO, FEED, PUSH)
MIB = 1 << 20


def stalled(port, path, behind=b""):
    """A client with a window of next to nothing, which has sent an upgrade and does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.settimeout(DEADLINE_S)
    client.connect(("127.0.0.1", port))
    client.sendall(upgrade(port, path) + behind)
    return client


def upgrade(port, path):
    return (f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n").encode()


class WsAttacksTest(WatchedTest):

    OPTIONS = ("--echo", "true")

    def setUp(self):
        if not many_descriptors(4096):
            self.skipTest("too few descriptors")
        super().setUp()

    def warm_up(self):
        self.port = self.server_.http_port
        self.server_.kcat("-P", "-t", "feed", data=b"v" * 2000)
        for path in ENDPOINTS:
            for _ in range(50):
                with Connection(self.port, path) as connection:
                    connection.send(ping(b"warm"))
                    connection.next_frame()

    def refused(self, path, sent, code, headers=()):
        with Connection(self.port, path, headers) as connection:
            connection.send(sent)
            while (answer := connection.next_frame()).opcode == wire.PONG:
                pass
            self.assertEqual((answer.opcode, answer.payload[:2]),
                             (wire.CLOSE, struct.pack(">H", code)))

    # ---- Memory ----------------------------------------------------------------------------------

    def test_declared_lengths_are_refused_at_the_header(self):
        with self.costing_less_than(4 * MIB):
            for path in ENDPOINTS:
                for length, code in ((1 << 31, 1009), (1 << 32, 1009), ((1 << 63) - 1, 1009),
                                     (1 << 63, 1002), ((1 << 64) - 1, 1002)):
                    for _ in range(10):
                        self.refused(path, header(TEXT, length, length_bytes=8), code)

    def test_a_length_that_is_declared_and_never_sent_costs_nothing(self):
        with self.costing_less_than(4 * MIB):
            held = [Connection(self.port, path) for path in ENDPOINTS for _ in range(100)]
            for connection in held:
                connection.send(ping(b"p") + header(TEXT, MIB) + b"some")
            for connection in held:
                self.assertEqual(connection.next_frame().payload, b"p")
                connection.socket.close()

    def test_bombs_cost_no_more_than_the_largest_message(self):
        stream = zlib.compressobj(9, zlib.DEFLATED, -15)
        piece = stream.compress(bytes(16 * MIB)) + stream.flush(zlib.Z_FULL_FLUSH)
        bomb = piece * 64  # 1 GiB
        whole = frame(BINARY, bomb, rsv=RSV1)
        cut = fragments(BINARY, wire.cut(bomb, 997), ping(b"p"), rsv=RSV1)

        def explode():
            for sent in (whole, cut):
                self.refused(ECHO, sent, 1009, ["Sec-WebSocket-Extensions: permessage-deflate"])
        self.MEMORY_SLACK_BYTES = 40 * MIB  # the allocator keeps a large block or two
        with self.costing_less_than(80 * MIB):
            self.flat(explode, 10)

    def test_floods_of_empty_and_one_byte_fragments(self):
        for path in ENDPOINTS:
            for piece in (b"", b"x"):
                with self.subTest(path=path, piece=piece), Connection(self.port, path) as flood:
                    # What one turn has received and has no time for waits in the connection's
                    # memory: at most as much as the shard's receive buffers, 4 MiB.
                    with self.costing_less_than(8 * MIB):
                        flood.send(frame(TEXT, b"begin", fin=False))
                        more = frame(CONTINUATION, piece, fin=False) * 10_000
                        for _ in range(30):
                            flood.send(more)
                        flood.send(ping(b"still there"))
                        self.assertEqual(flood.next_frame().payload, b"still there")

    def test_fragments_without_end_stop_at_the_largest_message(self):
        def flood():
            for path, most in ((ECHO, 16 * MIB), (FEED, MIB), (PUSH, MIB)):
                pieces = [bytes(1000)] * (most // 1000 + 1) + [b""]
                self.refused(path, fragments(TEXT, pieces), 1009)
        self.MEMORY_SLACK_BYTES = 40 * MIB
        with self.costing_less_than(80 * MIB):
            self.flat(flood)

    # ---- Clients that do not read ----------------------------------------------------------------

    def test_a_thousand_readers_with_a_closed_window(self):
        values = b"\n".join(b"%06d" % n + b"v" * 2000 for n in range(2000))

        def crowd():
            readers = [stalled(self.port, FEED) for _ in range(1000)]
            for client in readers:
                self.assertTrue(client.recv(12).startswith(b"HTTP/1.1 101"))
            with Connection(self.port, FEED) as reader:
                self.server_.kcat("-P", "-t", "feed", data=values)
                for number in range(2000):
                    self.assertTrue(reader.next_frame().payload.startswith(b"%06d" % number))
            # With what they have not read the 4 MB would be 4 GB.
            if not sanitized():
                self.assertLess(self.server_.memory_bytes() - before, 32 * MIB)
            for number, client in enumerate(readers):
                if number % 2:
                    reset(client)
                client.close()
        before = self.server_.memory_bytes()
        self.flat(crowd, 1)

    def test_echoes_that_are_not_read(self):
        messages = frame(BINARY, bytes(10_000)) * 400
        clients = 200

        def crowd():
            sent = {stalled(self.port, ECHO): 0 for _ in range(clients)}
            with selectors.DefaultSelector() as selector:
                for client in sent:
                    client.setblocking(False)
                    selector.register(client, selectors.EVENT_WRITE)
                # Until none has been taken from for a while.
                while ready := selector.select(1):
                    for key, _ in ready:
                        client = key.fileobj
                        sent[client] += client.send(messages[sent[client] % 10_008:])
                        self.assertLess(sent[client], 32 * MIB)
            # Each: answers that wait, one more, and what was received meanwhile.
            if not sanitized():
                self.assertLess(self.server_.memory_bytes() - before, 2 * clients * MIB)
            for client in sent:
                reset(client)
        before = self.server_.memory_bytes()
        self.MEMORY_SLACK_BYTES = clients * MIB // 2  # each has cost more than that
        self.flat(crowd, 2)

    # ---- Connections that end --------------------------------------------------------------------

    def states(self):
        """What a client has sent when it goes away."""
        yield b""
        yield b"GET /v1/ec"
        yield b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
        for path in ENDPOINTS:
            request = upgrade(self.port, path)
            yield request[:-2]
            yield request
            for behind in (b"\x81", header(TEXT, 5), frame(TEXT, b"half")[:-2],
                           frame(TEXT, b"a fragment", fin=False), ping(b"unread") * 3,
                           frame(TEXT, b"a message"), frame(TEXT, b"a message") + close(1000),
                           close(1000), frame(3), header(BINARY, 1 << 40)):
                yield request + behind
        yield upgrade(self.port, ECHO) + frame(TEXT, b"m" * 70_000)

    def end_everywhere(self, count):
        states = list(self.states())
        for number in range(count):
            client = socket.socket()
            client.bind((f"127.0.{1 + number % 50}.1", 0))  # else ports would run out
            client.connect(("127.0.0.1", self.port))
            client.sendall(states[number % len(states)])
            if number // len(states) % 2:
                reset(client)
            elif number // len(states) % 4 == 2:
                client.shutdown(socket.SHUT_WR)
            client.close()

    def test_connections_that_end_in_every_state_twenty_thousand_times(self):
        self.flat(lambda: self.end_everywhere(4_000), 1 if sanitized() else 4)

    def test_resets_at_any_byte_of_a_conversation(self):
        dice = random.Random(11)
        talk = b"".join(frame(TEXT, os.urandom(20).hex().encode()) + ping(b"p") for _ in range(20))
        for _ in range(1000):
            with Connection(self.port, ENDPOINTS[dice.randrange(3)]) as connection:
                connection.send(talk[:dice.randrange(len(talk))])
                if dice.randrange(2):
                    reset(connection.socket)


class StormTest(WatchedTest):
    """Everybody comes back at once."""

    CLIENTS = 2000
    MEMORY_SLACK_BYTES = 40 * MIB  # what that many may leave with the allocator

    def setUp(self):
        if not many_descriptors(2 * self.CLIENTS + 200):
            self.skipTest("too few descriptors")
        super().setUp()

    def warm_up(self):
        self.server_.create_topic("feed")
        self.port = self.server_.lasting_http_port = lasting_port()
        self.server_.stop()
        self.server_.start()

    def connect_all(self):
        """All connections at once; each has its 101."""
        request = upgrade(self.port, FEED)
        answers = {}
        with selectors.DefaultSelector() as selector:
            for _ in range(self.CLIENTS):
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", self.port))
                selector.register(client, selectors.EVENT_WRITE)
                answers[client] = b""
            waiting = self.CLIENTS
            while waiting:
                ready = selector.select(DEADLINE_S)
                if not ready:
                    report_hang("clients without an answer")
                self.assertTrue(ready, f"{waiting} clients wait for an answer")
                for key, events in ready:
                    client = key.fileobj
                    if events & selectors.EVENT_WRITE:
                        client.send(request)
                        selector.modify(client, selectors.EVENT_READ)
                        continue
                    answers[client] += client.recv(4096)
                    if answers[client].endswith(b"\r\n\r\n"):
                        selector.unregister(client)
                        waiting -= 1
        for client, answer in answers.items():
            self.assertTrue(answer.startswith(b"HTTP/1.1 101 "), answer)
            client.settimeout(DEADLINE_S)
        return list(answers)

    def test_two_thousand_clients_reconnect_after_a_kill(self):
        crowd = self.connect_all()
        self.bystander.end()  # it dies with the server
        self.server_.kill()
        for client in crowd:
            self.assertEqual(client.recv(1), b"")
            client.close()
        self.server_.start()
        self.bystander = type(self.bystander)(self.server_)
        self.bystander.start()
        self.server_.kcat("-P", "-t", "feed", data=b"before\n")  # opens what is written to
        self.memory, self.descriptors = self.server_.memory_bytes(), self.server_.descriptors()
        crowd = self.connect_all()
        self.server_.kcat("-P", "-t", "feed", data=b"again\n")
        for client in crowd:
            self.assertEqual(client.recv(64), b"\x81\x05again")
            client.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
