"""permessage-deflate (RFC 7692): which offers are accepted and how, and messages in every window,
with and without context, in one frame and in many, from every compressor that the RFC allows."""

import itertools
import random
import zlib

import wire
from case import Case, binary, closed, failed, pong, text
from wire import BINARY, CONTINUATION, PING, RSV1, TEXT, Broken, close, cut, fragments, frame, ping

NAME = "permessage-deflate"
TAIL = b"\0\0\xff\xff"
MOST = 16 << 20
HELLO = bytes.fromhex("f248cdc9c90700")  # section 7.2.3.1
HELLO_AGAIN = bytes.fromhex("f200110000")  # section 7.2.3.2: it refers to the one before
PROSE = b"".join(b"line %d of %d, " % (n, n * n % 97) for n in range(3000))


class Parameters:

    def __init__(self, server_no_context=False, client_no_context=False, server_bits=15,
                 client_bits=15):
        self.server_no_context = server_no_context
        self.client_no_context = client_no_context
        self.server_bits = server_bits
        self.client_bits = client_bits


class Compressor:
    """A client's side."""

    def __init__(self, parameters=Parameters(), level=6, strategy=zlib.Z_DEFAULT_STRATEGY):
        self.parameters = parameters
        self.level = level
        # zlib has no window of 2^8; without references a stream fits every window.
        self.strategy = zlib.Z_HUFFMAN_ONLY if parameters.client_bits == 8 else strategy
        self.reset()

    def reset(self):
        self.stream = zlib.compressobj(self.level, zlib.DEFLATED,
                                       -max(self.parameters.client_bits, 9), 8, self.strategy)

    def __call__(self, payload, flushes=()):
        """The compressed payload. `flushes`: (where, how) to end a block before the end."""
        if not payload:
            return b"\0"
        out, at = b"", 0
        for end, how in flushes:
            out += self.stream.compress(payload[at:end]) + self.stream.flush(how)
            at = end
        out += self.stream.compress(payload[at:]) + self.stream.flush(zlib.Z_SYNC_FLUSH)
        if self.parameters.client_no_context:
            self.reset()
        return out.removesuffix(TAIL)


