"""`duolog consume --push` and `produce --push` against servers that say what a test wants.

push_tools_test.py has the real one.
"""

import asyncio
import json
import os
import signal
import unittest

from duolog_server import DEADLINE_S, program
from push_scripts import TOPIC_ID, ScriptedServer, position, records, subscribed


class ScriptedTest(unittest.IsolatedAsyncioTestCase):

    async def play(self, scripts, *arguments, data=b""):
        """Runs the program against the scripts, one a connection; returns what came of it."""
        async with ScriptedServer(scripts) as server:
            process = await asyncio.create_subprocess_exec(
                program(), *arguments, "--push", "--http", server.http,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE)
            try:
                said, complained = await asyncio.wait_for(process.communicate(data), DEADLINE_S)
            finally:
                if process.returncode is None:
                    process.kill()
        return process.returncode, said.decode(), complained.decode()


class ConsumeTest(ScriptedTest):

    async def test_asks_for_what_the_options_say(self):
        asked = []

        async def script(peer):
            asked.append(await peer.hear("subscribe"))
            await peer.say(subscribed(asked[-1], {"0": position(0, 0)}))

        def offsets(script):
            async def with_offsets(peer):
                question = await peer.hear("offsets")
                self.assertEqual(question["topic"], "t")
                await peer.say({"id": question["id"], "offsets": {
                    "topic": "t", "topic_id": TOPIC_ID,
                    "positions": {"0": position(0, 0), "1": position(0, 0)}}})
                await script(peer)
            return with_offsets

        await self.play([script], "consume", "t", "--exit")
        await self.play([script], "consume", "t", "--exit", "-o", "-7", "-p", "2")
        await self.play([script], "consume", "t", "--exit", "-o", "55", "-p", "0", "-p", "3")
        await self.play([offsets(script)], "consume", "t", "--exit", "-o", "55")
        for command in asked:
            self.assertEqual((command.pop("sid"), command.pop("topic")), (1, "t"))
            del command["id"]
        self.assertEqual(asked, [{"from": "earliest"}, {"from": "-7", "partitions": [2]},
                                 {"positions": {"0": "55", "3": "55"}},
                                 {"positions": {"0": "55", "1": "55"}, "from": "earliest"}])

    async def test_prints_what_is_pushed_however_it_is_split(self):
        async def script(peer):
            command = await peer.hear("subscribe")
            # Records need not wait for the reply.
            await peer.say(records(0, 7, ["a", {"key": "k", "value_b64": "/w==", "headers": [
                ["h", "1"], ["n", None], ["b", {"v_b64": "/w=="}]]}]))
            await peer.say(subscribed(command, {"0": position(7, 9), "1": position(4, 5)}),
                           records(1, 4, [None]))

        status, said, complained = await self.play([script], "consume", "t", "--exit", "--json")
        self.assertEqual((status, complained), (0, ""))
        seen = [json.loads(line) for line in said.splitlines()]
        self.assertEqual([(r["partition"], r["offset"], r["key"]) for r in seen],
                         [(0, 7, None), (0, 8, "k"), (1, 4, None)])
        self.assertEqual(seen[0]["value"], "a")
        self.assertEqual(seen[1]["value_b64"], "/w==")
        self.assertEqual(seen[1]["headers"],
                         [{"k": "h", "v": "1"}, {"k": "n", "v": None}, {"k": "b", "v_b64": "/w=="}])
        self.assertIsNone(seen[2]["value"])

    async def test_comes_back_with_what_proves_its_place(self):
        asked = []

        async def first(peer):
            command = await peer.hear("subscribe")
            await peer.say(subscribed(command, {"0": position(0, 3), "1": position(5, 5)}),
                           records(0, 0, ["a", "b"], epoch=4))
            peer.socket.transport.abort()

        async def second(peer):
            asked.append(await peer.hear("subscribe"))
            await peer.say(subscribed(asked[0], {"0": position(2, 3), "1": position(5, 5)},
                                      recovered=True), records(0, 2, ["c"]))

        status, said, complained = await self.play([first, second], "consume", "t", "--exit")
        self.assertEqual((status, said), (0, "a\nb\nc\n"))
        self.assertIn("connection lost", complained)
        self.assertIn("connected again", complained)
        self.assertEqual(asked[0], {**asked[0], "topic_id": TOPIC_ID, "epoch": 4,
                                    "positions": {"0": "2", "1": "5"}, "from": "earliest"})

    async def test_comes_back_after_a_bye_that_says_so_and_only_then(self):
        async def draining(peer):
            await peer.hear("subscribe")
            await peer.say({"bye": {"code": 4503, "reason": "draining", "reconnect": True,
                                    "after_ms": 10}})
            await peer.socket.close(4503, "draining")

        async def served(peer):
            await peer.say(subscribed(await peer.hear("subscribe"), {"0": position(0, 0)}))

        async def expelled(peer):
            await peer.hear("subscribe")
            await peer.say({"bye": {"code": 4401, "reason": "who are you", "reconnect": False,
                                    "after_ms": 0}})
            await peer.socket.close(4401, "who are you")

        def closing(code):
            async def script(peer):
                await peer.hear("subscribe")
                await peer.socket.close(code, "because")
            return script

        for first in draining, closing(4440), closing(4503), closing(1012):
            status, _, complained = await self.play([first, served], "consume", "t", "--exit")
            self.assertEqual(status, 0, complained)
        for first, text in (expelled, "4401 who are you"), (closing(4403), "4403 because"):
            status, _, complained = await self.play([first], "consume", "t")
            self.assertEqual(status, 1)
            self.assertIn(text, complained)

    async def test_comes_back_when_the_server_has_fallen_silent(self):
        async def silent(peer):
            await peer.say(subscribed(await peer.hear("subscribe"), {"0": position(0, 1)}))

        async def talking(peer):
            await peer.say(subscribed(await peer.hear("subscribe"), {"0": position(0, 1)}),
                           records(0, 0, ["a"]))

        silent.heartbeat_ms = 20
        status, said, complained = await self.play([silent, talking], "consume", "t", "--exit")
        self.assertEqual((status, said), (0, "a\n"))
        self.assertIn("silent", complained)

    async def test_tells_of_a_gap_and_fails_when_asked_to(self):
        async def script(peer):
            await peer.say(subscribed(await peer.hear("subscribe"), {"0": position(10, 21)}),
                           {"gap": {"sid": 1, "partition": 0, "from": "10", "to": "20",
                                    "reason": "retention"}}, records(0, 20, ["a"]))

        for more, expected in ((), 0), (("--fail-on-gap",), 1):
            status, said, complained = await self.play([script], "consume", "t", "--exit", *more)
            self.assertEqual((status, said), (expected, "a\n"))
            self.assertIn("partition 0: offsets 10 to 19 are missing: retention", complained)

    async def test_stops_when_it_cannot_go_on_where_it_was(self):
        async def first(peer):
            await peer.say(subscribed(await peer.hear("subscribe"), {"0": position(0, 9)}),
                           records(0, 0, ["a"]))
            peer.socket.transport.abort()

        async def another_topic(peer):
            command = await peer.hear("subscribe")
            await peer.say({"id": command["id"], "error": {
                "code": 113, "message": "another topic has this name", "temporary": False,
                "reason": "epoch_changed", "topic_id": TOPIC_ID[:-1] + "2", "positions": {}}})

        async def deleted(peer):
            await peer.say(subscribed(await peer.hear("subscribe"), {"0": position(0, 9)}),
                           {"unsub": {"sid": 1, "code": 102, "reason": "topic deleted"}})

        status, said, complained = await self.play([first, another_topic], "consume", "t")
        self.assertEqual((status, said), (1, "a\n"))
        self.assertIn("topic 't': another topic has this name (epoch_changed)", complained)
        status, _, complained = await self.play([deleted], "consume", "t")
        self.assertEqual(status, 1)
        self.assertIn("topic deleted", complained)

    async def test_says_what_is_wrong_with_the_topic_or_the_offset(self):
        def refusing(code, message):
            async def script(peer):
                command = await peer.hear("subscribe")
                await peer.say({"id": command["id"], "error": {
                    "code": code, "message": message, "temporary": False}})
            return script

        for code, text in (102, "no such topic"), (112, "that offset is not in the log"), \
                (103, "not for you"):
            status, _, complained = await self.play([refusing(code, "not for you")], "consume", "t",
                                                    "-o", "5", "-p", "0")
            self.assertEqual(status, 1)
            self.assertIn(text, complained)


