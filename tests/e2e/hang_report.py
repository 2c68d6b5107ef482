"""What processes and their machine are doing, for whoever waits for what does not come.

    hang_report.py PID...

prints it piece by piece, so that what is known stands there if a later piece never comes: reading of
a process can wait for what that process waits for. So whoever wants it runs it as a process of its
own and does not wait for it for long: `report` here, hang_guard.
"""

import glob
import os
import re
import signal
import socket
import subprocess
import sys

PIECE_S = 10
METRICS_S = 5
REPORT_S = 90  # all of it; as in hang_guard.cc
MOST_BYTES = 16_000  # of one piece
MOST_THREADS = 64    # of one process
LOG_LINES = 30
STATUS = ("Name", "State", "Threads", "Vm", "Rss", "Sig", "voluntary", "nonvoluntary")
CGROUP = ("memory.current", "memory.peak", "memory.max", "memory.events", "memory.pressure",
          "cpu.pressure", "cpu.stat", "io.pressure", "pids.current", "pids.max")
OLD_CGROUP = ("memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.limit_in_bytes",
              "memory.failcnt", "memory.oom_control")
LISTENS = "0A"  # a state in /proc/net/tcp


def report(pids):
    """Prints it, from a process of its own, in bounded time."""
    sys.stdout.flush()
    # Not as a context, which would wait for its end whatever comes.
    reporter = subprocess.Popen(  # pylint: disable=consider-using-with
        [sys.executable, "-B", os.path.abspath(__file__), *map(str, pids)],
        stderr=subprocess.STDOUT)
    try:
        reporter.wait(REPORT_S)
    except subprocess.TimeoutExpired:
        reporter.kill()
        print(f"(the report has not ended within {REPORT_S} s)", flush=True)


def main(pids):
    for pid in pids:
        say(f"process {pid}", lambda pid=pid: content(f"/proc/{pid}/cmdline").replace("\0", " "))
        say(f"/proc/{pid}/status", lambda pid=pid: matching(f"/proc/{pid}/status", STATUS))
        for task in sorted(glob.glob(f"/proc/{pid}/task/*"))[:MOST_THREADS]:
            say(task, lambda task=task: threads_place(task))
        say(f"descriptors of {pid}", lambda pid=pid: descriptors(pid))
        rows = list(sockets_of(pid))
        say(f"sockets of {pid}", lambda rows=rows: "\n".join(rows))
        ports = sorted({port_of(row) for row in rows if row.split()[3] == LISTENS})
        if ports:
            say(f"both ends of what is connected to {pid}", lambda ports=ports: both_ends(ports))
        for port in ports:
            say(f"/metrics at port {port}", lambda port=port: metrics(port))
        for path in cgroup_files(pid):
            say(path, lambda path=path: content(path))
    for path in ["/proc/loadavg", *sorted(glob.glob("/proc/pressure/*")), "/proc/meminfo",
                 "/proc/net/sockstat"]:
        say(path, lambda path=path: content(path))
    say("the kernel's log",
        lambda: "\n".join(output("dmesg", "--ctime").splitlines()[-LOG_LINES:]))


class TookTooLong(Exception):
    pass


def on_alarm(_signal, _frame):
    raise TookTooLong


def say(title, piece):
    """Prints what `piece` returns, or why it cannot be had."""
    signal.alarm(PIECE_S)
    try:
        text = piece()
    except TookTooLong:
        text = f"(nothing within {PIECE_S} s)"
    except (OSError, ValueError) as error:
        text = f"({error})"
    finally:
        signal.alarm(0)
    print(f"---- {title}\n{text.strip()[:MOST_BYTES]}", flush=True)


def content(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as error:
        return f"({error.strerror})"


def matching(path, beginnings):
    text = content(path)
    return "\n".join(line for line in text.splitlines() if line.startswith((*beginnings, "(")))


def output(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=PIECE_S / 2, check=False)
        return done.stdout.decode(errors="replace")
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"({error})"


def sockets_of(pid):
    """Rows of /proc/net/tcp, with their queues, of the sockets that a process holds."""
    held = set()
    for link in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link))
        except OSError:
            continue
        if found:
            held.add(found.group(1))
    for table in ("tcp", "tcp6"):
        for row in content(f"/proc/{pid}/net/{table}").splitlines()[1:]:
            if len(row.split()) > 9 and row.split()[9] in held:
                yield row


def port_of(row):
    return int(row.split()[1].rsplit(":", 1)[1], 16)


def both_ends(ports):
    """Of each connection: queues, timers, windows, memory."""
    condition = " or ".join(f"sport = :{port} or dport = :{port}" for port in ports)
    return output("ss", "-tnoampi", f"( {condition} )")


def threads_place(task):
    """Where in the kernel a thread is, and how often it got there."""
    lines = [content(f"{task}/comm").strip()]
    for name in ("wchan", "syscall", "schedstat", "stack"):
        lines.append(f"{name}: {content(f'{task}/{name}').strip()}")
    lines += [line for line in content(f"{task}/status").splitlines()
              if line.startswith(("State:", "SigQ:", "SigPnd:")) or "ctxt_switches" in line]
    return "\n".join(lines)


def descriptors(pid):
    try:
        return f"{len(os.listdir(f'/proc/{pid}/fd'))} open"
    except OSError as error:
        return f"({error.strerror})"


def cgroup_files(pid):
    """What there is of either version; if nothing, one of those that should be."""
    groups = content(f"/proc/{pid}/cgroup")
    paths = []
    for pattern, folder, names in ((r"^0::(.*)$", "/sys/fs/cgroup", CGROUP),
                                   (r"^\d+:memory:(.*)$", "/sys/fs/cgroup/memory", OLD_CGROUP)):
        found = re.search(pattern, groups, re.MULTILINE)
        paths += [f"{folder}{found.group(1)}/{name}" for name in names] if found else []
    return [path for path in paths if os.path.exists(path)] or ["/sys/fs/cgroup/memory.events"]


def metrics(port):
    """Those that are not zero, over a connection of its own."""
    received = b""
    try:
        with socket.create_connection(("127.0.0.1", port), METRICS_S) as connection:
            connection.settimeout(METRICS_S)
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                               b"Connection: close\r\n\r\n")
            while piece := connection.recv(1 << 16):
                received += piece
    except OSError as error:
        return f"({error} after {len(received)} bytes: {received[:200]!r})"
    lines = received.decode(errors="replace").splitlines()
    return "\n".join(line for line in lines
                     if not line.startswith("#") and not line.endswith((" 0", " 0.0")))


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, on_alarm)
    main(sys.argv[1:])
