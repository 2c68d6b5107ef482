"""The WebSocket wire as its RFCs have it: frames of any kind, bad ones too, and a socket for them.

Nothing here leaves anything to a library, so that a test knows every byte that it sends, and sees
every byte that comes: what the server sends is checked against RFC 6455 frame by frame.
"""

import base64
import collections
import hashlib
import os
import select
import socket
import struct

from duolog_server import DEADLINE_S, report_hang

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
RSV1, RSV2, RSV3 = 0x40, 0x20, 0x10
MASK_KEY = b"\x9c\x01\xfe\x63"
MOST_FRAME_BYTES = 256 << 10  # of the server's

Frame = collections.namedtuple("Frame", "fin rsv1 opcode payload")


class Broken(AssertionError):
    """The server did what it must not do."""


def masked(payload, key=MASK_KEY):
    size = len(payload)
    stream = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(stream, "little")).to_bytes(
        size, "little")


def header(opcode, size, fin=True, rsv=0, key=MASK_KEY, length_bytes=None):
    """The header of a frame. `length_bytes`: 0, 2 or 8, whatever `size` needs; None: as needed.
    `key`: None leaves the frame unmasked."""
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65536 else 8
    first = (0x80 if fin else 0) | rsv | opcode
    mask_bit = 0 if key is None else 0x80
    if length_bytes == 0:
        head = struct.pack(">BB", first, mask_bit | size)
    elif length_bytes == 2:
        head = struct.pack(">BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack(">BBQ", first, mask_bit | 127, size)
    return head + (key or b"")


def frame(opcode, payload=b"", fin=True, rsv=0, key=MASK_KEY, length_bytes=None):
    body = payload if key is None else masked(payload, key)
    return header(opcode, len(payload), fin, rsv, key, length_bytes) + body


def text(payload, **options):
    return frame(TEXT, payload if isinstance(payload, bytes) else payload.encode(), **options)


def binary(payload, **options):
    return frame(BINARY, payload, **options)


def ping(payload=b"", **options):
    return frame(PING, payload, **options)


def close(code=None, reason=b"", **options):
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason, **options)


def fragments(opcode, pieces, between=b"", rsv=0):
    """A message in these fragments, with the bytes `between` after each but the last."""
    frames = []
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        frames.append(frame(CONTINUATION if number else opcode, piece, fin=last,
                            rsv=0 if number else rsv))
        if not last:
            frames.append(between)
    return b"".join(frames)


def cut(payload, size):
    """The payload in pieces of `size` bytes; at least one piece."""
    return [payload[at:at + size] for at in range(0, len(payload), size)] or [b""]


class Connection:
    """A socket after its upgrade. What it sends never waits for the server to be read."""

    def __init__(self, port, path="/v1/echo", headers=(), behind=b""):
        """`behind`: bytes in the segment of the request."""
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()
        self.ended = False
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket",
                 "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
                 *headers, "", ""]
        self.send("\r\n".join(lines).encode() + behind)
        while (end := self.received.find(b"\r\n\r\n")) < 0:
            if not self.receive():
                raise Broken(f"no answer to the upgrade: {bytes(self.received)!r}")
        self.response = bytes(self.received[:end]).decode()
        del self.received[:end + 4]
        expected = base64.b64encode(hashlib.sha1(
            (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        if not self.response.startswith("HTTP/1.1 101 ") or self.field(
                "Sec-WebSocket-Accept") != expected:
            raise Broken(f"not upgraded: {self.response}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def field(self, name):
        """A field of the response to the upgrade, or None."""
        for line in self.response.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    def receive(self):
        """Waits for some bytes; False at the end."""
        try:
            piece = self.socket.recv(1 << 18)
        except ConnectionResetError:
            raise Broken("the connection was reset") from None
        except TimeoutError:
            report_hang("nothing received")
            raise Broken(f"nothing within {DEADLINE_S} s") from None
        self.received += piece
        self.ended = self.ended or not piece
        return bool(piece)

    def send(self, data, piece_bytes=1 << 18):
        """Sends in pieces, and takes what comes meanwhile."""
        left = memoryview(data)
        while left:
            inputs = [] if self.ended else [self.socket]
            readable, writable, _ = select.select(inputs, [self.socket], [], DEADLINE_S)
            if readable:
                self.receive()
            if writable:
                left = left[self.socket.send(left[:piece_bytes]):]
            if not readable and not writable:
                report_hang("nothing is read")
                raise Broken(f"the server has read nothing for {DEADLINE_S} s")

    def next_frame(self):
        """The next frame of the server; None at the end of the stream."""
        while (found := self._parse()) is None:
            if not self.receive():
                if self.received:
                    raise Broken(f"the stream ends within a frame: {bytes(self.received[:40])!r}")
                return None
        return found

    def _parse(self):
        have = self.received
        if len(have) < 2:
            return None
        first, length7 = have[0], have[1]
        if length7 & 0x80:
            raise Broken("the server has masked a frame")
        if first & (RSV2 | RSV3):
            raise Broken(f"reserved bits in a frame of the server: {first:#x}")
        fin, rsv1, opcode = bool(first & 0x80), bool(first & RSV1), first & 0x0F
        at = {126: 4, 127: 10}.get(length7, 2)
        if len(have) < at:
            return None
        size = length7 if at == 2 else int.from_bytes(have[2:at], "big")
        if (at == 4 and size < 126) or (at == 10 and size < 65536):
            raise Broken(f"a length of {size} in {at - 2} bytes")
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise Broken(f"opcode {opcode}")
        if opcode >= CLOSE and (not fin or rsv1 or size > 125):
            raise Broken(f"control frame {first:#x} of {size} bytes")
        if size > MOST_FRAME_BYTES:
            raise Broken(f"a frame of {size} bytes")
        if len(have) < at + size:
            return None
        payload = bytes(have[at:at + size])
        del have[:at + size]
        return Frame(fin, rsv1, opcode, payload)
