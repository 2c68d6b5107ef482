"""Pings and pongs (RFC 6455 section 5.5): every ping is answered, in order. And how connections are
closed (sections 5.5.1, 7.1 and 7.4)."""

import wire
from case import Case, closed, failed, pong, text
from wire import CLOSE, CONTINUATION, PING, PONG, TEXT, close, fragments, frame, header, ping

GOOD = wire.text("good")


def ping_cases():
    for size in range(126):
        payload = bytes((size + n) % 256 for n in range(size))
        yield Case(f"a ping of {size}", (ping(payload), [pong(payload)]), chops=size in (0, 1, 125))
    for opcode in (PING, PONG, CLOSE):
        yield Case(f"opcode {opcode} of 126 bytes", (frame(opcode, bytes(126)), [failed(1002)]))
        yield Case(f"opcode {opcode} of 65536 bytes", (header(opcode, 65536), [failed(1002)]))
        yield Case(f"opcode {opcode} of 126 bytes: at its second byte", (
            header(opcode, 126)[:2], [failed(1002)]))
        for size in (0, 5):
            yield Case(f"opcode {opcode} in fragments of {size}", (
                frame(opcode, bytes(size), fin=False), [failed(1002)]))
        for length_bytes in (2, 8):
            yield Case(f"opcode {opcode}, its length in {length_bytes} bytes", (
                frame(opcode, b"12345", length_bytes=length_bytes), [failed(1002)]))
    for count in (1, 2, 10):
        yield Case(f"{count} unasked pongs", (frame(PONG, b"unasked") * count, []))
        yield Case(f"{count} unasked pongs, and a ping", (
            frame(PONG, b"unasked") * count + ping(b"asked"), [pong(b"asked")]))
    yield Case("an empty pong, and a ping", (frame(PONG) + ping(), [pong()]))
    yield Case("a pong of 125 bytes, and a ping", (frame(PONG, bytes(125)) + ping(), [pong()]))


def ping_floods():
    for count, size in ((10, 5), (1000, 0), (1000, 125), (10_000, 20), (50_000, 0)):
        payloads = [(b"%d" % n).ljust(size, b".")[:size] for n in range(count)]
        yield Case(f"{count} pings of {size} at once", (
            b"".join(map(ping, payloads)), [pong(payload) for payload in payloads]))
        if count <= 1000:
            yield Case(f"{count} pings of {size}, one after the other",
                       *[(ping(payload), [pong(payload)]) for payload in payloads], chops=False)
    yield Case("pings and pongs in turn", (
        b"".join(ping(b"%d" % n) + frame(PONG, b"x") for n in range(500)),
        [pong(b"%d" % n) for n in range(500)]))


def mixed_cases():
    """Pings among messages, which not every endpoint answers."""
    yield Case("pings among messages", (
        b"".join(wire.text(str(n)) + ping(b"%d" % n) for n in range(200)),
        [text(str(n)) for n in range(200)] + [pong(b"%d" % n) for n in range(200)]))
    yield Case("a flood of pings between two fragments", (
        wire.text("one", fin=False) + b"".join(ping(b"%d" % n) for n in range(5000)),
        [pong(b"%d" % n) for n in range(5000)]),
        (frame(CONTINUATION, b"two"), [text("onetwo")]), chops=False)
    yield Case("pings between empty fragments", (
        fragments(TEXT, [b""] * 500 + [b"x"], ping(b"p")), [pong(b"p")] * 500 + [text("x")]))


VALID_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3001,
               3999, 4000, 4001, 4404, 4999)
INVALID_CODES = (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1017, 1100, 1999, 2000, 2999, 5000, 5001,
                 32768, 65535)
BAD_REASONS = (b"\x80", b"\xff", b"ok\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80",
               b"x" * 121 + b"\xce\xce")


def close_cases():
    yield Case("a close without a code", (close(), [closed(None)]))
    for code in VALID_CODES:
        yield Case(f"close {code}", (close(code), [closed(code)]))
        yield Case(f"close {code} with a reason", (
            close(code, "weil's schön war".encode()), [closed(code)]))
    for code in INVALID_CODES:
        yield Case(f"close {code}", (close(code), [failed(1002)]))
        yield Case(f"close {code} with a reason", (close(code, b"why not"), [failed(1002)]))
    yield Case("a close of one byte", (frame(CLOSE, b"\x03"), [failed(1002)]))
    for size in (1, 122, 123):
        yield Case(f"a reason of {size}", (close(1000, b"r" * size), [closed(1000)]))
    yield Case("a reason of 124", (close(1000, b"r" * 124), [failed(1002)]))
    for reason in BAD_REASONS:
        yield Case(f"a reason that is not UTF-8: {reason[-4:].hex()}", (
            close(1000, reason), [failed(1007)]))
    yield Case("a reason of four-byte characters", (
        close(1000, "\U0001f40c".encode() * 30), [closed(1000)]))
    yield Case("a ping before the close", (
        ping(b"last") + close(1000), [pong(b"last"), closed(1000)]))
    for name, behind in (("a ping", ping(b"late")), ("a message", GOOD), ("a close", close(1001)),
                         ("a bad frame", b"\xff\xff\xff\xff"), ("half a frame", GOOD[:3])):
        # In one piece: the server closes the socket once it has answered.
        yield Case(f"{name} behind the close", (close(1000) + behind, [closed(1000)]), chops=False)
        yield Case(f"{name} behind an error", (frame(3) + behind, [failed(1002)]))
    yield Case("a megabyte behind an error", (
        frame(3) + wire.binary(bytes(1 << 20)), [failed(1002)]))


def close_and_message_cases():
    yield Case("a message before the close", (GOOD + close(1000), [text("good"), closed(1000)]))
    yield Case("many messages before the close", (
        GOOD * 1000 + close(4000, b"done"), [text("good")] * 1000 + [closed(4000)]))
    large = b"L" * (4 << 20)
    yield Case("a large message before the close", (
        wire.text(large) + close(1000), [text(large), closed(1000)]), chops=False)
    yield Case("a large message before a bad frame", (
        wire.text(large) + frame(3), [text(large), failed(1002)]), chops=False)
    yield Case("a close within a message", (
        GOOD + wire.text("x", fin=False) + close(1000) + frame(CONTINUATION, b"y"),
        [text("good"), closed(1000)]), chops=False)


def cases():
    yield from ping_cases()
    yield from ping_floods()
    yield from close_cases()
