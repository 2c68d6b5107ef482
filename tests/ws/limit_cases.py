"""Sizes up to what the echo takes, 16 MiB, and beyond; and large numbers of small things."""

import wire
from case import Case, binary, failed, pong, text
from wire import BINARY, CONTINUATION, TEXT, cut, fragments, frame, header, masked, ping

MOST = 16 << 20
PATTERN = bytes(n * 7 % 256 for n in range(1 << 16))


def payload_of(size):
    return (PATTERN * (size // len(PATTERN) + 1))[:size]


def many_fragments(opcode, payload, size):
    """As wire.fragments, fast: `size` is a multiple of 4, so that one mask fits all."""
    body = masked(payload)
    whole, last = divmod(len(payload), size)
    if last == 0:
        whole, last = whole - 1, size
    first = header(opcode, size, fin=False)
    more = header(CONTINUATION, size, fin=False)
    pieces = [part for at in range(0, whole * size, size)
              for part in (more if at else first, body[at:at + size])]
    pieces += [header(CONTINUATION if whole else opcode, last), body[whole * size:]]
    return b"".join(pieces)


def large_cases():
    most = payload_of(MOST)
    letters = b"x" * MOST
    yield Case("16 MiB of text", (wire.text(letters), [text(letters)]), chops=False)
    yield Case("16 MiB of binary", (wire.binary(most), [binary(most)]), chops=False)
    faces = "\U0001f600".encode() * (MOST // 4)
    yield Case("16 MiB of four-byte characters", (wire.text(faces), [text(faces)]), chops=False)
    for size in (64, 256, 1024, 4096, 16384, 65536, 262144, 1 << 20, 4 << 20):
        yield Case(f"16 MiB of binary in fragments of {size}", (
            many_fragments(BINARY, most, size), [binary(most)]), chops=False)
    yield Case("16 MiB of text in fragments of 64", (
        many_fragments(TEXT, letters, 64), [text(letters)]), chops=False)
    yield Case("a ping behind 16 MiB", (
        wire.binary(most) + ping(b"behind"), [binary(most), pong(b"behind")]), chops=False)
    yield Case("three times 16 MiB", (wire.binary(most) * 3, [binary(most)] * 3), chops=False)
    megabyte = payload_of(1 << 20)
    for size in (64, 128, 256, 512, 1024, 2048, 4096, 16383):
        case = Case(f"1 MiB in chops of {size}", (wire.binary(megabyte), [binary(megabyte)]))
        case.runs = lambda size=size: [("", lambda total: [size] * (total // size))]
        yield case


def beyond_cases():
    good = wire.text("good")
    for size in (MOST + 1, 2 * MOST, 1 << 31, (1 << 32) + 5, 1 << 40, (1 << 63) - 1):
        for opcode in (TEXT, BINARY):
            yield Case(f"opcode {opcode}, {size} bytes declared", (
                good + header(opcode, size), [text("good"), failed(1009)]))
    yield Case("fragments of 16 MiB and one byte", (
        many_fragments(BINARY, payload_of(MOST), 1 << 20)[:-((1 << 20) + 14)]
        + header(CONTINUATION, (1 << 20) + 1), [failed(1009)]), chops=False)
    yield Case("a fragment of 16 MiB, and one byte", (
        frame(BINARY, bytes(MOST), fin=False) + header(CONTINUATION, 1, fin=False),
        [failed(1009)]), chops=False)
    yield Case("a fragment of 16 MiB, and empty ones", (
        frame(BINARY, bytes(MOST), fin=False) + frame(CONTINUATION, b"", fin=False) * 100
        + frame(CONTINUATION), [binary(bytes(MOST))]), chops=False)


def small_cases():
    for size in (0, 1, 16, 64, 256, 1024, 4096, 16384):
        count = 1000
        payload = payload_of(size)
        yield Case(f"{count} messages of {size}, one after the other",
                   *[(wire.binary(payload), [binary(payload)])] * count, chops=False)
        count = min(20_000, (32 << 20) // (size + 16))
        yield Case(f"{count} messages of {size} at once", (
            wire.binary(payload) * count, [binary(payload)] * count), chops=False)
    yield Case("empty fragments without end, and an end", (
        fragments(TEXT, [b"x"] + [b""] * 50_000 + [b"y"]), [text("xy")]), chops=False)
    yield Case("100,000 fragments of one byte", (
        fragments(TEXT, cut(b"z" * 100_000, 1)), [text(b"z" * 100_000)]), chops=False)


def cases():
    yield from large_cases()
    yield from beyond_cases()
    yield from small_cases()
