#!/usr/bin/env python3
"""Runs a command and says how much memory it and all that it started took at the most, together.

    tests/guard/peak_memory.py ctest --preset release -j2

Looked at twenty times a second: what processes hold themselves (RssAnon, RssShmem), without files
that are mapped, which the kernel takes back. Exit status: the command's.
"""

import os
import subprocess
import sys
import time

LOOK_S = 0.05
MOST_LINES = 5


def status(pid):
    """Its parent, its name, and what it holds."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    except OSError:
        return None
    held = sum(int(fields.get(name, "0").split()[0]) for name in ("RssAnon", "RssShmem"))
    return int(fields.get("PPid", 0)), fields.get("Name", "?"), held * 1024


def descendants(root):
    found = {int(name): status(name) for name in os.listdir("/proc") if name.isdigit()}
    children = {}
    for pid, about in found.items():
        if about:
            children.setdefault(about[0], []).append(pid)
    waiting, tree = [root], []
    while waiting:
        for pid in children.get(waiting.pop(), []):
            tree.append((found[pid][2], found[pid][1], pid))
            waiting.append(pid)
    return tree


def main(command):
    peak, at_peak, largest = 0, [], {}
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            tree = descendants(os.getpid())
            together = sum(held for held, _, _ in tree)
            for held, name, _ in tree:
                largest[name] = max(largest.get(name, 0), held)
            if together > peak:
                peak, at_peak = together, sorted(tree, reverse=True)[:MOST_LINES]
            time.sleep(LOOK_S)
    print(f"peak of all processes together: {peak / (1 << 20):.0f} MiB")
    for held, name, pid in at_peak:
        print(f"  {held / (1 << 20):.0f} MiB  {name} ({pid})")
    print("the largest processes of the run:")
    for name, held in sorted(largest.items(), key=lambda item: -item[1])[:MOST_LINES]:
        print(f"  {held / (1 << 20):.0f} MiB  {name}")
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
