"""kcat, as a person at a terminal uses it."""

import os
import random
import re
import selectors
import signal
import subprocess
import tempfile
import time

from feature_run import DEADLINE_S, broker, expect, main, until


def kcat(*arguments, data=None):
    done = subprocess.run(["kcat", "-b", broker(), "-X", "check.crcs=true", "-X",
                           "fetch.wait.max.ms=20", *arguments],
                          input=data, capture_output=True, timeout=DEADLINE_S, check=False)
    if done.returncode != 0:
        raise AssertionError(f"kcat {arguments}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def produce(topic, lines, *options):
    kcat("-P", "-t", topic, *options, data="".join(line + "\n" for line in lines).encode())


def consume(topic, *options):
    """The lines that reading to the end gives, in the order of partitions and offsets."""
    out = kcat("-C", "-t", topic, "-e", "-q", *options, "-f", "%p %o %s\n").decode()
    found = [line.split(" ", 2) for line in out.splitlines()]
    return [value for _, _, value in sorted((int(p), int(o), v) for p, o, v in found)]


def numbered(name, count):
    return [f"{name}-{number}" for number in range(count)]


def check_produce():
    for partition in (0, 1):
        produce("produce", numbered(partition, 100), "-p", str(partition), "-X", "acks=all")
    expect(kcat("-Q", "-t", "produce:0:-1").split()[-1], b"100")
    expect(kcat("-Q", "-t", "produce:1:-1").split()[-1], b"100")


def check_consume():
    lines = [numbered(partition, 100) for partition in (0, 1)]
    for partition in (0, 1):
        produce("consume", lines[partition], "-p", str(partition))
    expect(consume("consume", "-o", "beginning"), lines[0] + lines[1])


def check_seek_offset():
    produce("seek-offset", numbered("v", 20))
    expect(consume("seek-offset", "-o", "7"), numbered("v", 20)[7:])
    expect(consume("seek-offset", "-o", "-3"), numbered("v", 20)[17:])


def check_seek_time():
    produce("seek-time", ["early"])
    before = int(kcat("-C", "-t", "seek-time", "-e", "-q", "-f", "%T"))
    until(lambda: time.time() * 1000 > before + 2, "the next millisecond")
    produce("seek-time", ["late"])
    expect(consume("seek-time", "-o", f"s@{before + 1}"), ["late"])
    expect(consume("seek-time", "-o", f"s@{before}", "-o", f"e@{before + 1}"), ["early"])


def check_codec(codec):
    lines = [f"{number} " + "compress me " * 20 for number in range(50)]
    produce("codec-" + codec, lines, "-z", codec)
    expect(consume("codec-" + codec), lines)


def check_headers():
    produce("headers", ["v"], "-H", "a=1", "-H", "a=2", "-H", "empty=", "-H", "null")
    expect(kcat("-C", "-t", "headers", "-e", "-q", "-f", "%h"), b"a=1,a=2,empty=,null=NULL")


def check_nulls():
    produce("nulls", [":no key", "no value:", ":"], "-K", ":", "-Z")
    # Lengths: -1 is null.
    expect(kcat("-C", "-t", "nulls", "-e", "-q", "-f", "%K %S\n"), b"-1 6\n8 -1\n-1 -1\n")


def check_large():
    value = random.Random(5).randbytes(5 << 20)
    with tempfile.NamedTemporaryFile() as file:
        file.write(value)
        file.flush()
        kcat("-P", "-t", "large", "-X", "message.max.bytes=10000000", file.name)
    got = kcat("-C", "-t", "large", "-e", "-q", "-f", "%s", "-X",
               "fetch.message.max.bytes=10000000")
    expect(got == value, True)


def check_idempotence():
    produce("idempotence", numbered("v", 200), "-X", "enable.idempotence=true")
    expect(consume("idempotence"), numbered("v", 200))


class Member:
    """`kcat -G`: a member of the group that prints what it reads."""

    def __init__(self, *options):
        self.process = subprocess.Popen(
            ["kcat", "-b", broker(), "-G", "readers", *options, "-X", "auto.offset.reset=earliest",
             "-X", "heartbeat.interval.ms=200", "-X", "session.timeout.ms=10000", "-u", "-f",
             "%s\n", "group"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.said = {self.process.stdout: b"", self.process.stderr: b""}
        for stream in self.said:
            os.set_blocking(stream.fileno(), False)

    def listen(self):
        for stream in self.said:
            self.said[stream] += stream.read() or b""

    def partitions(self):
        """How many it was assigned last, or None."""
        said = self.said[self.process.stderr].decode(errors="replace")
        changes = re.findall(r"rebalanced .*?: (assigned|revoked): ?(.*)", said)
        if not changes or changes[-1][0] == "revoked":
            return None
        return changes[-1][1].count("[")

    def lines(self):
        return self.said[self.process.stdout].decode().splitlines()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(DEADLINE_S)
        self.listen()


def wait_for(members, condition, what):
    """Listens to the members until the condition holds."""
    end = time.monotonic() + DEADLINE_S
    with selectors.DefaultSelector() as selector:
        for member in members:
            for stream in member.said:
                selector.register(stream, selectors.EVENT_READ)
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"not within {DEADLINE_S} s: {what}; "
                                     f"{[m.said[m.process.stderr] for m in members]}")
            selector.select(1)
            for member in members:
                member.listen()


def check_group():
    members = [Member()]
    wait_for(members, lambda: members[0].partitions() == 2, "the first member has both partitions")
    members.append(Member())
    wait_for(members, lambda: [m.partitions() for m in members] == [1, 1], "one partition each")
    for partition in (0, 1):
        produce("group", numbered(partition, 20), "-p", str(partition))
    wait_for(members, lambda: all(len(m.lines()) == 20 for m in members), "each reads twenty")
    for member in members:
        member.stop()
    expect(sorted(sum((m.lines() for m in members), [])),
           sorted(numbered(0, 20) + numbered(1, 20)))
    produce("group", numbered("later", 10), "-p", "1")
    third = Member("-e")
    wait_for([third], lambda: third.process.poll() is not None, "the third member reaches the end")
    third.listen()
    expect(third.lines(), numbered("later", 10))


if __name__ == "__main__":
    main({
        "produce": check_produce, "consume": check_consume, "group": check_group,
        "seek-offset": check_seek_offset, "seek-time": check_seek_time,
        **{f"codec-{codec}": lambda codec=codec: check_codec(codec)
           for codec in ("none", "gzip", "snappy", "lz4", "zstd")},
        "headers": check_headers, "nulls": check_nulls, "large": check_large,
        "idempotence": check_idempotence,
    })
