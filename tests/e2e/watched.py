"""A server that is watched while it is attacked: a client that behaves must not notice, and memory
and descriptors must be what they were."""

import contextlib
import resource
import socket
import struct
import threading
import time

from duolog_server import DEADLINE_S, DuologTest, sanitized, until

API_VERSIONS = struct.pack(">hhih", 18, 0, 7, -1)  # version 0, correlation id 7, no client id


def framed(request):
    return struct.pack(">i", len(request)) + request


def receive_exactly(connection, size):
    received = b""
    while len(received) < size:
        piece = connection.recv(size - len(received))
        if not piece:
            raise AssertionError("the connection was closed")
        received += piece
    return received


def ask(connection):
    """One request of a client that behaves."""
    connection.sendall(framed(API_VERSIONS))
    size, correlation = struct.unpack(">ii", receive_exactly(connection, 8))
    receive_exactly(connection, size - 4)
    return correlation


def reset(connection):
    """Closes with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def many_descriptors(count):
    """Lets this process have that many; False where the system does not."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < count:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, most))
    return True


class Bystander(threading.Thread):
    """A client that behaves, all the time; notes what goes wrong and the longest it waited."""

    def __init__(self, server):
        super().__init__()
        self.connection = server.connect(server.kafka_port)
        self.over = threading.Event()
        self.asked = 0
        self.longest_s = 0.0
        self.wrong = None
        # What a request takes while nothing else happens, on this machine as it is now.
        began = time.monotonic()
        for _ in range(100):
            ask(self.connection)
        self.usual_s = (time.monotonic() - began) / 100

    def run(self):
        try:
            while not self.over.is_set():
                began = time.monotonic()
                if ask(self.connection) != 7:
                    self.wrong = "another request's answer"
                self.longest_s = max(self.longest_s, time.monotonic() - began)
                self.asked += 1
        except (OSError, AssertionError) as error:
            self.wrong = error

    def end(self):
        self.over.set()
        self.join(DEADLINE_S)
        self.connection.close()


class WatchedTest(DuologTest):

    OPTIONS = ()
    MEMORY_SLACK_BYTES = 16 << 20

    def setUp(self):
        super().setUp()
        self.server_ = self.serve("--shards", "2", *self.OPTIONS)
        self.server_.kcat("-P", "-t", "t", data=b"one\n")
        self.server_.kcat("-C", "-t", "t", "-e", "-q")
        self.warm_up()
        self.settle()
        self.memory = self.server_.memory_bytes()
        self.descriptors = self.server_.descriptors()
        self.bystander = Bystander(self.server_)
        self.bystander.start()

    def warm_up(self):
        """What brings caches and pools to the size that they will have."""

    def tearDown(self):
        self.bystander.end()
        self.assertIsNone(self.bystander.wrong)
        self.assertGreater(self.bystander.asked, 0)
        self.assertTrue(self.server_.is_running(), self.server_.log_text())
        self.assertEqual(self.server_.kcat("-C", "-t", "t", "-e", "-q"), b"one\n")
        self.settle()
        until(lambda: self.server_.descriptors() <= self.descriptors,
              f"no more than {self.descriptors} descriptors")
        if not sanitized():
            self.assertLess(self.bystander.longest_s, max(5, 10_000 * self.bystander.usual_s))
            self.assertLess(self.server_.memory_bytes() - self.memory, self.MEMORY_SLACK_BYTES)
        self.assert_stops_cleanly(self.server_)

    def settle(self):
        """Waits until the server has closed what its clients closed."""
        def connections():
            with open(f"/proc/{self.server_.pid}/net/tcp", encoding="ascii") as table:
                rows = [line.split() for line in table.readlines()[1:]]
            ports = {self.server_.kafka_port, self.server_.http_port}
            mine = [row for row in rows if int(row[1].split(":")[1], 16) in ports]
            bystanders = 1 if hasattr(self, "bystander") and self.bystander.is_alive() else 0
            # 01 established, 08 close-wait: what the server still holds.
            return sum(row[3] in ("01", "08") for row in mine) <= bystanders
        until(connections, "the server to close what its clients closed")

    def flat(self, attack, times=3):
        """Twice brings the allocator's pools to their size, on both shards; more of the same must
        then cost nothing."""
        for _ in range(2):
            attack()
        self.settle()
        self.memory = self.server_.memory_bytes()
        self.descriptors = self.server_.descriptors()
        for _ in range(times):
            attack()

    @contextlib.contextmanager
    def costing_less_than(self, most_bytes):
        """What is done within costs the server no more memory than that, at any time."""
        with open(f"/proc/{self.server_.pid}/clear_refs", "w", encoding="ascii") as peak:
            peak.write("5")
        before = self.server_.memory_bytes("VmRSS")
        yield
        after = self.server_.memory_bytes("VmHWM")
        if not sanitized():
            self.assertLess(after - before, most_bytes)
