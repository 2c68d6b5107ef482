"""What attacks the way to a WebSocket: odd handshakes, requests hidden behind others, pages of
other origins, and clients that never finish asking. On every endpoint."""

import re
import selectors
import ssl
import unittest

from duolog_server import until
from watched import WatchedTest, many_descriptors

ENDPOINTS = ("/v1/echo", "/v1/topics/feed/ws", "/v1/ws")
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


def statuses(said):
    """Of all responses in these bytes."""
    return [int(digits) for digits in re.findall(rb"HTTP/1\.1 (\d\d\d) ", said)]


class UpgradeAttacksTest(WatchedTest):

    OPTIONS = ("--echo", "true", "--http-upgrade-timeout-ms", "1s",
               "--ws-allowed-origins", "https://good.example")

    def setUp(self):
        if not many_descriptors(4096):
            self.skipTest("too few descriptors")
        super().setUp()

    def warm_up(self):
        self.host = f"127.0.0.1:{self.server_.http_port}"
        self.server_.kcat("-P", "-t", "feed", data=b"v")
        for path in ENDPOINTS:
            self.assertEqual(self.status(self.request(path)), 101)

    # A request is a list of lines, the first its request line.

    def request(self, path, *more, without=(), line=None):
        """A good upgrade, but for the fields `without` which it comes; `more` lines."""
        fields = {"Host": self.host, "Upgrade": "websocket", "Connection": "Upgrade",
                  "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13"}
        lines = [line or f"GET {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields.items() if name not in without]
        return "\r\n".join([*lines, *more, "", ""]).encode()

    def answers(self, sent, until_upgraded=False):
        """All that the server says to these bytes until it closes, or has upgraded."""
        with self.server_.connect(self.server_.http_port) as connection:
            connection.sendall(sent)
            said = b""
            while piece := connection.recv(65536):
                said += piece
                if until_upgraded and said.startswith(b"HTTP/1.1 101 ") and b"\r\n\r\n" in said:
                    break
        return said

    def status(self, sent):
        """The status of the one answer to a request that is upgraded or refused for good."""
        said = self.answers(sent, until_upgraded=True)
        self.assertEqual(len(statuses(said)), 1, said)
        return statuses(said)[0]

    # ---- Handshakes ------------------------------------------------------------------------------

    def handshakes(self, path):
        """(status, what it is, the request)."""
        def changed(name, value):
            return self.request(path, f"{name}: {value}", without=(name,))

        def doubled(name, value):
            return self.request(path, f"{name}: {value}")
        for name, status in (("Host", 400), ("Upgrade", 426), ("Connection", 426),
                             ("Sec-WebSocket-Key", 400), ("Sec-WebSocket-Version", 400)):
            yield status, f"no {name}", self.request(path, without=(name,))
        yield 400, "two hosts", doubled("Host", self.host)
        yield 400, "two keys", doubled("Sec-WebSocket-Key", KEY)
        yield 400, "two versions", doubled("Sec-WebSocket-Version", "13")
        yield 400, "two upgrades", doubled("Upgrade", "websocket")
        yield 101, "two connections", doubled("Connection", "keep-alive")
        yield 101, "a list of connections", changed("Connection", "keep-alive, upgrade ,x")
        yield 101, "names in other case", self.request(
            path, "uPGRADE: WebSocket", "CONNECTION: uPGRADE", f"sec-websocket-KEY:{KEY}",
            "SEC-WEBSOCKET-VERSION:\t13 ", without=("Upgrade", "Connection", "Sec-WebSocket-Key",
                                                    "Sec-WebSocket-Version"))
        for value in ("h2c", "websocket2", "web socket", "", "websocke"):
            yield 426, f"upgrade to {value!r}", changed("Upgrade", value)
        for value in ("keep-alive", "upgraded", "close", ""):
            yield 426, f"connection {value!r}", changed("Connection", value)
        for value in ("8", "0", "12", "14", "13, 8", "013", "1 3", "-13", "99999999999999999999"):
            yield 426, f"version {value!r}", changed("Sec-WebSocket-Version", value)
        for value in ("", "AAAA", "AAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA=",
                      "A" * 24, "A" * 21 + "*==", "A" * 22 + "== x", "A" * 100, KEY * 2):
            yield 400, f"key {value!r}", changed("Sec-WebSocket-Key", value)
        for line, status in ((f"POST {path} HTTP/1.1", 405), (f"get {path} HTTP/1.1", 405),
                             (f"HEAD {path} HTTP/1.1", 405), (f"CONNECT {path} HTTP/1.1", 405),
                             (f"GET {path} HTTP/1.0", 400), (f"GET {path} HTTP/2.0", 505),
                             (f"GET {path} HTTP/1.9", 505), (f"GET {path}", 400),
                             (f"GET {path} HTTP/1.1 x", 505), (f"GET  {path} HTTP/1.1", 400),
                             (f"GET http://{self.host}{path} HTTP/1.1", 101),
                             (f"GET http://other.example{path} HTTP/1.1", 403),
                             (f"GET ws://{self.host}{path} HTTP/1.1", 400),
                             ("CONNECT other.example:443 HTTP/1.1", 405),
                             (f"GET {path}%zz HTTP/1.1", 400)):
            yield status, line, self.request(path, line=line)
        for field in ("X : y", " X: y", "X", ": y", "X: a\0b", "X\r: y", "Host: other.example"):
            yield 400, f"the field {field!r}", self.request(path, field)
        yield 400, "a body", self.request(path, "Content-Length: 5") + b"hello"
        yield 400, "a body of no chunks", self.request(
            path, "Transfer-Encoding: chunked") + b"0\r\n\r\n"
        yield 101, "a length of nothing", self.request(path, "Content-Length: 0")
        yield 400, "a line feed alone", self.request(path).replace(b"\r\nUp", b"\nUp")
        yield 505, "line feeds alone", self.request(path).replace(b"\r\n", b"\n") + b"\r\n\r\n"
        yield 431, "65 fields", self.request(path, *[f"X-{n}: y" for n in range(65)])
        yield 431, "a field of 9 KiB", self.request(path, "X: " + "y" * 9216)

    def test_odd_handshakes_are_answered_with_their_status(self):
        for path in ENDPOINTS:
            for expected, name, request in self.handshakes(path):
                with self.subTest(path=path, handshake=name):
                    self.assertEqual(self.status(request), expected)

    def test_unknown_paths_are_no_endpoints(self):
        for path in ("/v1/echo/", "/v1/echo/x", "/v1//echo", "/v1/ECHO", "/v1/ech%6F2", "/v1/ws/",
                     "/v1/topics/feed", "/v1/topics//ws", "/v1/topics/feed/ws/x", "/v1/../v1/ws"):
            with self.subTest(path=path):
                said = self.answers(self.request(path, "Connection: close"))
                self.assertRegex(said, b"^HTTP/1.1 (400|404) ")

    # ---- Requests behind requests ----------------------------------------------------------------

    def test_a_refused_upgrade_takes_what_is_behind_it_with_it(self):
        """A proxy may believe that it was upgraded; what it passes on then must be no request."""
        for path in ENDPOINTS:
            for refused in (
                    self.request(path, "Sec-WebSocket-Version: 777",
                                 without=("Sec-WebSocket-Version",)),
                    self.request(path, "Content-Length: %d" % len(HEALTH)),
                    self.request(path, "Transfer-Encoding: chunked") + b"0\r\n\r\n",
                    self.request(path, "Content-Length: 4", "Transfer-Encoding: chunked")
                    + b"0\r\n\r\n",
                    self.request(path, "Content-Length: 1", "Content-Length: 0") + b"G",
                    self.request(path, "Transfer-Encoding: xchunked"),
                    self.request(path, "Transfer-Encoding : chunked"),
                    self.request(path, without=("Sec-WebSocket-Key",)),
                    self.request(path, line=f"POST {path} HTTP/1.1"),
                    self.request(path, "Origin: https://evil.example")):
                with self.subTest(path=path, refused=refused):
                    said = self.answers(refused + HEALTH * 3)
                    self.assertEqual(len(statuses(said)), 1, said)
                    self.assertRegex(said, b"^HTTP/1.1 (4|501)")
                    self.assertIn(b"Connection: close", said)

    def test_what_is_behind_an_upgrade_is_frames_and_no_request(self):
        for path in ENDPOINTS:
            for behind in (HEALTH, self.request(path), b"\r\n" + HEALTH, b"0\r\n\r\n" + HEALTH):
                with self.subTest(path=path, behind=behind):
                    said = self.answers(self.request(path) + behind)
                    self.assertEqual(len(statuses(said)), 1, said)
                    frames = said.split(b"\r\n\r\n", 1)[1]
                    self.assertEqual((frames[0], frames[2:4]), (0x88, b"\x03\xea"))  # 1002

    def test_an_upgrade_behind_other_requests_is_answered_in_its_turn(self):
        for path in ENDPOINTS:
            with self.server_.connect(self.server_.http_port) as connection:
                connection.sendall(HEALTH * 2 + self.request(path) + b"\x89\x80\0\0\0\0")
                said = b""
                while not said.endswith(b"\x8a\x00"):
                    said += connection.recv(4096)
            self.assertEqual(statuses(said), [200, 200, 101])

    # ---- Other protocols -------------------------------------------------------------------------

    def test_tls_on_a_port_without_it_is_closed_at_once_with_a_line_that_says_so(self):
        hello = ssl.MemoryBIO()
        client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello,
                                                       server_hostname="localhost")
        with self.assertRaises(ssl.SSLWantReadError):
            client.do_handshake()
        hello = hello.read()
        for port, client, advice in ((self.server_.http_port, "http", "http:// and ws://"),
                                     (self.server_.kafka_port, "kafka", "PLAINTEXT")):
            with self.subTest(client=client), self.server_.connect(port) as connection:
                connection.sendall(hello)
                self.assertEqual(connection.recv(1), b"")
                until(lambda client=client: f"{client} client 127.0.0.1:" in self.server_.log_text(),
                      "the line about TLS")
                line = next(line for line in self.server_.log_text().splitlines()
                            if f"{client} client 127.0.0.1:" in line and "TLS" in line)
                self.assertIn("it began TLS, which this port does not speak", line)
                self.assertIn(advice, line)

    # ---- Pages of other origins ------------------------------------------------------------------

    def test_origins_that_look_like_ours_are_refused(self):
        port = self.server_.http_port
        allowed = [f"http://{self.host}", f"HTTP://{self.host}", "https://good.example",
                   "https://good.example:443", "https://GOOD.example"]
        foreign = [
            "null", "", "*", "file://", "about:blank", "http://evil.example",
            # The server's own name, and something around it.
            f"http://{self.host}.evil.example", f"http://evil.{self.host}", "http://127.0.0.1.evil",
            f"http://{self.host}x", f"http://x{self.host}", f"http://127.0.0.11:{port}",
            # Ports.
            "http://127.0.0.1", f"http://127.0.0.1:{port + 1}", f"http://127.0.0.1:{port}0",
            "http://127.0.0.1:0", "http://127.0.0.1:", f"http://127.0.0.1:{port + 65536}",
            # Schemes.
            f"https://{self.host}", f"ws://{self.host}", f"wss://{self.host}", f"//{self.host}",
            self.host, f"javascript://{self.host}", f"http:/{self.host}", f"http:{self.host}",
            # User information, paths, and more than one.
            f"http://{self.host}@evil.example", f"http://evil.example@{self.host}",
            f"http://user:password@{self.host}", f"http://{self.host}/", f"http://{self.host}/x",
            f"http://{self.host}?", f"http://{self.host}#", f"http://{self.host}\\@evil.example",
            f"http://{self.host} http://evil.example", f"http://evil.example, http://{self.host}",
            # Other ways to write an address, or to reach it.
            f"http://localhost:{port}", f"http://[::1]:{port}", f"http://2130706433:{port}",
            f"http://0x7f.0.0.1:{port}", f"http://127.1:{port}", f"http://0177.0.0.1:{port}",
            f"http://%31%32%37.0.0.1:{port}", f"http://127.0.0.1.:{port}",
            # Around the one on the list.
            "http://good.example", "https://good.example:444", "https://sub.good.example",
            "https://good.example.evil", "https://evilgood.example", "https://good.example/",
            "https://good.example@evil.example", "https://good.examp", "https://good-example",
        ]
        for path in ENDPOINTS:
            for origin in allowed:
                with self.subTest(path=path, origin=origin):
                    self.assertEqual(self.status(self.request(path, f"Origin: {origin}")), 101)
            for origin in foreign:
                with self.subTest(path=path, origin=origin):
                    self.assertEqual(self.status(self.request(path, f"Origin: {origin}")), 403)
            self.assertEqual(self.status(self.request(
                path, f"Origin: http://{self.host}", f"Origin: http://{self.host}")), 400)
            self.assertEqual(self.status(self.request(
                path, f"Origin: http://{self.host}", "oRIGIN: http://evil.example")), 400)

    def test_names_that_were_made_to_point_here_are_refused(self):
        for path in ENDPOINTS:
            for host in ("evil.example", f"evil.example:{self.server_.http_port}", "127.0.0.1.evil",
                         "10.0.0.1", "[::1]", "localhost.evil", "127.0.0.1@evil", "good.example"):
                with self.subTest(path=path, host=host):
                    # The page's own origin, as a browser would send it.
                    request = self.request(path, f"Host: {host}", f"Origin: http://{host}",
                                           without=("Host",))
                    self.assertEqual(self.status(request), 403)

    # ---- Clients that never finish asking --------------------------------------------------------

    def test_a_thousand_upgrades_that_come_octet_by_octet_hold_nobody_up(self):
        request = self.request("/v1/ws")
        with self.costing_less_than(24 << 20), selectors.DefaultSelector() as selector:
            sent = {}
            for number in range(1000):
                client = self.server_.connect(self.server_.http_port)
                client.sendall(request[:number % len(request)])
                client.setblocking(False)
                selector.register(client, selectors.EVENT_READ)
                sent[client] = number % len(request)
            said = dict.fromkeys(sent, b"")
            while selector.get_map():
                ready = selector.select(0)
                for key, _ in ready:
                    client = key.fileobj
                    try:
                        piece = client.recv(4096)
                    except ConnectionResetError:  # an octet has crossed the end
                        piece = b""
                    said[client] += piece
                    if not piece:
                        selector.unregister(client)
                        client.close()
                for key in list(selector.get_map().values()):
                    client = key.fileobj
                    # Never the last: the header does not end.
                    if not said[client] and sent[client] < len(request) - 3:
                        sent[client] += client.send(request[sent[client]:sent[client] + 1])
                # Others are upgraded meanwhile.
                self.assertEqual(self.status(request), 101)
        refused = [answer for answer in said.values() if answer]
        self.assertGreater(len(refused), 500)  # who had sent nothing yet is closed without a word
        for answer in refused:
            self.assertTrue(answer.startswith(b"HTTP/1.1 408 "), answer)


if __name__ == "__main__":
    unittest.main(verbosity=2)
