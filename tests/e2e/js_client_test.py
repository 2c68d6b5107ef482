"""tools/sdk/js/duolog.js, the client that pages copy, in Node: with scripts and with a server."""

import asyncio
import json
import os
import unittest

from duolog_server import DEADLINE_S, DuologTest, lasting_port
from push_scripts import TOPIC_ID, ScriptedServer, position, records, subscribed

DRIVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "js_driver.mjs")


class JsClient:
    """js_driver.mjs: `async with JsClient(http) as client:`."""

    def __init__(self, http):
        self.url = f"ws://{http}/v1/ws"

    async def __aenter__(self):
        # Debian keeps its modules where only its own node looks for them.
        self.process = await asyncio.create_subprocess_exec(
            "node", DRIVER, self.url, env=dict(os.environ, NODE_PATH="/usr/share/nodejs"),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 24)
        return self

    async def __aexit__(self, kind, error, trace):
        self.process.stdin.close()
        if kind is not None:
            self.process.kill()
        await asyncio.wait_for(self.process.wait(), DEADLINE_S)

    def do(self, name, argument):
        self.process.stdin.write(json.dumps({name: argument}).encode() + b"\n")

    async def next(self):
        """The next thing that happens."""
        line = await asyncio.wait_for(self.process.stdout.readline(), DEADLINE_S)
        if not line:
            raise AssertionError("the client ended")
        return json.loads(line)

    async def event(self, name):
        """The next thing that is called so; what is called otherwise is passed over."""
        while name not in (said := await self.next()):
            pass
        return said[name]

    async def event_is(self, name, wanted):
        while await self.event(name) != wanted:
            pass

    async def state(self, wanted):
        await self.event_is("state", wanted)