class Decoder:
    """Inflates the server's messages in just the window that was agreed on."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.reset()

    def reset(self):
        self.stream = zlib.decompressobj(-self.parameters.server_bits)

    def __call__(self, frames):
        if not frames[0].rsv1:
            raise Broken("a message that is not compressed")
        data = b"".join(one.payload for one in frames) + TAIL
        out = []
        # In small pieces: within one call zlib lets a stream refer to all that it has just written.
        while data:
            try:
                out.append(self.stream.decompress(data, 64 if len(data) < 100_000 else 0))
            except zlib.error as error:
                raise Broken(f"a message that cannot be inflated: {error}") from None
            data = self.stream.unconsumed_tail
        if self.parameters.server_no_context:
            self.reset()
        return b"".join(out)


class DeflateCase(Case):

    def __init__(self, name, *steps, offer=NAME, answer=None, parameters=Parameters(), **options):
        """`answer`: the parameters that the server must name, of an offer that it must accept."""
        super().__init__(f"{name} [{offer}]", *steps, **options)
        self.offer = offer
        self.answer = {} if answer is None else answer
        self.parameters = parameters

    def headers(self):
        return [f"Sec-WebSocket-Extensions: {self.offer}"]

    def check_upgrade(self, connection):
        extension = connection.field("Sec-WebSocket-Extensions")
        if extension is None:
            raise Broken("the offer was declined")
        name, *parameters = [part.strip() for part in extension.split(";")]
        named = {}
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key in named:
                raise Broken(f"{key} is named twice: {extension}")
            named[key] = value or None
        if name != NAME or named != self.answer:
            raise Broken(f"{extension} instead of {self.answer}")

    def decoder(self):
        return Decoder(self.parameters)


class DeclinedCase(Case):
    """An offer that must be declined: the connection goes on without compression."""

    def __init__(self, offer):
        super().__init__(f"declined: {offer}", (wire.text("plain"), [text("plain")]),
                         (wire.text(HELLO, rsv=RSV1), [failed(1002)]), chops=False)
        self.offer = offer

    def headers(self):
        return [f"Sec-WebSocket-Extensions: {self.offer}"]


def packed(opcode, payload, **options):
    return frame(opcode, payload, rsv=RSV1, **options)


# ---- Negotiation --------------------------------------------------------------------------------


def parameter_cases():
    """Every combination of the parameters, each with messages that refer to each other."""
    all_bits = range(8, 16)
    for server_no, client_no, server_bits, client_bits in itertools.product(
            (False, True), (False, True), (None, *all_bits), (None, "any", *all_bits)):
        offer, answer = NAME, {}
        if server_no:
            offer += "; server_no_context_takeover"
            answer["server_no_context_takeover"] = None
        if client_no:
            offer += "; client_no_context_takeover"
            answer["client_no_context_takeover"] = None
        if server_bits:
            offer += f"; server_max_window_bits={server_bits}"
            answer["server_max_window_bits"] = str(server_bits)
        if client_bits == "any":
            offer += "; client_max_window_bits"
        elif client_bits:
            offer += f"; client_max_window_bits={client_bits}"
            answer["client_max_window_bits"] = str(client_bits)
        parameters = Parameters(server_no, client_no, server_bits or 15,
                                client_bits if isinstance(client_bits, int) else 15)
        compress = Compressor(parameters)
        messages = [PROSE[:20_000], PROSE[:100], b"", PROSE[100:400], PROSE[:20_000], b"\0" * 300]
        yield DeflateCase("parameters", *[
            (packed(BINARY, compress(message)), [binary(message)]) for message in messages],
            offer=offer, answer=answer, parameters=parameters, chops=False)


def offer_cases():
    hello = (packed(TEXT, HELLO), [text("Hello")])
    ten = {"server_max_window_bits": "10"}
    small = Parameters(server_bits=10)
    for offer, answer, parameters in (
            (f"{NAME}, {NAME}; server_max_window_bits=10", {}, Parameters()),
            (f"{NAME}; server_max_window_bits=10, {NAME}", ten, small),
            (f"{NAME}; unknown, {NAME}; server_max_window_bits=10", ten, small),
            (f"x-webkit-deflate-frame, {NAME}", {}, Parameters()),
            (f'{NAME}; server_max_window_bits="10"', ten, small),
            (f"{NAME} ;  server_max_window_bits = 10 ", ten, small),
            (f"{NAME}; server_max_window_bits=7, {NAME}; server_max_window_bits=16, {NAME}", {},
             Parameters())):
        yield DeflateCase("accepted", hello, offer=offer, answer=answer, parameters=parameters)
    for parameter in ("server_max_window_bits", "server_max_window_bits=",
                      "server_max_window_bits=7", "server_max_window_bits=16",
                      "server_max_window_bits=08",
                      "server_max_window_bits=1e1", "server_max_window_bits=-9",
                      "server_max_window_bits=999999999999999999999", "client_max_window_bits=7",
                      "client_max_window_bits=16", "client_max_window_bits=0",
                      "client_max_window_bits=", "server_no_context_takeover=1",
                      "client_no_context_takeover=true",
                      "server_no_context_takeover; server_no_context_takeover",
                      "client_max_window_bits; client_max_window_bits",
                      "server_max_window_bits=9; server_max_window_bits=9", "unknown", "unknown=1",
                      "; "):
        yield DeclinedCase(f"{NAME}; {parameter}")
    for offer in ("permessage-defla", "permessage-deflate2", "PERMESSAGE-DEFLATE-X",
                  "deflate-frame", "permessage-bzip2", ""):
        yield DeclinedCase(offer)


# ---- Messages -----------------------------------------------------------------------------------


def rfc_cases():
    hello = [text("Hello")]
    yield DeflateCase("the RFC's Hello", (packed(TEXT, HELLO), hello))
    yield DeflateCase("the RFC's Hello in two frames", (fragments(
        TEXT, [HELLO[:3], HELLO[3:]], rsv=RSV1), hello))
    yield DeflateCase("the RFC's Hello twice, in one context", (
        packed(TEXT, HELLO) + packed(TEXT, HELLO_AGAIN), hello * 2))
    yield DeflateCase("the RFC's Hello in a stored block", (
        packed(TEXT, bytes.fromhex("000500faff48656c6c6f00")), hello))
    yield DeflateCase("the RFC's Hello in a final block", (
        packed(TEXT, bytes.fromhex("f348cdc9c9070000")), hello))
    yield DeflateCase("a final block, and then the context", (
        packed(TEXT, bytes.fromhex("f348cdc9c9070000")) + packed(TEXT, HELLO_AGAIN), hello * 2))
    yield DeflateCase("the RFC's Hello in two blocks", (
        packed(TEXT, bytes.fromhex("f24805000000ffffcac9c90700")), hello))
    yield DeflateCase("a message behind the upgrade request", (
        packed(TEXT, HELLO), hello), behind_upgrade=True)
    for octets in range(1, len(HELLO)):
        pieces = [HELLO[at:at + octets] for at in range(0, len(HELLO), octets)]
        yield DeflateCase(f"the RFC's Hello in fragments of {octets}, pings between", (
            fragments(TEXT, pieces, ping(b"p"), rsv=RSV1),
            [pong(b"p")] * (len(pieces) - 1) + hello))


def message_cases():
    nothing = [text("")]
    yield DeflateCase("an empty message", (packed(TEXT, b"\0"), nothing))
    yield DeflateCase("an empty message of no bytes", (packed(TEXT, b""), nothing))
    yield DeflateCase("an empty final block", (packed(TEXT, b"\x03\0\0"), nothing))
    yield DeflateCase("an empty stored block", (packed(TEXT, b"\0\0\0\xff\xff\0"), nothing))
    yield DeflateCase("empty fragments", (
        fragments(TEXT, [b"", b"", HELLO[:2], b"", HELLO[2:], b""], rsv=RSV1), [text("Hello")]))
    yield DeflateCase("empty messages keep the context", (
        packed(TEXT, HELLO) + packed(TEXT, b"\0") * 5 + packed(TEXT, HELLO_AGAIN),
        [text("Hello")] + nothing * 5 + [text("Hello")]))
    yield DeflateCase("messages that are not compressed", (
        wire.text("one") + packed(TEXT, HELLO) + wire.binary(b"two") + packed(TEXT, HELLO_AGAIN)
        + wire.text(b"") + fragments(TEXT, [b"th", b"ree"]),
        [text("one"), text("Hello"), binary(b"two"), text("Hello"), text(""), text("three")]))
    for size in (0, 1, 125, 126, 127, 65535, 65536, 131072):
        payload = (PROSE * 3)[:size]
        yield DeflateCase(f"a text of {size}", (
            packed(TEXT, Compressor()(payload)), [text(payload)]))
        yield DeflateCase(f"a text of {size}, each octet a fragment", (
            fragments(TEXT, cut(Compressor()(payload), 1), rsv=RSV1), [text(payload)]), chops=False)
    for level in range(10):
        yield DeflateCase(f"level {level}", (
            packed(BINARY, Compressor(level=level)(PROSE)), [binary(PROSE)]))
    for strategy in (zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED):
        yield DeflateCase(f"strategy {strategy}", (
            packed(BINARY, Compressor(strategy=strategy)(PROSE)), [binary(PROSE)]))
    for how in (zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_BLOCK):
        flushes = [(at, how) for at in range(100, 20_000, 1000)]
        yield DeflateCase(f"blocks ended by flush {how}", (
            packed(BINARY, Compressor()(PROSE[:20_000], flushes)), [binary(PROSE[:20_000])]))
    final = zlib.compressobj(9, zlib.DEFLATED, -15)
    whole = final.compress(PROSE) + final.flush(zlib.Z_FINISH)
    yield DeflateCase("a final block of many bytes, twice", (
        packed(BINARY, whole + b"\0") * 2, [binary(PROSE)] * 2))
    yield DeflateCase("blocks behind a final block", (
        packed(BINARY, whole + HELLO), [binary(PROSE + b"Hello")]))


def stream_cases():
    compress = Compressor()
    messages = [PROSE[n * 7:n * 7 + 500] for n in range(1000)]
    stream = b"".join(packed(TEXT, compress(message)) for message in messages)
    yield DeflateCase("a thousand messages in one context", (
        stream, [text(message) for message in messages]), chops=False)
    no_context = Parameters(True, True)
    compress = Compressor(no_context)
    stream = b"".join(packed(TEXT, compress(message)) for message in messages)
    yield DeflateCase("a thousand messages without contexts", (
        stream, [text(message) for message in messages]), chops=False, parameters=no_context,
        offer=NAME + "; client_no_context_takeover; server_no_context_takeover",
        answer={"client_no_context_takeover": None, "server_no_context_takeover": None})
    for size, count in ((16, 1000), (1024, 1000), (16384, 200), (131_072, 50)):
        compress = Compressor()
        steps = [(packed(TEXT, compress((PROSE * 3)[n:n + size])), [text((PROSE * 3)[n:n + size])])
                 for n in range(count)]
        yield DeflateCase(f"{count} messages of {size}, one after the other", *steps, chops=False)
    noise = random.Random(2).randbytes(MOST)
    for name, payload in (("of zeros", bytes(MOST)), ("that hardly packs", noise)):
        data = Compressor(level=1)(payload)
        yield DeflateCase(f"16 MiB {name}", (packed(BINARY, data), [binary(payload)]), chops=False)
        yield DeflateCase(f"16 MiB {name} in fragments of 4096", (
            fragments(BINARY, cut(data, 4096), rsv=RSV1), [binary(payload)]), chops=False)
    stored = Compressor(level=0)(noise)
    assert len(stored) > MOST
    yield DeflateCase("16 MiB in stored blocks, which are more", (
        packed(BINARY, stored), [binary(noise)]), chops=False)


# ---- What is wrong ------------------------------------------------------------------------------


def rsv1_cases():
    good, answer = packed(TEXT, HELLO), text("Hello")
    yield DeflateCase("RSV1 on a continuation", (
        good + packed(TEXT, HELLO[:3], fin=False) + frame(CONTINUATION, HELLO[3:], rsv=RSV1),
        [answer, failed(1002)]))
    yield DeflateCase("RSV1 on the continuation of a plain message", (
        wire.text("x", fin=False) + frame(CONTINUATION, HELLO, rsv=RSV1), [failed(1002)]))
    for opcode in (wire.CLOSE, PING, wire.PONG):
        yield DeflateCase(f"RSV1 on opcode {opcode}", (
            good + frame(opcode, b"", rsv=RSV1), [answer, failed(1002)]))
    for bits in (2, 3, 1):
        for opcode in (TEXT, BINARY):
            yield DeflateCase(f"reserved bits 0, 1 and 2 as {bits | 4}, opcode {opcode}", (
                good + frame(opcode, HELLO, rsv=(bits | 4) << 4), [answer, failed(1002)]))
    yield DeflateCase("a close", (good + close(1000), [answer, closed(1000)]))


def damage_cases():
    good, answer = packed(TEXT, HELLO), text("Hello")
    for size in range(1, len(HELLO) - 1):
        yield DeflateCase(f"Hello cut after {size} bytes", (
            good + packed(TEXT, HELLO[:size]), [answer, failed(1007)]))
    for name, data in (("a block type that does not exist", b"\x07\0\0"),
                       ("a stored block whose lengths differ", b"\0\5\0\0\0Hello\0"),
                       ("a stored block that is cut", b"\0\5\0\xfa\xffHel"),
                       ("too many codes", b"\xfc\xff\xff"),
                       ("a distance beyond the beginning", b"\x73\x04\x42\0"),
                       ("garbage", b"\xde\xad\xbe\xef" * 20),
                       ("text", b"this is no deflate stream"),
                       ("a zlib header", zlib.compress(b"Hello")),
                       ("all ones", b"\xff" * 50)):
        yield DeflateCase(name, (good + packed(BINARY, data) + good, [answer, failed(1007)]))
        yield DeflateCase(name + ", in fragments", (
            good + fragments(BINARY, cut(data, 2), rsv=RSV1), [answer, failed(1007)]))
    yield DeflateCase("a context that the client had given up", (
        good + packed(TEXT, HELLO_AGAIN), [answer, failed(1007)]),
        offer=NAME + "; client_no_context_takeover", answer={"client_no_context_takeover": None},
        parameters=Parameters(client_no_context=True))
    far = Compressor()  # a window of 2^15 where 2^9 was agreed on
    noise = random.Random(1).randbytes(2000)
    yield DeflateCase("a distance beyond the window", (
        packed(BINARY, far(noise)), [binary(noise)]), (packed(BINARY, far(noise)), [failed(1007)]),
        offer=NAME + "; client_max_window_bits=9", answer={"client_max_window_bits": "9"},
        parameters=Parameters(client_bits=9))


def text_cases():
    for name, valid in (("two bytes", "ä"), ("three", "日"), ("four", "\U0001f600")):
        payload = valid.encode() * 50
        data = Compressor()(payload)
        yield DeflateCase(f"characters of {name}, each octet a fragment", (
            fragments(TEXT, cut(data, 1), rsv=RSV1), [text(payload)]))
    for bad in (b"\x80", b"ok\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80",
                b"\xff" * 100, "κόσμε".encode() + b"\xce"):
        compress = Compressor()
        yield DeflateCase(f"text that is not UTF-8: {bad[:6].hex()}", (
            packed(TEXT, compress(b"good")) + packed(TEXT, compress(bad)),
            [text("good"), failed(1007)]))
        yield DeflateCase(f"binary that is not UTF-8: {bad[:6].hex()}", (
            packed(BINARY, Compressor()(bad)), [binary(bad)]))


def bomb_cases():
    good, answer = packed(TEXT, HELLO), text("Hello")
    beyond = Compressor(level=9)(bytes(MOST + 1))
    yield DeflateCase("16 MiB and one byte", (
        good + packed(BINARY, beyond), [answer, failed(1009)]), chops=False)
    yield DeflateCase("16 MiB and one byte, in fragments of one byte", (
        good + fragments(BINARY, cut(beyond, 1), rsv=RSV1), [answer, failed(1009)]), chops=False)
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = stream.compress(bytes(MOST)) + stream.flush(zlib.Z_FULL_FLUSH)
    gigabyte = (piece * 64).removesuffix(TAIL)
    yield DeflateCase("1 GiB", (
        good + packed(BINARY, gigabyte), [answer, failed(1009)]), chops=False)
    yield DeflateCase("1 GiB in fragments", (
        good + fragments(BINARY, cut(gigabyte, 1000), rsv=RSV1), [answer, failed(1009)]),
        chops=False)
    yield DeflateCase("1 GiB of text", (
        good + packed(TEXT, gigabyte), [answer, failed(1009)]), chops=False)
    # Each of them is within the limit.
    no_context = Parameters(client_no_context=True)
    data = packed(BINARY, Compressor(no_context, level=9)(bytes(1 << 20)))
    yield DeflateCase("a hundred messages of 1 MiB in 100 KB", (
        data * 100, [binary(bytes(1 << 20))] * 100), chops=False, parameters=no_context,
        offer=NAME + "; client_no_context_takeover", answer={"client_no_context_takeover": None})


def cases():
    yield from parameter_cases()
    yield from offer_cases()
    yield from rfc_cases()
    yield from message_cases()
    yield from stream_cases()
    yield from rsv1_cases()
    yield from damage_cases()
    yield from text_cases()
    yield from bomb_cases()
