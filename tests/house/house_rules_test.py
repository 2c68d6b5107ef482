"""Tests of the checker: it finds what it is there to find, and lets pass what is right."""

import contextlib
import io
import os
import tempfile
import unittest

import house_rules


def broken(path, text):
    return [message for _, message in house_rules.check_file(path, text)[0]]


class IncludeRules(unittest.TestCase):

    def assert_refused(self, path, include):
        self.assertEqual(len(broken(path, f"#include {include}\n")), 1, (path, include))

    def assert_allowed(self, path, include):
        self.assertEqual(broken(path, f"#include {include}\n"), [], (path, include))

    def test_a_lower_room_may_not_include_a_higher_one(self):
        self.assert_refused("engine/base/x.h", '"storage/disk.h"')
        self.assert_refused("storage/x.h", '"engine/runtime/ring.h"')
        self.assert_refused("engine/runtime/x.cc", '"engine/broker/topic.h"')
        self.assert_refused("engine/broker/x.cc", '"engine/session/kafka/slot.h"')
        self.assert_refused("engine/session/http/x.cc", '"engine/server/config.h"')

    def test_the_rooms_of_the_session_include_one_way(self):
        self.assert_refused("engine/session/http/x.h", '"engine/session/websocket/endpoint.h"')
        self.assert_refused("engine/session/websocket/x.h", '"engine/session/live/shard.h"')
        self.assert_refused("engine/session/websocket/x.h", '"engine/broker/topic.h"')
        self.assert_refused("engine/session/feed/x.h", '"engine/session/push/batch.h"')
        self.assert_refused("engine/session/live/x.h", '"engine/session/feed/batch.h"')
        self.assert_refused("engine/session/kafka/x.h", '"engine/session/http/door.h"')
        self.assert_refused("engine/session/push/x.h", '"engine/session/doors/http_port.h"')
        self.assert_allowed("engine/session/doors/x.h", '"engine/session/push/shard.h"')

    def test_every_source_file_is_in_a_room(self):
        self.assert_refused("engine/session/x.cc", "<vector>")

    def test_net_and_storage_do_not_know_each_other(self):
        self.assert_refused("net/kafka/x.cc", '"storage/log.h"')
        self.assert_refused("storage/x.cc", '"net/kafka/wire.h"')

    def test_nothing_includes_tools_bench_or_tests(self):
        for free in ("tools/duolog/command.h", "bench/load.h", "tests/sim/disk.h"):
            self.assert_refused("engine/server/x.cc", f'"{free}"')

    def test_a_higher_room_includes_lower_ones(self):
        self.assert_allowed("storage/x.cc", '"engine/base/bytes.h"')
        self.assert_allowed("engine/broker/x.cc", '"storage/log.h"')
        self.assert_allowed("engine/server/x.cc", '"engine/session/http/door.h"')
        self.assert_allowed("tools/duolog/x.cc", '"engine/server/config.h"')
        self.assert_allowed("tests/unit/net/x.cc", '"tests/sim/disk.h"')

    def test_net_and_storage_do_no_io(self):
        self.assert_refused("net/ws/x.cc", "<sys/socket.h>")
        self.assert_refused("net/ws/x.cc", '"engine/base/clock.h"')
        self.assert_refused("storage/x.cc", "<fcntl.h>")
        self.assert_refused("storage/x.cc", "<thread>")
        self.assert_allowed("storage/x.cc", "<sys/uio.h>")
        self.assert_allowed("engine/runtime/x.cc", "<liburing.h>")

    def test_an_include_is_written_from_the_root(self):
        self.assert_refused("storage/x.cc", '"../engine/base/bytes.h"')
        self.assert_refused("storage/x.cc", '"disk.h"')

    def test_spaces_do_not_hide_an_include(self):
        self.assertEqual(len(broken("net/x.h", '  #  include  "storage/log.h"\n')), 1)


class TextRules(unittest.TestCase):

    def test_a_file_may_warn_at_500_lines_and_fails_beyond_600(self):
        self.assertEqual(house_rules.check_file("net/x.cc", "\n" * 500), ([], []))
        self.assertEqual(len(house_rules.check_file("net/x.cc", "\n" * 501)[1]), 1)
        self.assertEqual(broken("net/x.cc", "\n" * 600), [])
        self.assertEqual(len(broken("net/x.cc", "\n" * 601)), 1)

    def test_nothing_unfinished_lands(self):
        for word in ("TO" + "DO", "FIX" + "ME"):
            self.assertEqual(len(broken("net/x.cc", f"// {word}: later\n")), 1)
        self.assertEqual(broken("net/x.cc", "// autoTO" + "DOs\n"), [])

    def test_the_project_speaks_only_of_itself(self):
        self.assertEqual(len(broken("README.md", "see /wo" + "rk/main\n")), 1)
        self.assertEqual(broken("README.md", "see bench/README.md\n"), [])


class Tree(unittest.TestCase):

    def test_a_bad_include_anywhere_below_the_root_is_counted(self):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "net/ws"))
            path = os.path.join(root, "net/ws/x.h")
            for text, count in (('#include "engine/base/bytes.h"\n', 0),
                                ('#include "storage/log.h"\n', 1)):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                with contextlib.redirect_stdout(io.StringIO()) as out:
                    self.assertEqual(house_rules.check_tree(root), count)
            self.assertIn("net/ws/x.h:1: net may not include storage", out.getvalue())

    def test_an_empty_tree_does_not_pass(self):
        with tempfile.TemporaryDirectory() as root, contextlib.redirect_stdout(io.StringIO()):
            self.assertNotEqual(house_rules.check_tree(root), 0)


if __name__ == "__main__":
    unittest.main()