class ScriptedTest(unittest.IsolatedAsyncioTestCase):

    async def test_goes_on_where_it_was_and_says_what_proves_it(self):
        asked = []

        async def first(peer):
            asked.append(await peer.hear("subscribe"))
            # Records need not wait for the reply.
            await peer.say(records(0, 0, ["a", "b"], epoch=4))
            await peer.say(subscribed(asked[0], {"0": position(0, 3), "1": position(5, 5)}))
            peer.socket.transport.abort()

        async def second(peer):
            asked.append(await peer.hear("subscribe"))
            await peer.say(subscribed(asked[1], {"0": position(2, 3), "1": position(5, 5)},
                                      recovered=True), records(0, 2, ["c"]))

        async with ScriptedServer([first, second]) as server, JsClient(server.http) as client:
            client.do("subscribe", {"topic": "t", "from": "-2"})
            seen = [await client.event("record") for _ in range(3)]
            client.do("place", 1)
            place = await client.event("place")
        self.assertEqual([(r["offset"], r["value"]) for r in seen],
                         [("0", "a"), ("1", "b"), ("2", "c")])
        self.assertEqual(asked[0], {**asked[0], "topic": "t", "from": "-2"})
        proof = {"topic_id": TOPIC_ID, "epoch": 4, "positions": {"0": "2", "1": "5"}}
        self.assertEqual(asked[1], {**asked[1], **proof, "from": "earliest"})
        self.assertEqual(place, {**proof, "positions": {"0": "3", "1": "5"}})

    async def test_a_place_is_where_another_client_goes_on(self):
        place = {"topic_id": TOPIC_ID, "epoch": 4, "positions": {"0": "7"}}
        asked = []

        async def script(peer):
            asked.append(await peer.hear("subscribe"))
            await peer.say(subscribed(asked[0], {"0": position(7, 8)}, recovered=True),
                           {"gap": {"sid": 1, "partition": 0, "from": "7", "to": "9",
                                    "reason": "retention"}})
            await peer.hear("unsubscribe")

        async with ScriptedServer([script]) as server, JsClient(server.http) as client:
            client.do("subscribe", {"topic": "t", "place": place})
            self.assertEqual((await client.event("gap"))["to"], "9")
            client.do("place", 1)
            self.assertEqual((await client.event("place"))["positions"], {"0": "9"})
            client.do("unsubscribe", 1)
        self.assertEqual(asked[0], {**asked[0], **place})

    async def test_bytes_go_out_and_come_in_as_bytes(self):
        asked = []

        async def script(peer):
            await peer.say(subscribed(await peer.hear("subscribe"), {"0": position(0, 1)}), records(
                0, 0, [{"key_b64": "/w==", "value": None,
                        "headers": [["n", None], ["b", {"v_b64": "AP8="}], ["t", "x"]]}]))
            asked.append(await peer.hear("publish"))
            await peer.say({"id": asked[0]["id"], "published": {
                "stage": "durable", "items": [{"partition": 3, "offset": "9007199254740993"}]}})

        async with ScriptedServer([script]) as server, JsClient(server.http) as client:
            client.do("subscribe", {"topic": "t"})
            record = await client.event("record")
            client.do("publish", {"topic": "t", "records": [
                {"key": "k", "value": {"bytes": [0, 255]}, "partition": 3,
                 "headers": [["b", {"bytes": [255]}], ["n", None]]}]})
            published = await client.event("published")
        self.assertEqual(
            {name: record[name] for name in ("topic", "partition", "key", "value", "headers")},
            {"topic": "t", "partition": 0, "key": {"bytes": [255]}, "value": None,
             "headers": [["n", None], ["b", {"bytes": [0, 255]}], ["t", "x"]]})
        self.assertEqual(asked[0]["records"], [
            {"key": "k", "value_b64": "AP8=", "partition": 3,
             "headers": [["b", {"v_b64": "/w=="}], ["n", None]]}])
        self.assertEqual(asked[0]["ack"], "durable")
        self.assertEqual(published, [{"partition": 3, "offset": "9007199254740993"}])

    async def test_a_publish_whose_answer_is_lost_says_so_and_one_without_a_connection_waits(self):
        async def dies(peer):
            await peer.hear("publish")
            peer.socket.transport.abort()

        async def answers(peer):
            for answer in ({"published": {"stage": "durable",
                                          "items": [{"partition": 0, "offset": "5"}]}},
                           {"error": {"code": 103, "message": "no", "temporary": False}}):
                await peer.say({"id": (await peer.hear("publish"))["id"], **answer})

        async with ScriptedServer([dies, answers]) as server, JsClient(server.http) as client:
            publish = {"topic": "t", "records": [{"value": "a"}]}
            client.do("publish", publish)  # before there is a connection
            self.assertTrue((await client.event("failed"))["lost"])
            client.do("publish", publish)  # again before there is one
            self.assertEqual((await client.event("published"))[0]["offset"], "5")
            client.do("publish", publish)
            self.assertEqual((await client.event("failed"))["code"], 103)

    async def test_comes_back_after_a_bye_or_silence_and_not_when_told_not_to(self):
        async def draining(peer):
            await peer.say({"bye": {"code": 4503, "reason": "draining", "reconnect": True,
                                    "after_ms": 10}})
            await peer.socket.close(4503, "draining")

        async def silent(peer):
            await peer.socket.wait_closed()

        async def expelling(peer):
            await peer.say({"bye": {"code": 4503, "reason": "for good", "reconnect": False,
                                    "after_ms": 0}})
            await peer.socket.close(4503, "for good")

        silent.heartbeat_ms = 50
        async with ScriptedServer([draining, silent, expelling]) as server, \
                JsClient(server.http) as client:
            for state in ("waiting", "open", "waiting", "open", "closed"):
                await client.state(state)
            client.do("publish", {"topic": "t", "records": [{"value": "a"}]})
            self.assertEqual((await client.event("failed"))["message"], "the client is closed")

    async def test_a_paused_subscription_comes_back_when_it_is_resumed(self):
        async def first(peer):
            command = await peer.hear("subscribe")
            await peer.say(subscribed(command, {"0": position(7, 9)}))
            await peer.hear("pause")
            peer.socket.transport.abort()

        async def second(peer):
            await peer.hear("publish")  # and no subscribe before it
            command = await peer.hear("subscribe")
            self.assertEqual(command["positions"], {"0": "7"})
            await peer.say(subscribed(command, {"0": position(7, 9)}, recovered=True))
            for name in ("pause", "resume"):
                await peer.hear(name)
            await peer.say(records(0, 7, ["on"]))

        async with ScriptedServer([first, second]) as server, JsClient(server.http) as client:
            client.do("subscribe", {"topic": "t"})
            await client.event_is("turned", "live")
            client.do("pause", 1)
            await client.state("waiting")
            client.do("publish", {"topic": "t", "records": [{"value": "a"}]})
            await client.state("open")
            client.do("resume", 1)
            await client.event_is("turned", "live")
            client.do("pause", 1)
            client.do("resume", 1)
            self.assertEqual((await client.event("record"))["value"], "on")

    async def test_a_reader_with_credit_asks_for_more_and_sees_how_far_the_log_goes(self):
        async def script(peer):
            command = await peer.hear("subscribe")
            self.assertEqual(command["credit"], {"records": 2})
            await peer.say(subscribed(command, {"0": position(0, 3)}), records(0, 0, ["a", "b"]))
            self.assertEqual((await peer.hear("credit"))["records"], 5)
            await peer.say({"hb": {"positions": {"1": {"0": {"next": "2", "end": "12"}}}}},
                           records(0, 2, ["c"]))

        async with ScriptedServer([script]) as server, JsClient(server.http) as client:
            client.do("subscribe", {"topic": "t", "credit": {"records": 2}})
            await client.event_is("turned", "live")
            client.do("more", [1, {"records": 5}])
            while (await client.event("record"))["value"] != "c":
                pass
            client.do("progress", 1)
            self.assertEqual(await client.event("progress"), {"0": {"next": "3", "end": "12"}})

    async def test_what_is_refused_for_now_is_asked_for_again_on_the_same_connection(self):
        async def script(peer):
            command = await peer.hear("subscribe")
            await peer.say({"id": command["id"], "error": {
                "code": 100, "message": "not now", "temporary": True}})
            command = await peer.hear("subscribe")
            await peer.say(subscribed(command, {"0": position(0, 0)}))

        async with ScriptedServer([script]) as server, JsClient(server.http) as client:
            client.do("subscribe", {"topic": "t"})
            for turned in ("opening", "waiting", "opening", "live"):
                self.assertEqual(await client.event("turned"), turned)

    async def test_a_publish_that_does_not_wait_fails_without_a_connection(self):
        async with JsClient(f"127.0.0.1:{lasting_port()}") as client:
            publish = {"topic": "t", "records": [{"value": "a"}], "wait": False}
            for _ in range(2):
                await client.state("waiting")
                client.do("publish", publish)
                self.assertEqual((await client.event("failed"))["message"],
                                 "there is no connection")

    async def test_a_subscription_that_ends_tells(self):
        async def script(peer):
            command = await peer.hear("subscribe")
            await peer.say({"id": command["id"], "error": {
                "code": 102, "message": "unknown topic", "temporary": False}})
            await peer.say(subscribed(await peer.hear("subscribe"), {"0": position(0, 0)}),
                           {"unsub": {"sid": 2, "code": 102, "reason": "topic deleted"}})

        async with ScriptedServer([script]) as server, JsClient(server.http) as client:
            client.do("subscribe", {"topic": "wrong"})
            self.assertEqual((await client.event("ended"))["message"], "unknown topic")
            client.do("subscribe", {"topic": "t"})
            self.assertEqual((await client.event("ended"))["message"], "topic deleted")


class ServerTest(DuologTest, unittest.IsolatedAsyncioTestCase):

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)  # it reports whatever takes long

    async def test_what_is_published_comes_back_over_kills_of_the_server_once_each(self):
        server = self.server()
        server.lasting_http_port = lasting_port()
        server.start()
        server.create_topic("t", 3)
        async with JsClient(server.http) as client:
            client.do("subscribe", {"topic": "t", "from": "earliest"})
            values, seen, places = [], [], []
            for kill in range(3):
                for number in range(50):
                    values.append(f"{kill} {number}")
                    client.do("publish", {"topic": "t", "records": [
                        {"key": values[-1], "value": values[-1]}]})
                    while len(seen) < len(values) or len(places) < len(values):
                        said = await client.next()
                        seen += [said["record"]] if "record" in said else []
                        places += said.get("published", [])
                server.kill()
                await client.state("waiting")
                server.start()
                await client.state("open")
        self.assertEqual([record["value"] for record in seen], values)
        self.assertEqual([record["key"] for record in seen], values)
        # What was acked is read at the offset that the ack named.
        self.assertEqual([{"partition": record["partition"], "offset": record["offset"]}
                          for record in seen], places)


if __name__ == "__main__":
    unittest.main(verbosity=2)
