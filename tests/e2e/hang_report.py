"""What a server and its machine are doing, for whoever waits for an answer that does not come."""

import glob
import os
import socket
import subprocess

COMMAND_S = 10
METRICS_S = 5
MOST_BYTES = 16_000  # of one piece
STATUS = ("(", "State", "Threads", "Vm", "Rss", "Sig", "voluntary", "nonvoluntary")


def hang_report(pid, ports, http_port):
    """Text about the process `pid`, the sockets of `ports`, and the machine. Never fails: what cannot
    be read says why."""
    pieces = [("sockets", sockets(ports))]
    pieces.append((f"/proc/{pid}/status", "\n".join(
        line for line in content(f"/proc/{pid}/status").splitlines() if line.startswith(STATUS))))
    for task in sorted(glob.glob(f"/proc/{pid}/task/*")):
        pieces.append((task, threads_place(task)))
    pieces.append(("descriptors", descriptors(pid)))
    for path in ["/proc/loadavg", *sorted(glob.glob("/proc/pressure/*"))]:
        pieces.append((path, content(path)))
    pieces.append(("/metrics", metrics(http_port)))
    pieces.append(("the kernel's log", last_lines(output("dmesg", "--ctime"), 20)))
    return "\n".join(f"---- {title}\n{text.strip()[:MOST_BYTES]}" for title, text in pieces)


def content(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as error:
        return f"({error.strerror})"


def output(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=COMMAND_S, check=False)
        return done.stdout.decode(errors="replace")
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"({error})"


def sockets(ports):
    """Both ends of each connection: queues, timers, windows."""
    condition = " or ".join(f"sport = :{port} or dport = :{port}" for port in ports)
    said = output("ss", "-tnoapi", f"( {condition} )")
    if said.startswith("("):  # there is no ss
        hexadecimal = tuple(f":{port:04X}" for port in ports)
        rows = content("/proc/net/tcp").splitlines()
        said += "\n" + "\n".join(rows[:1] + [row for row in rows[1:]
                                             if any(port in row for port in hexadecimal)])
    return said


def threads_place(task):
    """Where in the kernel a thread is, and how often it got there."""
    lines = [content(f"{task}/comm").strip()]
    for name in ("wchan", "syscall", "stack"):
        lines.append(f"{name}: {content(f'{task}/{name}').strip()}")
    lines += [line for line in content(f"{task}/status").splitlines()
              if line.startswith(("State:", "SigQ:", "SigPnd:")) or "ctxt_switches" in line]
    return "\n".join(lines)


def descriptors(pid):
    try:
        return f"{len(os.listdir(f'/proc/{pid}/fd'))} open"
    except OSError as error:
        return f"({error.strerror})"


def metrics(http_port):
    """Those that are not zero, over a connection of its own."""
    received = b""
    try:
        with socket.create_connection(("127.0.0.1", http_port), METRICS_S) as connection:
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


def last_lines(text, count):
    return "\n".join(text.splitlines()[-count:])
