"""Clients of the plain feed: python3-websockets, and npm's `ws` in a process of its own.

What either receives is a list of messages: ("t", bytes) for a text message, ("b", bytes) for a
binary one.
"""

import asyncio
import base64
import os
import unittest

import websockets

from duolog_server import DEADLINE_S, DuologTest

NODE_CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ws_client.js")


def feed_url(server, topic, **parameters):
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return f"ws://{server.http}/v1/topics/{topic}/ws" + (f"?{query}" if query else "")


def as_message(received):
    if isinstance(received, str):
        return ("t", received.encode())
    return ("b", received)


def expected_message(value):
    """The message that a record's value becomes."""
    try:
        value.decode()
        return ("t", value)
    except UnicodeDecodeError:
        return ("b", value)


def connect(url, max_queue=None, **options):
    """max_queue: how many messages it reads ahead of recv(); None: all that come."""
    return websockets.connect(url, max_size=None, max_queue=max_queue, ping_interval=None,
                              open_timeout=DEADLINE_S, close_timeout=DEADLINE_S, **options)


async def receive(socket, count):
    return [as_message(await asyncio.wait_for(socket.recv(), DEADLINE_S)) for _ in range(count)]


async def receive_until_closed(socket):
    """Everything that comes before the connection ends, and the code that it ends with."""
    messages = []
    try:
        while True:
            messages.append(as_message(await asyncio.wait_for(socket.recv(), DEADLINE_S)))
    except websockets.ConnectionClosed as closed:
        return messages, closed.rcvd.code if closed.rcvd else None


class NodeClient:
    """ws_client.js: `await NodeClient.start(...)` returns once the connection is open."""

    @classmethod
    async def start(cls, mode, url, *arguments):
        client = cls()
        # Debian keeps its modules where only its own node looks for them.
        environment = dict(os.environ, NODE_PATH="/usr/share/nodejs")
        client.process = await asyncio.create_subprocess_exec(
            "node", NODE_CLIENT, mode, url, *map(str, arguments), env=environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 28)
        opened = await client.line()
        if opened != "open":
            raise AssertionError(f"{url}: {opened}")
        return client

    async def line(self):
        line = await asyncio.wait_for(self.process.stdout.readline(), DEADLINE_S)
        return line.decode().rstrip("\n")

    async def receive_until_closed(self):
        messages = []
        while not (line := await self.line()).startswith("close "):
            if not line.startswith(("t ", "b ")):
                raise AssertionError(f"the node client said: {line!r}")
            messages.append((line[0], base64.b64decode(line[2:])))
        await self.process.wait()
        return messages, int(line[6:])

    async def publish(self, messages):
        """Sends ("t" or "b", bytes) messages and closes."""
        lines = [f"{kind} {base64.b64encode(value).decode()}\n" for kind, value in messages]
        await self.process.communicate("".join(lines).encode())


class FeedTest(DuologTest, unittest.IsolatedAsyncioTestCase):
    """Tests of the feed. The Kafka side runs in a thread, so that subscribers go on meanwhile."""

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)  # it reports whatever takes long

    async def write(self, server, topic, values, *options):
        """Writes records with kcat; a value of None is a tombstone."""
        lines = b"\x1e".join(b"k\x1f" + (value or b"") for value in values)
        await asyncio.to_thread(server.kcat, "-P", "-t", topic, "-K", r"\x1f", "-D", r"\x1e", "-Z",
                                *options, data=lines)

    async def read(self, server, topic, *options):
        """The values of a topic, as kcat prints them."""
        said = await asyncio.to_thread(server.kcat, "-C", "-t", topic, "-q", "-e", "-f", r"%R%s",
                                       *options)
        values, at = [], 0
        while at < len(said):
            size = int.from_bytes(said[at:at + 4], "big", signed=True)
            at += 4
            values.append(said[at:at + size] if size >= 0 else None)
            at += max(size, 0)
        return values

    def assert_same(self, got, expected):
        """Equality that shows where two long lists part."""
        for number, (one, other) in enumerate(zip(got, expected)):
            if one != other:
                self.fail(f"message {number} is {one[:2]}, not {other[:2]}"[:2000])
        self.assertEqual(len(got), len(expected))
