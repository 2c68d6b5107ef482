"""The rules of the house, checked: house_rules.py ROOT prints what breaks them and exits with 1.

A room includes only what its row in MAY_INCLUDE names; a source file stays a file that fits one
concept; nothing unfinished and nothing about the machine that it was written on lands.
"""

import os
import re
import subprocess
import sys

# Room: the rooms that it may include besides itself. A path belongs to the longest prefix here.
MAY_INCLUDE = {
    "engine/base": [],
    "storage": ["engine/base"],
    "net": ["engine/base"],
    "engine/runtime": ["engine/base", "storage", "net"],
    "engine/broker": ["engine/base", "storage", "net", "engine/runtime"],
    "engine/groups": ["engine/base", "storage", "net", "engine/runtime", "engine/broker"],
    "engine/session/transport": ["engine/base", "storage", "net", "engine/runtime",
                                 "engine/broker"],
    "engine/session/kafka": ["engine/base", "storage", "net", "engine/runtime", "engine/broker",
                             "engine/groups", "engine/session/transport"],
    "engine/session/http": ["engine/base", "storage", "net", "engine/runtime", "engine/broker",
                            "engine/session/transport"],
    # Of topics and logs it knows nothing.
    "engine/session/websocket": ["engine/base", "net", "engine/runtime",
                                 "engine/session/transport", "engine/session/http"],
    "engine/session/live": ["engine/base", "storage", "net", "engine/runtime", "engine/broker",
                            "engine/session/transport", "engine/session/websocket"],
    "engine/session/feed": ["engine/base", "storage", "net", "engine/runtime", "engine/broker",
                            "engine/session/transport", "engine/session/websocket",
                            "engine/session/live"],
    "engine/session/push": ["engine/base", "storage", "net", "engine/runtime", "engine/broker",
                            "engine/session/transport", "engine/session/websocket",
                            "engine/session/live"],
    # Who becomes what after an upgrade: it puts them together, and none of them knows it.
    "engine/session/doors": ["engine/base", "storage", "net", "engine/runtime", "engine/broker",
                             "engine/session/transport", "engine/session/http",
                             "engine/session/websocket", "engine/session/live",
                             "engine/session/feed", "engine/session/push"],
    "engine/server": ["engine/base", "storage", "net", "engine/runtime", "engine/broker",
                      "engine/groups", "engine/session/kafka", "engine/session/http",
                      "engine/session/websocket", "engine/session/live", "engine/session/push",
                      "engine/session/doors"],
}
# Every source file below these belongs to a room.
ROOMS_BELOW = ["engine", "storage", "net"]
# These may include everything; nothing else may include them.
FREE = ["tools", "bench", "tests"]

# Rooms that do no I/O of their own: no sockets, files, clocks, rings or threads. What only converts,
# locks or maps memory (arpa/inet.h, mutex, sys/mman.h) is theirs to use.
SANS_IO = ["storage", "net"]
IO_HEADERS = re.compile(
    r"^(sys/(socket|epoll|eventfd|stat|file|sendfile|ioctl|time)\.h|netinet/.*|netdb\.h|"
    r"poll\.h|fcntl\.h|unistd\.h|liburing.*|pthread\.h|time\.h|ctime|chrono|thread|"
    r"filesystem|fstream|iostream|engine/base/clock\.h)$")

SOURCE = re.compile(r"\.(h|cc|py|sh|js|cmake)$|(^|/)CMakeLists\.txt$|^\.ci/")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
FOREIGN = re.compile("/wo" + r"rk/|\.\./sha" + r"red|\.lib" + "rary")

LONG_LINES = 500
TOO_LONG_LINES = 600


def room_of(path):
    rooms = [room for room in [*MAY_INCLUDE, *FREE] if path.startswith(room + "/")]
    return max(rooms, key=len, default=None)


def check_include(path, kind, target):
    """What is wrong when the file `path` includes `target`, or None."""
    room = room_of(path)
    if room is None and path.split("/")[0] in ROOMS_BELOW:
        return "the file is in no room"
    if room is None or room in FREE:
        return None
    if room in SANS_IO and IO_HEADERS.match(target):
        return f"{room} does no I/O and reads no clock, but includes <{target}>"
    if kind == "<":
        return None
    if target.startswith(("./", "../")):
        return f'includes "{target}": write the path from the root'
    other = room_of(target)
    if other is None:
        return f'includes "{target}", which is in no room; from the root?'
    if other != room and other not in MAY_INCLUDE[room]:
        return f'{room} may not include {other}: "{target}"'
    return None


def check_file(path, text):
    """Everything in one file that breaks a rule, as (line, message); and its warnings."""
    broken, warnings = [], []
    lines = text.splitlines()
    source = SOURCE.search(path) is not None
    for number, line in enumerate(lines, 1):
        include = INCLUDE.match(line) if path.endswith((".h", ".cc")) else None
        if include:
            wrong = check_include(path, include.group(1), include.group(2))
            if wrong:
                broken.append((number, wrong))
        if source and UNFINISHED.search(line):
            broken.append((number, "unfinished: " + line.strip()))
        if FOREIGN.search(line):
            broken.append((number, "names a place outside the project: " + line.strip()))
    if source and len(lines) > TOO_LONG_LINES:
        broken.append((len(lines), f"{len(lines)} lines; {LONG_LINES} are two concepts already"))
    elif source and len(lines) > LONG_LINES:
        warnings.append((len(lines), f"{len(lines)} lines: two concepts?"))
    return broken, warnings


def files_below(root):
    """The project's files: what git knows or would add; without git, all but build trees."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "--cached", "--others",
         "--exclude-standard"], capture_output=True, check=False) if os.path.exists(
             os.path.join(root, ".git")) else None
    if listed is not None and listed.returncode == 0:
        return [name for name in listed.stdout.decode().split("\0") if name]
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith(("build", ".git", "node_modules"))]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return found


def check_tree(root):
    """Prints every broken rule and warning below `root`; returns how many rules are broken."""
    count = checked = 0
    for path in sorted(files_below(root)):
        try:
            with open(os.path.join(root, path), encoding="utf-8") as file:
                text = file.read()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # binary, or deleted but not yet committed so
        checked += 1
        broken, warnings = check_file(path, text)
        for line, message in warnings:
            print(f"{path}:{line}: warning: {message}")
        for line, message in broken:
            print(f"{path}:{line}: {message}")
        count += len(broken)
    print(f"{checked} files, {count} broken rules")
    return count if checked else 1


if __name__ == "__main__":
    sys.exit(1 if check_tree(sys.argv[1]) else 0)
