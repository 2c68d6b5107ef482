"""Text is UTF-8 (RFC 6455 section 8.1, RFC 3629), to the byte: what is not is refused at the byte
that makes it so, not at the end of its frame or message."""

import itertools

import wire
from case import Case, failed, pong, text
from wire import CONTINUATION, TEXT, cut, fragments, frame, header, masked, ping

VALID = [
    "", "Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\0", "\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff",
    "\ue000", "\ufffd", "\ufeffBOM", "\U00010000", "\U0010ffff", "日本語" * 20, "\U0001f600" * 30,
    "a\u0301\u200d", "\0" * 50,
]
# The two last code points of each plane are no characters, and legal; so are those of U+FDD0.
NONCHARACTERS = [chr(plane << 16 | last) for plane in range(17) for last in (0xfffe, 0xffff)] + [
    "\ufdd0", "\ufdef"]

INVALID = [
    # Continuations of nothing.
    b"\x80", b"\xbf", b"\x80\xbf", b"\x80\xbf\x80", b"\x80\xbf\x80\xbf\x80\xbf",
    bytes(range(0x80, 0xc0)),
    # Each byte that begins nothing.
    *[bytes([byte]) for byte in (0xc0, 0xc1, *range(0xf5, 0x100))],
    # Each that begins something, and a space.
    *[bytes([byte]) + b" " for byte in range(0xc2, 0xf5)],
    # One continuation too few, and something else.
    b"\xe0\xa0x", b"\xef\xbfx", b"\xf0\x90\x80x", b"\xf4\x8f\xbfx", b"\xce\xce", b"\xe3\x81\xe3",
    # Overlong: the shortest and the longest of each length.
    b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf",
    b"\xfc\x80\x80\x80\x80\xaf", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf",
    b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf", b"\xc0\x80", b"\xe0\x80\x80",
    b"\xf0\x80\x80\x80",
    # Surrogates, alone and in pairs.
    b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80",
    b"\xed\xbe\x80", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xaf\xbf\xed\xbf\xbf",
    # Beyond U+10FFFF, and forms of five and six bytes.
    b"\xf4\x90\x80\x80", b"\xf4\xbf\xbf\xbf", b"\xf5\x80\x80\x80", b"\xf7\xbf\xbf\xbf",
    b"\xf8\x88\x80\x80\x80", b"\xfb\xbf\xbf\xbf\xbf", b"\xfc\x84\x80\x80\x80\x80",
    b"\xfd\xbf\xbf\xbf\xbf\xbf",
]
UNFINISHED = [b"\xc2", b"\xdf", b"\xe0\xa0", b"\xe1", b"\xed\x9f", b"\xef\xbf", b"\xf0",
              b"\xf0\x90",
              b"\xf0\x90\x80", b"\xf4\x8f\xbf"]


def is_text(data):
    try:
        data.decode()
        return True
    except UnicodeDecodeError:
        return False


def can_go_on(data):
    """True when some bytes behind these make a text of them."""
    return any(is_text(data + bytes(tail)) for size in range(4)
               for tail in itertools.product((0x80, 0x90, 0xa0, 0xbf), repeat=size))


def first_bad(data):
    """Where the byte is that breaks the text."""
    return next(at for at in range(len(data)) if not can_go_on(data[:at + 1]))


def valid_cases():
    for valid in VALID:
        payload = valid.encode()
        name = f"valid: {payload[:12].hex()}"
        yield Case(name, (wire.text(payload), [text(payload)]))
        octets = cut(payload, 1)
        yield Case(name + ", each octet a fragment", (fragments(TEXT, octets), [text(payload)]))
        yield Case(name + ", each octet a fragment, and pings", (
            fragments(TEXT, octets, ping(b"p")),
            [pong(b"p")] * (len(octets) - 1) + [text(payload)]), chops=False)
    for valid in NONCHARACTERS:
        payload = valid.encode()
        yield Case(f"a noncharacter: {payload.hex()}", (wire.text(payload), [text(payload)]),
                   chops=False)


def invalid_cases():
    for bad in INVALID:
        for before in (b"", "κόσμε".encode()):
            data = before + bad
            at = first_bad(data)
            name = f"invalid: {bad[:8].hex()} behind {len(before)} bytes"
            yield Case(name, (wire.text("good") + wire.text(data + b" edited"),
                              [text("good"), failed(1007)]))
            sent = masked(data)[:at + 1]
            yield Case(name + ": at its byte", (header(TEXT, at + 1000) + sent, [failed(1007)]))
            # Good as far as it goes: a ping between the fragments is answered.
            yield Case(name + ": at its byte, in the next fragment", (
                wire.text(data[:at], fin=False) + ping(b"alive"), [pong(b"alive")]),
                (header(CONTINUATION, 1000, fin=False) + masked(data[at:at + 1]), [failed(1007)]))
            yield Case(name + ", each octet a fragment", (
                fragments(TEXT, cut(data, 1)), [failed(1007)]))


def unfinished_cases():
    for data in UNFINISHED:
        name = f"unfinished: {data.hex()}"
        yield Case(name, (wire.text("good") + wire.text(b"x" + data), [text("good"), failed(1007)]))
        yield Case(name + ", an empty last fragment", (
            wire.text(data, fin=False) + ping(), [pong()]),
            (frame(CONTINUATION), [failed(1007)]))
        # What is unfinished in one message is not finished by the next.
        yield Case(name + ", finished in another message", (
            wire.text(data) + wire.text(b"\x80"), [failed(1007)]))
    # In a long text, where blocks are looked at at once.
    long = "ä".encode() * 40_000
    yield Case("a long text", (wire.text(long), [text(long)]))
    for at in (0, 15, 16, 17, 31, 32, 1023, 65_535, 79_999):
        broken = long[:at] + b"\xff" + long[at + 1:]
        yield Case(f"a long text, broken at {at}", (wire.text(broken), [failed(1007)]), chops=False)
        ascii_text = b"a" * at + b"\xe2\x82\xac" + b"a" * 50
        yield Case(f"a long ASCII text with one character at {at}", (
            wire.text(ascii_text), [text(ascii_text)]), chops=False)


def cases():
    yield from valid_cases()
    yield from invalid_cases()
    yield from unfinished_cases()
