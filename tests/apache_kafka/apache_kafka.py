"""An Apache Kafka beside Duolog: the broker that Duolog is compared with, and Kafka's own tools.

Everything comes from Maven, once, into build/apache-kafka; `jars()` is the class path of what is
there. A broker has one node, replication factors of 1, and no delay before a group's first
generation, as Duolog has in the tests.
"""

import base64
import os
import signal
import socket
import subprocess
import time
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIBS = os.path.join(ROOT, "build", "apache-kafka")
FETCH_S = 600
DEADLINE_S = 120

SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={directory}/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""


def jars():
    """Fetches what is missing; returns the class path."""
    done = os.path.join(LIBS, "complete")
    pom = os.path.join(ROOT, "tests", "apache_kafka", "pom.xml")
    if not os.path.exists(done) or os.path.getmtime(done) < os.path.getmtime(pom):
        subprocess.run(["mvn", "--quiet", "--batch-mode", "--file", pom,
                        "dependency:copy-dependencies", f"-DoutputDirectory={LIBS}"],
                       check=True, timeout=FETCH_S)
        with open(done, "w", encoding="ascii"):
            pass
    return os.path.join(LIBS, "*")


def java(main, *arguments, heap="256m"):
    """The command that runs a class of Kafka's: java("kafka.Kafka", "server.properties")."""
    return ["java", f"-Xmx{heap}", "-XX:TieredStopAtLevel=1", "-cp", jars(), main, *arguments]


def free_ports(count):
    """Ports that nobody listens on now. Kafka's advertised address has to be known beforehand."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class ApacheKafka:
    """One broker on a directory of its own."""

    def __init__(self, directory, *settings):
        self.directory = directory
        self.port, controller = free_ports(2)
        self.log_path = os.path.join(directory, "kafka.log")
        self.process = None
        os.makedirs(directory, exist_ok=True)
        self.properties = os.path.join(directory, "server.properties")
        with open(self.properties, "w", encoding="ascii") as file:
            file.write(SETTINGS.format(port=self.port, controller=controller, directory=directory))
            file.writelines(line + "\n" for line in settings)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        """Starts it, and waits until it takes connections."""
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        with open(self.log_path, "ab") as log:
            subprocess.run(java("kafka.tools.StorageTool", "format", "--standalone", "-t", cluster,
                                "-c", self.properties),
                           stdout=log, stderr=log, check=True, timeout=DEADLINE_S)
            # In the directory: it writes logs where it runs.
            self.process = subprocess.Popen(java("kafka.Kafka", self.properties, heap="1g"),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.directory)
        end = time.monotonic() + DEADLINE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    with open(self.log_path, encoding="utf-8", errors="replace") as log:
                        raise AssertionError(
                            f"Kafka does not start:\n{log.read()[-4000:]}") from None
                time.sleep(0.1)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
