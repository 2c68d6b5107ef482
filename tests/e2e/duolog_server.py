"""A running `duolog serve` for the tests, and the clients that talk to it.

The build says where the programs are: TEST_PROGRAM, TEST_ROUNDTRIP, TEST_ACKED_LOAD and
TEST_ACKED_VERIFY; TEST_SANITIZED is set when memory and time cannot be judged. A test derives
from DuologTest, which brings a scratch directory, ends what was started, and shows the server's log
when the test fails.
"""

import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

import hang_report

# Only catches hangs. A server with sanitizers is slow.
DEADLINE_S = 240 if os.environ.get("TEST_SANITIZED") else 60
READY = re.compile(rb"ready.*?kafka[ =](\S+):(\d+).*?http[ =](\S+):(\d+)")


MOST_REPORTS = 3  # of one run of the tests
RUNNING = []      # servers that were started
reports = []      # what was reported


def report_hang(what):
    """Prints what every running server is doing, at the moment at which something was waited for in
    vain. Every wait that comes to its deadline calls this before it closes anything."""
    if len(reports) == MOST_REPORTS:
        return
    reports.append(what)
    for server in RUNNING:
        if server.is_running():
            print(f"==== {what}: what the server {server.pid} is doing", flush=True)
            hang_report.report([server.pid])


def is_timeout(error):
    return isinstance(error, (TimeoutError, subprocess.TimeoutExpired))


def program():
    return os.environ["TEST_PROGRAM"]


def sanitized():
    return os.environ.get("TEST_SANITIZED", "") != ""


