#!/usr/bin/env python3
"""How long a server takes from its start to its first answer.

    bench/start.py [--server build/release/duolog] [--load build/release/bench/duolog_load] [--dir /tmp]

Fills a directory of 4 GiB in 200 partitions and stops the server; fills another with a record in
each of 2,000 partitions and kills it. Then starts each several times, as it was left, and prints the
median time to the first answered request (ApiVersions, from before the process is made), beside an
empty directory. Fails where a bar is missed.
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import tempfile
import time

EMPTY = "an empty directory"
CLEAN = "4 GiB in 200 partitions, after a clean stop"
KILLED = "2,000 partitions of a record each, after kill -9"
BARS_S = {CLEAN: 0.05, KILLED: 3.0}
DEADLINE_S = 60


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, program, directory):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [program, "serve", "--data-dir", str(directory), "--kafka", self.address, "--http", "127.0.0.1:0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def first_answer_s(self):
        while time.monotonic() - self.started < DEADLINE_S:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S) as door:
                    door.sendall(struct.pack(">i", 10) + struct.pack(">hhih", 18, 0, 1, -1))
                    if door.recv(4):
                        return time.monotonic() - self.started
            except ConnectionRefusedError:
                assert self.process.poll() is None, "the server has ended"
                time.sleep(0.0005)
        raise TimeoutError("no answer")

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait()


def fill(arguments, directory, load, how):
    server = Server(arguments.server, directory)
    server.first_answer_s()
    subprocess.run([arguments.load, *load, "--kafka", server.address], check=True, stdout=subprocess.DEVNULL)
    server.end(how)


def starts(arguments, directory, how, keep):
    """Each from the same state: `keep` copies it, because a start changes it."""
    seen = []
    for _ in range(arguments.rounds):
        state = directory
        if keep:
            state = directory.with_name("copy")
            shutil.copytree(directory, state)
            os.sync()
        server = Server(arguments.server, state)
        seen.append(server.first_answer_s())
        server.end(how)
        if keep:
            shutil.rmtree(state)
    return seen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", default="build/release/duolog")
    parser.add_argument("--load", default="build/release/bench/duolog_load")
    parser.add_argument("--dir", default="/tmp")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    missed = False
    with tempfile.TemporaryDirectory(dir=arguments.dir) as scratch:
        for name, load, how, keep in (
            (EMPTY, None, signal.SIGTERM, False),
            (CLEAN, ["bulk", "--partitions", "200", "--bulk-mib", "4096"], signal.SIGTERM, False),
            (KILLED, ["latency", "--partitions", "2000", "--rate", "2000", "--warmup", "0", "--seconds", "3"], signal.SIGKILL, True),
        ):
            directory = pathlib.Path(scratch) / re.sub(r"\W+", "-", name)
            directory.mkdir()
            if load:
                fill(arguments, directory, load, how)
            seen = starts(arguments, directory, how, keep)
            shutil.rmtree(directory)
            median = statistics.median(seen)
            over = median > BARS_S.get(name, float("inf"))
            missed |= over
            print(f"{name}: {median * 1000:.0f} ms (of {len(seen)}: {min(seen) * 1000:.0f} to {max(seen) * 1000:.0f})"
                  f"{'   OVER THE BAR' if over else ''}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