class ProduceTest(ScriptedTest):

    async def test_sends_what_the_options_say_and_counts_the_acks(self):
        asked = []

        async def script(peer):
            seen = []
            while len(seen) < 4:
                asked.append(await peer.hear("publish"))
                published = [{"partition": 1, "offset": "0"}] * len(asked[-1]["records"])
                seen += published
                await peer.say({"id": asked[-1]["id"],
                                "published": {"stage": "durable", "items": published}})

        status, _, complained = await self.play(
            [script], "produce", "t", "-K", ":", "-H", "a=1", "-H", b"b=\xff", "-p", "1", "-Z",
            data=b"k:v\nplain\nx:\n\xff\xfe")
        self.assertEqual((status, complained), (0, "4 records written to topic t\n"))
        self.assertEqual((asked[0]["topic"], asked[0]["ack"]), ("t", "durable"))
        common = {"partition": 1, "headers": [["a", "1"], ["b", {"v_b64": "/w=="}]]}
        self.assertEqual([record for command in asked for record in command["records"]], [
            {"key": "k", "value": "v", **common}, {"value": "plain", **common},
            {"key": "x", "value": None, **common}, {"value_b64": "//4=", **common}])

    async def test_waits_for_the_stage_that_was_asked_for(self):
        async def appended(peer):
            command = await peer.hear("publish")
            self.assertEqual(command["ack"], "appended")
            await peer.say({"id": command["id"], "published": {
                "stage": "appended", "items": [{"partition": 0, "offset": "0"}]}})

        async def unanswered(peer):
            command = await peer.hear("publish")
            self.assertEqual(command["ack"], "none")

        status, _, complained = await self.play([appended], "produce", "t", "-a", "1", data=b"a")
        self.assertEqual((status, complained), (0, "1 record written to topic t\n"))
        status, _, complained = await self.play([unanswered], "produce", "t", "-a", "0", data=b"a")
        self.assertEqual((status, complained), (0, "1 record sent to topic t\n"))

    async def test_says_what_failed(self):
        async def one_of_two(peer):
            command = await peer.hear("publish")
            await peer.say({"id": command["id"], "published": {"stage": "durable", "items": [
                {"partition": 0, "offset": "5"},
                {"partition": 1, "error": {"code": 106, "message": "too large",
                                           "temporary": False}}]}})

        async def no_topic(peer):
            command = await peer.hear("publish")
            await peer.say({"id": command["id"], "error": {
                "code": 102, "message": "unknown topic 't'", "temporary": False}})

        async def dies(peer):
            await peer.hear("publish")
            peer.socket.transport.abort()

        async def closes_badly(peer):
            await peer.socket.close(4404, "topic deleted")

        for script, more, text in (
                (one_of_two, (), "topic 't': 1 written, 1 failed: too large"),
                (no_topic, (), "0 written, 2 failed: unknown topic 't'"),
                (dies, (), "0 written, 2 failed"),
                (closes_badly, ("-a", "0"), "4404")):
            status, _, complained = await self.play([script], "produce", "t", *more, data=b"a\nb\n")
            self.assertEqual(status, 1)
            self.assertIn(text, complained)

    async def test_refuses_what_does_not_fit_into_a_message(self):
        async def script(peer):
            await peer.socket.wait_closed()

        status, _, complained = await self.play([script], "produce", "t", data=b"x" * 5000)
        self.assertEqual(status, 1)
        self.assertIn("does not fit into a message of 4096 bytes", complained)

    async def test_gives_up_when_no_answer_comes(self):
        async def script(peer):
            await peer.hear("publish")

        status, _, complained = await self.play([script], "produce", "t", "--timeout", "1",
                                                data=b"a")
        self.assertEqual(status, 1)
        self.assertIn("no answer from 127.0.0.1:", complained)

    async def test_keeps_a_bounded_amount_in_flight(self):
        async def script(peer):
            held, seen = [], 0
            while seen < 40_000:
                before = len(held)
                await (await peer.socket.ping())  # which it answers between two publishes
                while peer.socket.messages:
                    held.append(await peer.hear("publish"))
                self.assertLessEqual(sum(len(json.dumps(c["records"])) for c in held), 1.5 * 2**20)
                if len(held) > before:
                    continue  # only when no more comes is anything answered
                for command in held:
                    seen += len(command["records"])
                    await peer.say({"id": command["id"], "published": {
                        "stage": "durable",
                        "items": [{"partition": 0, "offset": "0"}] * len(command["records"])}})
                held = []

        lines = b"".join(b"%d %s\n" % (n, b"x" * 50) for n in range(40_000))
        status, _, complained = await self.play([script], "produce", "t", data=lines)
        self.assertEqual((status, complained), (0, "40000 records written to topic t\n"))


class InterruptTest(ScriptedTest):

    async def test_ctrl_c_ends_it_as_if_it_were_done(self):
        async def first(peer):
            await peer.say(subscribed(await peer.hear("subscribe"), {"0": position(0, 0)}))
            os.kill(int(await asyncio.to_thread(self.child)), signal.SIGINT)

        status, _, _ = await self.play([first], "consume", "t")
        self.assertEqual(status, 0)

    async def test_ctrl_c_ends_it_while_it_waits_for_an_answer(self):
        async def first(peer):
            await peer.say(subscribed(await peer.hear("subscribe"), {"0": position(0, 0)}))
            peer.socket.transport.abort()

        async def second(_):
            os.kill(int(await asyncio.to_thread(self.child)), signal.SIGINT)
        second.ignores_hello = True

        status, _, _ = await self.play([first, second], "consume", "t", "--timeout", "3600")
        self.assertEqual(status, 0)

    @staticmethod
    def child():
        with open(f"/proc/{os.getpid()}/task/{os.getpid()}/children", encoding="ascii") as children:
            return children.read().split()[-1]


if __name__ == "__main__":
    unittest.main(verbosity=2)
