"""`duolog consume --push` and `produce --push` with a server: what Kafka clients see, and kills."""

import json
import os
import re
import signal
import subprocess
import unittest

from duolog_server import DEADLINE_S, DuologTest, lasting_port, program, until


class PushTest(DuologTest):

    def push(self, server, *arguments, data=b"", status=0):
        """Runs a command by push; returns (what it printed, what it complained of)."""
        done = subprocess.run([program(), *arguments, "--push", "--http", server.http], input=data,
                              capture_output=True, timeout=DEADLINE_S, check=False)
        complained = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, status, complained)
        return done.stdout, complained

    def lasting_server(self, *options):
        """A server whose push clients find it again after a restart; not started yet."""
        server = self.server(*options)
        server.lasting_http_port = lasting_port()
        return server

    def start_consumer(self, server, *arguments):
        """A consumer that stays, and the file that it prints to."""
        path = os.path.join(self.scratch, "consumed")
        with open(path, "wb") as out, open(path + ".err", "wb") as err:
            consumer = subprocess.Popen(
                [program(), "consume", *arguments, "--push", "--http", server.http], stdout=out,
                stderr=err, stdin=subprocess.DEVNULL)
        self.addCleanup(consumer.wait)
        self.addCleanup(consumer.kill)
        return consumer, path

    def assert_same_records(self, server, *arguments):
        """What push prints is what Kafka prints, partition by partition."""
        def by_partition(said):
            seen = {}
            for line in said.splitlines():
                seen.setdefault(json.loads(line)["partition"], []).append(line)
            return seen
        kafka = by_partition(server.duolog("consume", *arguments, "--exit", "--json"))
        push = by_partition(self.push(server, "consume", *arguments, "--exit", "--json")[0])
        self.assertEqual(push, kafka)
        return sum(len(lines) for lines in kafka.values())


class ConsumeTest(PushTest):

    def test_prints_what_a_kafka_consumer_prints_wherever_it_begins(self):
        server = self.serve("--segment-bytes", "2MiB")
        server.create_topic("t", 3)
        lines = b"".join(b"key%d:%d %s\n" % (n % 50, n, b"\xff" * (n % 7) + b"\xc3\xa4" * (n % 300))
                         for n in range(20_000))
        server.kcat("-P", "-t", "t", "-K:", "-Z", "-H", "a=1", "-H", "b=", "-z", "gzip", data=lines)
        server.kcat("-P", "-t", "t", "-K:", "-Z", data=b"key1:\n:empty key\nkey2:\"quoted\"\\\t\n")
        self.assertEqual(self.assert_same_records(server, "t"), 20_003)
        self.assertEqual(self.assert_same_records(server, "t", "-o", "-10"), 30)
        self.assertEqual(self.assert_same_records(server, "t", "-o", "latest"), 0)
        self.assertGreater(self.assert_same_records(server, "t", "-o", "1000"), 10_000)
        self.assertGreater(self.assert_same_records(server, "t", "-o", "1000", "-p", "2"), 3000)
        self.assertGreater(self.assert_same_records(server, "t", "-p", "0", "-p", "2"), 6000)

    def test_says_what_is_not_there(self):
        server = self.serve("--auto-create-topics", "false")
        server.create_topic("t")
        _, complained = self.push(server, "consume", "wrong", "-e", status=1)
        self.assertIn("topic 'wrong': no such topic", complained)
        _, complained = self.push(server, "consume", "t", "-e", "-o", "5", status=1)
        self.assertIn("that offset is not in the log", complained)
        _, complained = self.push(server, "consume", "t", "-e", "-p", "7", status=1)
        self.assertIn("topic 't'", complained)

    def test_every_record_comes_once_over_kills_of_the_server(self):
        server = self.lasting_server("--segment-bytes", "2MiB").start()
        server.create_topic("t", 2)
        consumer, path = self.start_consumer(server, "t", "-f", "{partition} {offset} {value}\\n")
        for kill in range(5):
            lines = b"".join(b"%d %d %s\n" % (kill, n, b"." * 100) for n in range(5000))
            self.push(server, "produce", "t", data=lines)
            # And one that is being written to when the server goes.
            producer = subprocess.Popen(
                [program(), "produce", "t", "--push", "--http", server.http],
                stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
            try:
                producer.stdin.write(lines * 4)
                server.kill()
                producer.stdin.close()
            except BrokenPipeError:
                pass
            self.assertEqual(producer.wait(DEADLINE_S), 1)
            server.start()
        written = server.kcat("-C", "-t", "t", "-e", "-q", "-f", "%p %o %s\n").splitlines()
        self.assertGreaterEqual(len(written), 25_000)

        def read():
            with open(path, "rb") as file:
                return file.read().splitlines()
        until(lambda: len(read()) >= len(written), "the consumer to have read everything")
        seen = read()
        for partition in (b"0 ", b"1 "):
            self.assertEqual([line for line in seen if line.startswith(partition)],
                             [line for line in written if line.startswith(partition)])
        consumer.send_signal(signal.SIGINT)
        self.assertEqual(consumer.wait(DEADLINE_S), 0)

    def test_what_retention_took_meanwhile_is_told(self):
        server = self.lasting_server("--segment-bytes", "2MiB",
                                     "--log-retention-check-interval-ms", "50").start()
        server.create_topic("t", retention_bytes="1048576")
        self.push(server, "produce", "t", data=b"first\n")
        consumer, path = self.start_consumer(server, "t", "-f", "{offset}\\n", "--fail-on-gap",
                                             "-c", "20")
        until(lambda: os.path.getsize(path) > 0, "the first record")
        consumer.send_signal(signal.SIGSTOP)
        server.kill()
        server.start()
        values = b"".join(b"%d %s\n" % (n, b"." * 10_000) for n in range(1000))
        self.push(server, "produce", "t", data=values)

        def start():
            found = server.kcat("-Q", "-t", "t:0:-2")
            return int(re.search(rb"offset (\d+)", found).group(1))
        until(lambda: start() > 10, "old segments to go")
        consumer.send_signal(signal.SIGCONT)
        self.assertEqual(consumer.wait(DEADLINE_S), 1)
        with open(path, encoding="ascii") as file:
            offsets = [int(line) for line in file]
        self.assertEqual(offsets[:1] + offsets[1:], [0, *range(offsets[1], offsets[1] + 19)])
        self.assertGreater(offsets[1], 10)
        with open(path + ".err", encoding="utf-8") as file:
            self.assertIn(f"offsets 1 to {offsets[1] - 1} are missing", file.read())

    def test_does_not_go_on_in_another_topic_of_the_same_name(self):
        server = self.lasting_server().start()
        server.create_topic("t")
        self.push(server, "produce", "t", data=b"a\nb\n")
        consumer, path = self.start_consumer(server, "t")
        until(lambda: os.path.getsize(path) > 2, "the first records")
        consumer.send_signal(signal.SIGSTOP)
        server.kill()
        server.start()
        server.duolog("topic", "delete", "t")
        server.create_topic("t")
        self.push(server, "produce", "t", data=b"c\nd\ne\n")
        consumer.send_signal(signal.SIGCONT)
        self.assertEqual(consumer.wait(DEADLINE_S), 1)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"a\nb\n")


