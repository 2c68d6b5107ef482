"""A case of the conformance suite: what is sent, and all that must be answered.

A step is (bytes to send, answers). The answers of a step are all awaited before the next one: the
messages in their order, the pongs in their order, and the close frame behind both. Pongs may pass
messages. What a case does not expect must not come: it ends with a close that is awaited, by the
server as expected, else by the client with 1000, and then with the end of the stream.
"""

import random
import struct

import wire
from wire import Broken

# Answers.


def text(payload):
    return ("text", payload if isinstance(payload, bytes) else payload.encode())


def binary(payload):
    return ("binary", payload)


def pong(payload=b""):
    return ("pong", payload)


def closed(code=None):
    """The close frame that answers the client's, with its code and nothing else."""
    return ("closed", code)


def failed(code):
    """The close frame of a server that has found an error; it may say why."""
    return ("failed", code)


KINDS = {wire.TEXT: "text", wire.BINARY: "binary"}


class Case:

    def __init__(self, name, *steps, behind_upgrade=False, chops=True):
        """`chops`: also in single octets, and in pieces of any size. `behind_upgrade`: the first
        step is in the segment of the request."""
        self.name = name
        self.steps = steps
        self.behind_upgrade = behind_upgrade
        self.chops = chops

    def size(self):
        return sum(len(sent) for sent, _ in self.steps)

    def has_messages(self):
        return any(kind in ("text", "binary") for _, answers in self.steps for kind, _ in answers)

    def runs(self):
        """The ways to cut what is sent: names, and a function of the size for each."""
        yield "", None
        if not self.chops:
            return
        if self.size() <= 600:
            yield ", in octets", lambda size: [1] * size
        if self.size() <= 70_000:
            dice = random.Random(self.name)
            most = max(2, self.size() // 4)

            def pieces(size):
                while size > 0:
                    yield (piece := min(size, dice.randrange(1, most)))
                    size -= piece
            yield ", in pieces", pieces

    def headers(self):
        """Of the upgrade request, besides those that all have."""
        return ()

    def check_upgrade(self, connection):
        """Raises Broken if the answer to the upgrade is not what it must be."""
        if (extensions := connection.field("Sec-WebSocket-Extensions")) is not None:
            raise Broken(f"extensions that nobody has offered: {extensions}")

    def decoder(self):
        """What gives the payload of a message in some frames; None: it lies there as it is."""
        return None

    def run(self, port, path, chop, lenient=False):
        """Raises Broken. `lenient`: messages may be missing before a close frame."""
        steps = list(self.steps)
        behind = b""
        if self.behind_upgrade:
            behind, steps[0] = steps[0][0], (b"", steps[0][1])
        with wire.Connection(port, path, self.headers(), behind) as connection:
            self.check_upgrade(connection)
            reader = Reader(connection, self.decoder(), lenient)
            for sent, answers in steps:
                send(connection, sent, chop)
                if reader.expect(answers):
                    return
            connection.send(wire.close(1000))
            reader.expect([closed(1000)])


def send(connection, sent, chop):
    if chop is None:
        connection.send(sent)
        return
    at = 0
    for size in chop(len(sent)):
        connection.send(sent[at:at + size])
        at += size
    connection.send(sent[at:])


def as_feed(answers):
    """What a plain feed answers where an echo gives `answers`: what is UTF-8 comes back as text."""
    for kind, payload in answers:
        if kind == "binary":
            try:
                payload.decode()
                kind = "text"
            except UnicodeDecodeError:
                pass
        yield kind, payload


class Reader:
    """Takes a server's frames, and puts its messages together."""

    def __init__(self, connection, decode, lenient):
        self.connection = connection
        self.decode = decode
        self.lenient = lenient
        self.message = []  # the frames so far

    def expect(self, answers):
        """Waits for all of them. True when the last is a close frame, and the stream has ended."""
        wanted = {"pong": [], "message": []}
        ends = None
        for answer in answers:
            if answer[0] in ("closed", "failed"):
                ends = answer
            else:
                wanted["pong" if answer[0] == "pong" else "message"].append(answer)
        while wanted["pong"] or wanted["message"] or ends:
            frame = self.connection.next_frame()
            if frame is None:
                raise Broken(f"the stream ends before {wanted} {ends}"[:300])
            if frame.opcode == wire.CLOSE:
                self.check_close(frame, ends, wanted)
                return True
            got = self.take(frame)
            if got is None:
                continue
            kind = "pong" if got[0] == "pong" else "message"
            if not wanted[kind]:
                raise Broken(f"nobody expects {show(got)}")
            expected = wanted[kind].pop(0)
            if got != expected:
                raise Broken(f"{show(got)} instead of {show(expected)}")
        return False

    def take(self, frame):
        """What a frame completes: a pong, a message; or None."""
        if frame.opcode == wire.PONG:
            return ("pong", frame.payload)
        if frame.opcode == wire.PING:
            raise Broken("a ping")
        if (frame.opcode == wire.CONTINUATION) != bool(self.message):
            raise Broken(f"opcode {frame.opcode} behind {len(self.message)} fragments")
        if frame.rsv1 and (self.message or not self.decode):
            raise Broken("RSV1")
        if not frame.fin and len(frame.payload) != wire.MOST_FRAME_BYTES:
            raise Broken(f"a fragment of {len(frame.payload)} bytes")
        self.message.append(frame)
        if not frame.fin:
            return None
        frames, self.message = self.message, []
        if self.decode:
            payload = self.decode(frames)
        else:
            payload = b"".join(one.payload for one in frames)
        return (KINDS[frames[0].opcode], payload)

    def check_close(self, frame, ends, wanted):
        payload = frame.payload
        code = struct.unpack(">H", payload[:2])[0] if payload else None
        if ends is None or code != ends[1]:
            raise Broken(f"close {code} {payload[2:]!r} instead of {ends}")
        if ends[0] == "closed" and len(payload) > 2:
            raise Broken(f"the answer to a close says {payload[2:]!r}")
        payload[2:].decode()
        if wanted["pong"] or (wanted["message"] and not self.lenient):
            raise Broken(f"closed before {wanted}"[:300])
        # A client that answers; the server has then nothing more to say.
        if ends[0] == "failed":
            self.connection.send(wire.close(ends[1]))
        if (more := self.connection.next_frame()) is not None:
            raise Broken(f"{more} behind the close frame"[:300])


def show(answer):
    kind, payload = answer
    return f"{kind} of {len(payload)} bytes {payload[:60]!r}"
