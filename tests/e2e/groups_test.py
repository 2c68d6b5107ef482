"""Consumers of librdkafka share a topic as a group, whatever happens to them and to the server."""

import re
import signal
import subprocess
import threading
import time
import unittest

from duolog_server import DEADLINE_S, DuologTest, lasting_port, report_hang

PARTITIONS = 4
REBALANCED = re.compile(r"rebalanced \(memberid \S+\): (assigned|revoked): (.*)")


class Consumer:
    """kcat as a member of a group: what it has read, and which partitions it has."""

    def __init__(self, server, session_ms, group="group"):
        self.process = subprocess.Popen(
            ["kcat", "-E", "-b", server.kafka, "-G", group, "-u",
             "-X", "auto.offset.reset=earliest",
             "-X", f"session.timeout.ms={session_ms}", "-X", "heartbeat.interval.ms=500",
             "-X", "auto.commit.interval.ms=100", "-X", "reconnect.backoff.max.ms=200",
             "-X", "topic.metadata.refresh.interval.ms=1000", "numbers"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.read = []
        self.assigned = 0
        self.assignments = 0
        self.said = []
        self.threads = [threading.Thread(target=self._follow_output, daemon=True),
                        threading.Thread(target=self._follow_errors, daemon=True)]
        for thread in self.threads:
            thread.start()

    def _follow_output(self):
        for line in self.process.stdout:
            self.read.append(int(line))

    def _follow_errors(self):
        for line in self.process.stderr:
            text = line.decode(errors="replace")
            self.said.append(text)
            found = REBALANCED.search(text)
            if found is None:
                continue
            self.assigned = found.group(2).count("[") if found.group(1) == "assigned" else 0
            self.assignments += found.group(1) == "assigned"

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait(DEADLINE_S)
        for thread in self.threads:
            thread.join(DEADLINE_S)
        self.process.stdout.close()
        self.process.stderr.close()


class GroupsTest(DuologTest):

    def setUp(self):
        super().setUp()
        self.consumers = []
        self.count = 0

    def tearDown(self):
        for consumer in self.consumers:
            if consumer.process.poll() is None:
                consumer.end(signal.SIGKILL)
        super().tearDown()

    def consumer(self, server, session_ms=6_000):
        self.consumers.append(Consumer(server, session_ms))
        return self.consumers[-1]

    def until(self, condition, what):
        """Waits, as long as the consumers read or say something."""
        progress, end = None, 0
        while not condition():
            now = [(len(one.read), len(one.said)) for one in self.consumers]
            if now != progress:
                progress, end = now, time.monotonic() + DEADLINE_S
            if time.monotonic() > end:
                report_hang(what)
                said = [consumer.said[-5:] for consumer in self.consumers]
                self.fail(f"{what}; {said}")
            time.sleep(0.02)

    def produce(self, server, count=200):
        numbers = range(self.count, self.count + count)
        self.count += count
        for partition in range(PARTITIONS):
            part = b"".join(b"%d\n" % n for n in numbers if n % PARTITIONS == partition)
            server.kcat("-P", "-t", "numbers", "-p", str(partition), data=part)

    def until_all_is_read(self):
        def unread():
            return set(range(self.count)) - {n for one in self.consumers for n in list(one.read)}
        self.until(lambda: not unread(), "some records were read by nobody")

    def start(self, server):
        return server.start("--shards", "2", "--group-initial-rebalance-delay-ms", "100")

    def until_shared(self, *consumers):
        self.until(lambda: all(one.assigned == PARTITIONS // len(consumers) for one in consumers),
                   "the partitions are not shared")

    def test_members_come_leave_and_die(self):
        server = self.start(self.server())
        server.duolog("topic", "create", "numbers", "--partitions", str(PARTITIONS))
        self.produce(server)
        first = self.consumer(server)
        self.until_shared(first)
        self.until_all_is_read()
        leaving = self.consumer(server)
        self.until_shared(first, leaving)
        self.produce(server)
        self.until_all_is_read()
        self.assertTrue(leaving.read)
        leaving.end(signal.SIGTERM)
        self.until_shared(first)
        dying = self.consumer(server)
        self.until_shared(first, dying)
        dying.end(signal.SIGKILL)
        self.produce(server)
        self.until_shared(first)
        self.until_all_is_read()

    def test_members_go_on_over_a_stop_and_a_kill_of_the_server(self):
        server = self.server()
        server.lasting_kafka_port = lasting_port()
        self.start(server)
        server.duolog("topic", "create", "numbers", "--partitions", str(PARTITIONS))
        # Nobody dies here: a member that a slow machine holds up must not seem to.
        both = [self.consumer(server, session_ms=300_000) for _ in range(2)]
        self.until_shared(*both)
        self.produce(server)
        self.until_all_is_read()
        before = [one.assignments for one in both]
        for end in (server.kill, server.stop, server.kill):
            end()
            self.start(server)
            self.produce(server)
            self.until_all_is_read()
        self.assertEqual([one.assignments for one in both], before, "there was a rebalance")
        self.assertEqual([one.assigned for one in both], [2, 2])


if __name__ == "__main__":
    unittest.main()