class ProduceTest(PushTest):

    def test_kafka_consumers_read_what_it_wrote_where_keys_belong(self):
        server = self.serve()
        server.create_topic("push", 4)
        server.create_topic("kafka", 4)
        lines = b"".join(b"key%d:%d \xc3\xa4 \"\\ \xff\n" % (n % 40, n) for n in range(5000))
        _, said = self.push(server, "produce", "push", "-K", ":", "-H", "a=1", data=lines)
        self.assertEqual(said, "5000 records written to topic push\n")
        server.kcat("-P", "-t", "kafka", "-K:", "-H", "a=1", "-X",
                    "topic.partitioner=murmur2_random", data=lines)
        for partition in range(4):
            read = ["-C", "-e", "-q", "-p", str(partition), "-f", "%o %k %s %h\n", "-t"]
            self.assertEqual(server.kcat(*read, "push"), server.kcat(*read, "kafka"))

    def test_each_acks_writes_every_line(self):
        server = self.serve()
        server.create_topic("t")
        lines = b"".join(b"%d\n" % n for n in range(3000))
        for acks in ("0", "1", "all"):
            self.push(server, "produce", "t", "--acks", acks, data=lines)
        self.assertEqual(server.kcat("-C", "-t", "t", "-e", "-q"), 3 * lines)
        self.push(server, "produce", "t", "-Z", "-k", "k", data=b"\nlast")
        said = server.kcat("-C", "-t", "t", "-e", "-q", "-o", "9000", "-Z", "-f", "%k=%s\n")
        self.assertEqual(said, b"k=NULL\nk=last\n")

    def test_says_what_was_not_written(self):
        server = self.serve("--auto-create-topics", "false")
        server.create_topic("t", max_message_bytes="1000")
        _, complained = self.push(server, "produce", "wrong", data=b"a\n", status=1)
        self.assertIn("topic 'wrong': 0 written, 1 failed", complained)
        _, complained = self.push(server, "produce", "t", data=b"x" * 5000, status=1)
        self.assertIn("topic 't': 0 written, 1 failed", complained)
        _, complained = self.push(server, "produce", "t", "-p", "3", data=b"a\n", status=1)
        self.assertIn("0 written, 1 failed", complained)


if __name__ == "__main__":
    unittest.main(verbosity=2)
