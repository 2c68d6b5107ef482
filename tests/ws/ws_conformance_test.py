"""The server against RFC 6455 and RFC 7692: the cases of tests/ws, byte for byte, on /v1/echo, and
on the other endpoints those that hold for them. TEST_CASE=WORDS runs only cases with them in the
name.
"""

import itertools
import os
import time
import unittest

import control_cases
import deflate_cases
import framing_cases
import limit_cases
import text_cases
from case import as_feed
from duolog_server import DuologTest

# Counted with all the ways in which what is sent is cut, so that none is lost unnoticed.
CASES = {"echo": 4903, "plain feed": 4093, "push": 514}


class ConformanceTest(DuologTest):

    def setUp(self):
        super().setUp()
        self.running = self.serve("--echo", "true")

    def run_all(self, endpoint, path, cases, lenient=False):
        only = os.environ.get("TEST_CASE", "")
        began, ran, broken = time.monotonic(), 0, []
        for case in cases:
            for how, chop in case.runs():
                title = case.name + how
                if only not in title:
                    continue
                ran += 1
                try:
                    case.run(self.running.http_port, path, chop, lenient)
                except (AssertionError, OSError) as error:
                    broken.append(f"{title}: {error}")
        print(f"{endpoint}: {ran} cases in {time.monotonic() - began:.1f} s, {len(broken)} broken",
              flush=True)
        self.assertEqual(broken, [])
        if not only:
            self.assertEqual(ran, CASES[endpoint])
        self.assert_stops_cleanly(self.running)

    def test_echo(self):
        self.run_all("echo", "/v1/echo", itertools.chain(
            framing_cases.cases(), control_cases.cases(), control_cases.mixed_cases(),
            control_cases.close_and_message_cases(), text_cases.cases(), limit_cases.cases(),
            deflate_cases.cases()))

    def test_plain_feed(self):
        """A subscriber gets what it publishes; what it has published before an error is kept, but
        need not come back before the close frame."""
        self.running.create_topic("t")

        def of_feed(case):
            case.steps = [(sent, list(as_feed(answers))) for sent, answers in case.steps]
            return case
        self.run_all("plain feed", "/v1/topics/t/ws", map(of_feed, itertools.chain(
            framing_cases.cases(), control_cases.cases(), text_cases.cases())), lenient=True)

    def test_push(self):
        self.run_all("push", "/v1/ws", (case for case in control_cases.cases()
                                        if not case.has_messages()))


if __name__ == "__main__":
    unittest.main(verbosity=2)
