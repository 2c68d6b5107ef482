"""Lengths, masks, reserved bits and opcodes (RFC 6455 sections 5.2 to 5.4), and fragments."""

import wire
from case import Case, binary, failed, pong, text
from wire import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, fragments, frame, header, masked,
                  ping)

SIZES = (0, 1, 2, 3, 124, 125, 126, 127, 128, 129, 255, 256, 65534, 65535, 65536, 65537, 262143,
         262144, 262145, 1_000_000)
GOOD = wire.text("good")


def length_cases():
    for size in SIZES:
        yield Case(f"a text of {size}", (wire.text(b"*" * size), [text(b"*" * size)]))
        payload = (bytes(range(256)) * (size // 256 + 1))[:size]
        yield Case(f"a binary of {size}", (wire.binary(payload), [binary(payload)]))
    for size in (0, 1, 125):
        for length_bytes in (2, 8):
            yield Case(f"a length of {size} in {length_bytes} bytes", (
                GOOD + wire.binary(bytes(size), length_bytes=length_bytes),
                [text("good"), failed(1002)]))
    for size in (126, 65535):
        yield Case(f"a length of {size} in 8 bytes", (
            GOOD + header(BINARY, size, length_bytes=8), [text("good"), failed(1002)]))
    for size in (1 << 63, (1 << 64) - 1):
        for opcode in (TEXT, BINARY):
            yield Case(f"a length of {size:#x}, opcode {opcode}", (
                GOOD + header(opcode, size, length_bytes=8), [text("good"), failed(1002)]))
    yield Case("many messages in one piece", (
        b"".join(wire.text(str(n)) for n in range(100)), [text(str(n)) for n in range(100)]))
    yield Case("messages behind the upgrade request", (
        wire.text("one") + wire.binary(b"two") + ping(b"three"),
        [text("one"), binary(b"two"), pong(b"three")]), behind_upgrade=True)
    yield Case("half a message behind the upgrade request", (
        wire.text("one and a half")[:9], []), (wire.text("one and a half")[9:],
                                               [text("one and a half")]), behind_upgrade=True)


def mask_cases():
    for key in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1", b"\x80\0\0\0", b"\1\2\3\4"):
        for size in (1, 3, 4, 5, 31, 64, 1000):
            payload = bytes(n % 251 for n in range(size))
            yield Case(f"key {key.hex()}, {size} bytes", (
                wire.binary(payload, key=key), [binary(payload)]))
    for opcode in (TEXT, BINARY, CLOSE, PING, PONG):
        yield Case(f"opcode {opcode} without a mask", (
            GOOD + frame(opcode, b"", key=None), [text("good"), failed(1002)]))
    yield Case("a continuation without a mask", (
        wire.text("x", fin=False) + frame(CONTINUATION, b"y", key=None), [failed(1002)]))


def reserved_cases():
    for bits in range(1, 8):
        rsv = bits << 4
        for opcode in (TEXT, BINARY, CLOSE, PING, PONG):
            yield Case(f"reserved bits {bits}, opcode {opcode}", (
                frame(opcode, b"", rsv=rsv), [failed(1002)]))
            yield Case(f"reserved bits {bits}, opcode {opcode}, behind a good message", (
                GOOD + frame(opcode, b"abc", rsv=rsv) + ping() + GOOD,
                [text("good"), failed(1002)]))
        yield Case(f"reserved bits {bits}, a continuation", (
            wire.text("x", fin=False) + frame(CONTINUATION, b"y", rsv=rsv), [failed(1002)]))
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield Case(f"opcode {opcode}", (frame(opcode), [failed(1002)]))
        yield Case(f"opcode {opcode} with a payload, behind a good message", (
            GOOD + frame(opcode, b"payload") + ping(), [text("good"), failed(1002)]))
        yield Case(f"opcode {opcode} between fragments", (
            wire.text("x", fin=False) + frame(opcode, b"y"), [failed(1002)]))
        yield Case(f"opcode {opcode}: at its second byte", (frame(opcode)[:2], [failed(1002)]))


def fragment_cases():
    for opcode, answer in ((TEXT, text), (BINARY, binary)):
        for pieces in ([b"one", b"two"], [b"", b""], [b"", b"", b"x", b""], [b"x", b""],
                       [b"%d" % n for n in range(300)], [b""] * 1000, [b"y"] * 1000,
                       [bytes(126)] * 3, [bytes(70_000)] * 3):
            name = f"opcode {opcode} in {len(pieces)} fragments of {len(pieces[0])} and so on"
            whole = b"".join(pieces)
            yield Case(name, (fragments(opcode, pieces), [answer(whole)]))
            if len(pieces) < 10:
                yield Case(name + ", pings between", (
                    fragments(opcode, pieces, ping(b"p")),
                    [pong(b"p")] * (len(pieces) - 1) + [answer(whole)]))
        first, last = frame(opcode, b"one", fin=False), frame(CONTINUATION, b"two")
        yield Case(f"opcode {opcode}: a ping is answered before the message is whole", (
            first + ping(b"now"), [pong(b"now")]), (last, [answer(b"onetwo")]))
        yield Case(f"opcode {opcode}: pongs between fragments", (
            first + frame(PONG, b"unasked") + last, [answer(b"onetwo")]))
        yield Case(f"opcode {opcode}: then another message", (
            (first + last) * 2 + GOOD, [answer(b"onetwo")] * 2 + [text("good")]))
        for other in (TEXT, BINARY):
            for fin in (True, False):
                yield Case(f"opcode {other} within a message of opcode {opcode}, fin {fin}", (
                    GOOD + first + frame(other, b"new", fin=fin), [text("good"), failed(1002)]))
    for fin in (True, False):
        for payload in (b"", b"more"):
            bad = frame(CONTINUATION, payload, fin=fin)
            name = f"a continuation of nothing, fin {fin}, {len(payload)} bytes"
            yield Case(name, (bad, [failed(1002)]))
            yield Case(name + ", behind a message", (
                GOOD + bad + GOOD, [text("good"), failed(1002)]))
            yield Case(name + ", behind fragments", (
                fragments(TEXT, [b"a", b"b"]) + bad, [text("ab"), failed(1002)]))
    # The same key and no key change at fragments.
    whole = bytes(range(200))
    pieces = [whole[:67], whole[67:68], whole[68:]]
    keys = (b"\1\2\3\4", b"\0\0\0\0", b"\xaa\xbb\xcc\xdd")
    yield Case("each fragment has its key", (
        b"".join(header(BINARY if n == 0 else CONTINUATION, len(piece), fin=n == 2, key=key)
                 + masked(piece, key) for n, (piece, key) in enumerate(zip(pieces, keys))),
        [binary(whole)]))


def cases():
    yield from length_cases()
    yield from mask_cases()
    yield from reserved_cases()
    yield from fragment_cases()