class Server:
    """One data directory and the process that serves it, if any."""

    def __init__(self, data_dir, *options):
        self.data_dir = data_dir
        self.lasting_kafka_port = 0  # where clients that outlive the server find it again
        self.lasting_http_port = 0
        self.options = list(options)
        self.log_path = data_dir.rstrip("/") + ".log"
        self.process = None
        self.kafka_port = 0
        self.http_port = 0

    @property
    def kafka(self):
        return f"127.0.0.1:{self.kafka_port}"

    @property
    def http(self):
        return f"127.0.0.1:{self.http_port}"

    @property
    def pid(self):
        return self.process.pid

    def start(self, *options):
        """Starts it and waits until it is ready.

        A restart finds new ports: a port that was free a moment ago may by now be the local end of
        a client's connection, and above all of one that tries to reach the server that is gone.
        """
        command = [program(), "serve", "--data-dir", self.data_dir,
                   "--kafka", f"127.0.0.1:{self.lasting_kafka_port}",
                   "--http", f"127.0.0.1:{self.lasting_http_port}",
                   *self.options, *options]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=log)
        if self not in RUNNING:
            RUNNING.append(self)
        self._await_ready()
        return self

    def _await_ready(self):
        said = b""
        end = time.monotonic() + DEADLINE_S
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not (ready := READY.search(said)):
                if not selector.select(max(0, end - time.monotonic())):
                    report_hang("not ready")
                    raise AssertionError(f"the server is not ready after {DEADLINE_S} s: {said!r}")
                piece = os.read(self.process.stdout.fileno(), 4096)
                if not piece:
                    raise AssertionError(
                        f"the server ended with {self.process.wait()}:\n{self.log_text()}")
                said += piece
        self.kafka_port, self.http_port = int(ready.group(2)), int(ready.group(4))

    def stop(self):
        """Stops it as an init system does; returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        self.process.kill()
        self.wait()

    def wait(self):
        """Waits for its end; returns its exit status."""
        try:
            return self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            report_hang("the server does not end")
            raise
        finally:
            self.process.stdout.close()

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def log_text(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def counted(self, name):
        """What /metrics says of it, all shards and labels together."""
        with urllib.request.urlopen(f"http://{self.http}/metrics", timeout=DEADLINE_S) as answer:
            rows = answer.read().decode().splitlines()
        return sum(int(float(row.split()[-1])) for row in rows if row.startswith(name))

    def memory_bytes(self, *names):
        """What it holds itself; mapped files, which the kernel takes back, do not count. `names`:
        other fields of /proc/PID/status."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            fields = dict(line.split(":", 1) for line in status)
        return 1024 * sum(int(fields[name].split()[0]) for name in names or ("RssAnon", "RssShmem"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def segments(self, topic, partition=0):
        """The paths of a partition's segments, oldest first."""
        folder = os.path.join(self.data_dir, "topics", f"{topic}-{partition}")
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))
                if name.endswith(".log")]

    # ---- Clients ---------------------------------------------------------------------------------

    def kcat(self, *arguments, data=None):
        """Runs kcat to its end; returns what it printed."""
        done = run(["kcat", "-b", self.kafka, "-X", "check.crcs=true", *arguments], data,
                   stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise AssertionError(f"kcat {arguments} ended with {done.returncode}: "
                                 f"{done.stderr.decode(errors='replace')}")
        return done.stdout

    def duolog(self, *arguments):
        """Runs a client command of the program: duolog("topic", "create", "t")."""
        done = run([program(), *arguments, "-b", self.kafka], stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise AssertionError(f"duolog {arguments} ended with {done.returncode}: "
                                 f"{done.stderr.decode(errors='replace')}")
        return done.stdout

    def create_topic(self, name, partitions=1, **configs):
        settings = [word for key, value in configs.items()
                    for word in ("--config", f"{key.replace('_', '.')}={value}")]
        self.duolog("topic", "create", name, "--partitions", str(partitions), *settings)

    def high_watermark(self, topic, partition=0):
        return self._offset(topic, partition, -1)

    def low_watermark(self, topic, partition=0):
        return self._offset(topic, partition, -2)

    def _offset(self, topic, partition, which):
        found = self.kcat("-Q", "-t", f"{topic}:{partition}:{which}")
        return int(re.search(rb"offset (\d+)", found).group(1))

    def connect(self, port):
        return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)


def lasting_port():
    """A port that no client gets for its own end, so that a server can come back to it."""
    for port in range(21_000, 30_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no port is free")


def until(condition, what):
    """Asks again until `condition` holds: for what nothing announces."""
    end = time.monotonic() + DEADLINE_S
    while not (outcome := condition()):
        if time.monotonic() > end:
            report_hang(what)
            raise AssertionError(f"not within {DEADLINE_S} s: {what}")
        os.sched_yield()
    return outcome


class DuologTest(unittest.TestCase):

    def setUp(self):
        self.scratch = tempfile.mkdtemp(prefix="duolog-test-")
        self.servers = []
        self.failed = False
        self.addCleanup(self._clean)

    def _callTestMethod(self, method):
        try:
            super()._callTestMethod(method)
        except Exception as error:
            self.failed = True
            if is_timeout(error) and not reports:
                report_hang(repr(error))
            raise

    def _clean(self):
        for server in self.servers:
            if server.is_running():
                server.kill()
            if server in RUNNING:
                RUNNING.remove(server)
        if self.failed:
            for server in self.servers:
                if os.path.exists(server.log_path):
                    print(f"---- log of {server.data_dir}\n{server.log_text()[-8000:]}")
        shutil.rmtree(self.scratch, ignore_errors=True)

    def server(self, *options, name="data"):
        """A server that is not started yet."""
        server = Server(os.path.join(self.scratch, name), *options)
        self.servers.append(server)
        return server

    def serve(self, *options, name="data"):
        return self.server(*options, name=name).start()

    def assert_stops_cleanly(self, server):
        self.assertEqual(server.stop(), 0, server.log_text())


def run(command, data=b"", deadline_s=DEADLINE_S, stderr=subprocess.STDOUT):
    """Runs a command to its end, with its output captured."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=stderr) as process:
        try:
            said, complained = process.communicate(data, deadline_s)
        except subprocess.TimeoutExpired:
            report_hang(" ".join(command))
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, said, complained)


def run_program(variable, *arguments, deadline_s=4 * DEADLINE_S):
    """Runs the test program that `variable` names, all of whose work the deadline is for; returns
    (status, what it printed)."""
    done = run([os.environ[variable], *map(str, arguments)], deadline_s=deadline_s)
    return done.returncode, done.stdout.decode(errors="replace")
