"""A server of duolog.v1.json that plays scripts, one a connection.

For what a real one does only when it is restarted, loses records or is in trouble. A script is
`async def script(peer)`; the connection stays open behind its end.
"""

import asyncio
import json

import websockets

from duolog_server import DEADLINE_S

TOPIC_ID = "b1c00000-0000-0000-0000-000000000001"


def subscribed(command, positions, **more):
    return {"id": command["id"],
            "subscribed": {"sid": 1, "topic_id": TOPIC_ID, "positions": positions, **more}}


def position(following, end, epoch=3):
    return {"next": str(following), "start": "0", "end": str(end), "epoch": epoch}


def records(partition, first, values, epoch=3):
    items = [{"o": str(first + n), "t": 1790000000000, "key": None, "value": value}
             if value is None or isinstance(value, str)
             else {"o": str(first + n), "t": 1790000000000, **value}
             for n, value in enumerate(values)]
    return {"records": {"sid": 1, "partition": partition, "base": str(first),
                        "next": str(first + len(values)), "epoch": epoch, "items": items}}


class Peer:
    """The server's end of one connection; hello has been answered."""

    def __init__(self, socket):
        self.socket = socket

    async def say(self, *objects):
        await self.socket.send("\n".join(json.dumps(one) for one in objects))

    async def hear(self, name):
        """The next command, which must be `name`: its arguments, with the id."""
        command = json.loads(await asyncio.wait_for(self.socket.recv(), DEADLINE_S))
        if name not in command:
            raise AssertionError(f"{name} was expected, not {command}")
        return {**command[name], "id": command["id"]}


class ScriptedServer:
    """`async with ScriptedServer([script, ...]) as server:` listens at `server.http`.

    It says hello itself, unless the script has the attribute `ignores_hello`; `heartbeat_ms` of a
    script is what it promises, and no heartbeat comes by itself. A script that fails, or a connection
    too many, fails the test at the end.
    """

    def __init__(self, scripts):
        self.scripts = list(scripts)
        self.failures = []

    async def __aenter__(self):
        self.server = await websockets.serve(self._serve, "127.0.0.1", 0, max_queue=None,
                                             ping_interval=None, subprotocols=["duolog.v1.json"])
        self.http = "127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind, error, trace):
        self.server.close()
        if self.failures:
            raise self.failures[0]

    async def _serve(self, socket):
        peer = Peer(socket)
        try:
            if socket.path != "/v1/ws":
                raise AssertionError(socket.path)
            script = self.scripts.pop(0)
            hello = await peer.hear("hello")
            if not getattr(script, "ignores_hello", False):
                await peer.say({"id": hello["id"], "hello": {
                    "server": "script", "session": "s", "max_message_bytes": 4096,
                    "heartbeat_ms": getattr(script, "heartbeat_ms", 15_000)}})
            await script(peer)
            await socket.wait_closed()
        except websockets.ConnectionClosed:
            pass
        except Exception as error:  # pylint: disable=broad-exception-caught  # the test's
            self.failures.append(error)
