"""Who made a topic, as the server's log tells it; and when, with the zone of the time."""

import json
import re
import unittest

from duolog_server import DuologTest, until
from wire import Connection, text

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d (debug|info|warning|error) ")


class ChangeLogTest(DuologTest):

    def setUp(self):
        super().setUp()
        self.server_ = self.serve()

    def await_line(self, pattern):
        """Lines are written by a thread of their own."""
        until(lambda: re.search(pattern, self.server_.log_text()), pattern)

    def test_each_line_has_the_time_and_its_zone(self):
        self.server_.create_topic("t")
        self.await_line("topic 't' created")
        self.assert_stops_cleanly(self.server_)
        lines = self.server_.log_text().splitlines()
        self.assertGreater(len(lines), 3)
        for line in lines:
            self.assertRegex(line, LINE)

    def test_a_kafka_client_is_named_by_its_id_and_its_address(self):
        self.server_.kcat("-P", "-t", "named", "-X", "client.id=desk", data=b"one\n")
        self.await_line(r"topic 'named' created with 1 partition by client 'desk' at 127\.0\.0\.1:\d")
        self.server_.duolog("topic", "create", "made", "--config", "retention.ms=1000")
        self.await_line(r"'made' created with 1 partition, retention\.ms=1000 by client 'duolog' at ")
        self.server_.duolog("topic", "delete", "made")
        self.await_line(r"topic 'made' deleted by client 'duolog' at 127\.0\.0\.1:\d")

    def test_a_websocket_client_is_named_by_its_address(self):
        with Connection(self.server_.http_port, "/v1/topics/feed/ws") as feed:
            port = feed.socket.getsockname()[1]
            self.await_line(rf"topic 'feed' created .* by WebSocket client 127\.0\.0\.1:{port}\n")
        with Connection(self.server_.http_port, "/v1/ws") as push:
            port = push.socket.getsockname()[1]
            push.send(text(json.dumps({"id": 1, "subscribe": {"sid": 1, "topic": "pushed"}})))
            self.await_line(rf"topic 'pushed' created .* by WebSocket client 127\.0\.0\.1:{port}\n")

    def test_what_the_server_makes_for_itself_is_its_own(self):
        self.server_.kcat("-P", "-t", "t", data=b"one\n")
        self.server_.kcat("-G", "readers", "-X", "auto.offset.reset=earliest", "-c", "1", "t")
        self.await_line(r"topic '__consumer_offsets' created with \d+ partitions, .* by the server\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
