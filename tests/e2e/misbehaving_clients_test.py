"""Clients that send anything, or go away at any time: nobody else notices, and nothing leaks."""

import os
import random
import socket
import struct
import unittest

from watched import API_VERSIONS, WatchedTest, ask, framed, receive_exactly, reset


def closes(connection):
    """True when the server ends the connection, whatever it says before."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


class MisbehavingClientsTest(WatchedTest):

    OPTIONS = ("--socket-request-max-bytes", "2MiB")

    def warm_up(self):
        for port in (self.server_.kafka_port, self.server_.http_port):
            self.torture(port, 50)

    def torture(self, port, count):
        """Connections that end at once: closed, reset, or behind a piece of a request."""
        dice = random.Random(count)
        for number in range(count):
            connection = self.server_.connect(port)
            if number % 4 >= 2:
                connection.sendall(dice.randbytes(dice.randrange(1, 200)))
            if number % 2:
                reset(connection)
            connection.close()

    def test_connections_closed_at_once_by_the_hundred(self):
        for port in (self.server_.kafka_port, self.server_.http_port):
            self.torture(port, 500)
        crowd = [self.server_.connect(self.server_.kafka_port) for _ in range(500)]
        for connection in crowd:
            connection.close()

    def test_hostile_lengths_close_only_their_connection(self):
        for length in (-1, -2**31, 0, 1, 7, 2**21 + 1, 2**31 - 1, 0x47455420):
            with self.subTest(length=length):
                with self.server_.connect(self.server_.kafka_port) as connection:
                    connection.sendall(struct.pack(">i", length) + bytes(max(0, min(length, 8))))
                    self.assertTrue(closes(connection))

    def test_garbage_bodies_close_only_their_connection(self):
        dice = random.Random(3)
        for number in range(300):
            with self.server_.connect(self.server_.kafka_port) as connection:
                # A plausible API and version, so that the body is what is parsed.
                header = struct.pack(">hhih", dice.choice([0, 1, 2, 3, 18, 19, 20, 23]),
                                     dice.randrange(0, 14), number, -1)
                connection.sendall(framed(header + dice.randbytes(dice.randrange(0, 300))))
                connection.shutdown(socket.SHUT_WR)
                self.assertTrue(closes(connection))

    def test_counts_that_promise_more_than_there_is_cost_nothing(self):
        for api, version in ((0, 3), (1, 4), (2, 1), (3, 1), (19, 2), (20, 1)):
            for count in (2**31 - 1, 10**8, -2):
                with self.server_.connect(self.server_.kafka_port) as connection:
                    body = struct.pack(">i", count) * 8
                    connection.sendall(framed(struct.pack(">hhih", api, version, 1, -1) + body))
                    connection.shutdown(socket.SHUT_WR)
                    self.assertTrue(closes(connection))

    def test_an_unknown_api_or_version_closes_only_its_connection(self):
        for api, version in ((9999, 0), (-1, 0), (0, 99), (1, -1), (3, 32767)):
            with self.server_.connect(self.server_.kafka_port) as connection:
                connection.sendall(framed(struct.pack(">hhih", api, version, 1, -1)))
                self.assertTrue(closes(connection))

    def test_a_request_may_come_byte_by_byte(self):
        with self.server_.connect(self.server_.kafka_port) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in framed(API_VERSIONS):
                connection.sendall(bytes([byte]))
            size, correlation = struct.unpack(">ii", receive_exactly(connection, 8))
            self.assertEqual(correlation, 7)
            receive_exactly(connection, size - 4)
            # Many in one piece, and the last one torn.
            connection.sendall(framed(API_VERSIONS) * 100 + framed(API_VERSIONS)[:6])
            for _ in range(100):
                size, correlation = struct.unpack(">ii", receive_exactly(connection, 8))
                receive_exactly(connection, size - 4)
            connection.sendall(framed(API_VERSIONS)[6:])
            self.assertEqual(struct.unpack(">ii", receive_exactly(connection, 8))[1], 7)

    def test_half_requests_that_are_held_open_hold_nobody_up(self):
        held = []
        for number in range(200):
            connection = self.server_.connect(self.server_.kafka_port)
            connection.sendall(struct.pack(">i", 1 << 20) + bytes(number * 100))
            held.append(connection)
        with self.server_.connect(self.server_.kafka_port) as other:
            self.assertEqual(ask(other), 7)
        self.assertEqual(self.server_.kcat("-C", "-t", "t", "-e", "-q"), b"one\n")
        for connection in held:
            connection.close()

    def test_a_client_that_does_not_read_its_answers_is_stopped(self):
        with self.server_.connect(self.server_.kafka_port) as greedy:
            greedy.setblocking(False)
            request = framed(API_VERSIONS)
            sent = 0
            try:
                while sent < 64 << 20:
                    # What was sent last may have ended inside a request.
                    sent += greedy.send((request * 1000)[sent % len(request):])
            except BlockingIOError:
                pass
            self.assertLess(sent, 64 << 20)
            with self.server_.connect(self.server_.kafka_port) as other:
                self.assertEqual(ask(other), 7)

    def test_garbage_on_the_http_port_closes_only_its_connection(self):
        dice = random.Random(5)
        for _ in range(300):
            with self.server_.connect(self.server_.http_port) as connection:
                connection.sendall(dice.choice([b"", b"GET ", b"GET / HTTP/1.1\r\n"]) +
                                   os.urandom(dice.randrange(1, 300)) + b"\r\n\r\n")
                connection.shutdown(socket.SHUT_WR)
                self.assertTrue(closes(connection))


if __name__ == "__main__":
    unittest.main(verbosity=2)
