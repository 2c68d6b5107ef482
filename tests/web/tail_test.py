"""The page's tail and its publishing, in a browser, against a server and Kafka's clients."""

import asyncio
import json
import unittest

from kafka.admin import KafkaAdminClient, NewPartitions

from duolog_server import lasting_port, until
from page import PageTest


class FirstRecordTest(PageTest):

    async def test_an_empty_server_says_how_to_write_the_first_record(self):
        server = self.serve()
        await self.open(server)
        command = await self.browser.text("#first-kafka")
        self.assertEqual(command, f"echo 'hello' | kcat -P -b {server.kafka} -t greetings")
        shell = await asyncio.create_subprocess_shell(command)
        self.assertEqual(await shell.wait(), 0)
        self.assertEqual(await self.values(1), ["hello"])
        self.assertEqual(await self.browser.text("#tail-title"), "greetings")
        self.assert_no_problems()

    async def test_the_first_record_can_be_written_from_the_page(self):
        server = self.serve()
        await self.open(server)
        await self.browser.click("#first-form button")
        self.assertEqual(await self.values(1), ["hello"])
        self.assertEqual(server.kcat("-C", "-t", "greetings", "-e", "-q"), b"hello\n")
        self.assert_no_problems()

    async def test_a_server_that_makes_no_topics_says_so(self):
        server = self.serve("--auto-create-topics", "false")
        await self.open(server)
        await self.browser.click("#first-form button")
        await self.browser.until("document.getElementById('first-outcome').innerText !== ''")
        self.assertIn("unknown topic", await self.browser.text("#first-outcome"))
        self.assert_no_problems()


class TopicsTest(PageTest):

    async def test_topics_are_shown_with_offsets_and_rates(self):
        server = self.serve()
        server.create_topic("empty")
        server.create_topic("numbers", 2)
        await self.write(server, "numbers", [b"%d" % i for i in range(1234)])
        await self.open(server)
        row = "document.querySelector('#topics tr[data-name=numbers]')"
        self.assertEqual(await self.browser.run(f"{row}.cells[4].innerText"), "1,234")
        self.assertEqual(await self.browser.run(f"{row}.cells[0].innerText.replace(/\\s+/g, ' ')"),
                         "numbers × 2")
        await self.write(server, "numbers", [b"%d" % i for i in range(500)])
        await self.browser.until(f"{row}.cells[4].innerText === '1,734'")
        # The rate of the second in which they came is a number, and in the sparkline.
        await self.browser.until(f"{row}.querySelector('.line').getAttribute('d').length > 0")
        self.assert_no_problems()

    async def test_internal_topics_are_shown_when_asked_for(self):
        server = self.serve("--offsets-topic-num-partitions", "2")
        await self.write(server, "t", [b"x"])
        server.kcat("-G", "readers", "-X", "auto.offset.reset=earliest", "-c", "1", "t")
        await self.open(server, "t")
        names = "[...document.querySelectorAll('#topics .topic')].map((e) => e.innerText)"
        self.assertEqual(await self.browser.run(names), ["t"])
        await self.browser.click("#show-internal")
        self.assertEqual(await self.browser.run(names), ["__consumer_offsets", "t"])
        self.assert_no_problems()

    async def test_choosing_another_topic_tails_that_one(self):
        server = self.serve()
        await self.write(server, "one", [b"first"])
        await self.write(server, "two", [b"second"])
        await self.open(server, "one")
        self.assertEqual(await self.values(1), ["first"])
        await self.browser.click("#topics tr[data-name=two]")
        await self.browser.until("document.querySelector('.layer').innerText.includes('second')")
        self.assertEqual(await self.values(1), ["second"])
        self.assertEqual(await self.browser.run("location.hash"), "#two")
        self.assert_no_problems()

    async def test_partitions_that_are_added_are_read(self):
        server = self.serve()
        await self.write(server, "t", [b"old"])
        await self.open(server, "t")
        await self.browser.run("document.getElementById('partitions').open = true; 0")
        admin = KafkaAdminClient(bootstrap_servers=server.kafka)
        admin.create_partitions({"t": NewPartitions(2)})
        admin.close()
        await self.write(server, "t", [b"new"], "-p", "1")
        self.assertEqual(sorted(await self.values(2)), ["new", "old"])
        await self.browser.until("document.querySelectorAll('#partitions tbody tr').length === 2")
        self.assert_no_problems()


class TailTest(PageTest):

    async def test_records_are_shown_as_what_they_are(self):
        server = self.serve()
        big = '{"id":12345678901234567890,"list":[1,{"a":[]}],"text":"a, \\"b\\": {c}"}'
        await self.write(server, "t", [b"k1=" + big.encode()], "-K", "=", "-H", "trace=af01")
        await self.write(server, "t", [b"k2=\xff\x00\xfe"], "-K", "=")
        await self.write(server, "t", [b"k3="], "-K", "=", "-Z")
        await self.write(server, "t", [b"<img src=x onerror=console.error(1)>"])
        await self.open(server, "t")
        await self.values(4)
        self.assertEqual([row[2:] for row in await self.rows()], [
            ["0", "k1", big], ["1", "k2", "3 bytes  ff 00 fe"], ["2", "k3", "null"],
            ["3", "null", "<img src=x onerror=console.error(1)>"]])

        await self.browser.click(".layer .record")
        self.assertIn("trace", await self.browser.text("#inspect-fields"))
        self.assertIn("af01", await self.browser.text("#inspect-fields"))
        laid_out = await self.browser.text("#inspect-value")
        self.assertIn("12345678901234567890", laid_out)
        self.assertEqual(json.loads(laid_out), json.loads(big))
        self.assertEqual(len(laid_out.splitlines()), 10)
        await self.browser.key("ArrowDown")
        self.assertIn("000000  ff 00 fe", await self.browser.text("#inspect-value"))
        self.assert_no_problems()

    async def test_a_filter_shows_what_has_its_text(self):
        server = self.serve()
        await self.write(server, "t", [b"Apple=red", b"pear=green", b"plum=applesauce"], "-K", "=")
        await self.open(server, "t")
        await self.values(3)
        await self.browser.key("/")
        await self.browser.type("APPLE")
        await self.browser.until("document.querySelectorAll('.record:not([hidden])').length === 3")
        self.assertEqual(await self.values(2), ["red", "applesauce"])
        await self.browser.run("document.getElementById('filter-field').value = 'value';"
                               "document.getElementById('filter-field').dispatchEvent("
                               "new Event('change'))")
        await self.browser.until("document.querySelectorAll('.record:not([hidden])').length === 2")
        self.assertEqual(await self.values(1), ["applesauce"])
        # What comes is filtered, too.
        await self.write(server, "t", [b"k=nothing", b"k=pineapple"], "-K", "=")
        await self.browser.until("document.querySelectorAll('.record:not([hidden])').length === 3")
        self.assertEqual(await self.values(2), ["applesauce", "pineapple"])
        self.assert_no_problems()

    async def test_a_paused_tail_says_how_far_behind_it_is_and_then_reads_on(self):
        server = self.serve()
        await self.write(server, "t", [b"one"])
        await self.open(server, "t")
        await self.values(1)
        await self.browser.click("#pause")
        await self.write(server, "t", [b"two", b"three"])
        await self.browser.until("document.getElementById('lag').innerText.includes('2 records')")
        self.assertEqual(await self.values(1), ["one"])
        await self.browser.click("#pause")
        self.assertEqual(await self.values(3), ["one", "two", "three"])
        self.assert_no_problems()

    async def test_what_retention_took_before_it_was_read_is_shown_as_a_gap(self):
        server = self.serve("--log-retention-check-interval-ms", "50")
        server.create_topic("t", segment_bytes=1 << 20, retention_bytes=1 << 20)
        await self.write(server, "t", [b"kept"])
        await self.open(server, "t")
        await self.values(1)
        await self.browser.click("#pause")
        await self.browser.until("document.getElementById('tail-note').innerText === 'paused'")
        big = b"x" * 1_000
        await self.write(server, "t", [big] * 5_000)
        await asyncio.to_thread(until, lambda: server.low_watermark("t") > 1, "retention")
        await self.browser.click("#pause")
        await self.browser.until("document.querySelector('#lag').innerText.includes('everything')")
        await self.browser.run("document.getElementById('records').focus()")
        await self.browser.key("Home")
        await self.browser.until("document.querySelector('.note-row:not([hidden])') !== null")
        note = next(row[0] for row in await self.rows() if len(row) == 1)
        self.assertRegex(note, r"Partition 0: [\d,]+ offsets are missing, 1 to [\d,]+ \(retention\)")
        self.assert_no_problems()

    async def test_a_flood_is_drawn_with_few_rows_and_only_the_newest_are_kept(self):
        server = self.serve()
        await self.write(server, "t", [b"value %d" % i for i in range(30_000)])
        await self.open(server, "t")
        await self.browser.run("document.getElementById('tail-from').value = 'earliest';"
                               "document.getElementById('tail-from').dispatchEvent("
                               "new Event('change'))")
        await self.browser.until(
            "document.getElementById('tail-note').innerText.includes('the last 10,000') &&"
            "document.querySelector('.layer').innerText.includes('29999')")
        self.assertLess(await self.browser.run("document.querySelectorAll('.record').length"), 80)
        self.assertLess(await self.browser.run(
            "Number(document.getElementById('records').getAttribute('aria-rowcount'))"), 11_100)
        self.assertEqual((await self.rows())[-1][2:], ["29999", "null", "value 29999"])
        self.assert_no_problems()


class PublishTest(PageTest):

    async def test_a_published_record_is_on_disk_and_arrives(self):
        server = self.serve()
        server.create_topic("t", 3)
        await self.open(server, "t")
        await self.browser.run("document.getElementById('publish-key').focus()")
        await self.browser.type("the key")
        await self.browser.run("document.getElementById('publish-partition').value = '1';"
                               "document.getElementById('publish-value').focus()")
        await self.browser.type("two\nlines")
        await self.browser.key("Enter")
        await self.browser.until("document.getElementById('publish-outcome').innerText !== ''")
        self.assertEqual(await self.browser.text("#publish-outcome"),
                         "On disk: partition 1, offset 0")
        await self.values(1)
        self.assertEqual((await self.rows())[0][1:], ["1", "0", "the key", "two\nlines"])
        self.assertEqual(server.kcat("-C", "-t", "t", "-e", "-q", "-f", "%p %o %k %s"),
                         b"1 0 the key two\nlines")
        self.assertEqual(await self.browser.run("document.getElementById('publish-value').value"),
                         "")
        self.assert_no_problems()

    async def test_a_tombstone_can_be_published(self):
        server = self.serve()
        server.create_topic("t", cleanup_policy="compact")
        await self.open(server, "t")
        await self.browser.click("#publish button")
        await self.browser.until("document.getElementById('publish-outcome').innerText !== ''")
        self.assertIn("Not written", await self.browser.text("#publish-outcome"))
        await self.browser.run("document.getElementById('publish-key').value = 'k'")
        await self.browser.click("#publish-null")
        await self.browser.click("#publish button")
        await self.values(1)
        self.assertEqual((await self.rows())[0][3:], ["k", "null"])
        self.assert_no_problems()


class RestartTest(PageTest):

    async def test_a_tail_goes_on_where_it_was_when_the_server_was_killed(self):
        server = self.server()
        server.lasting_http_port = lasting_port()
        server.start()
        server.create_topic("t", 2)
        await self.open(server, "t")
        written = []
        for round_number in range(3):
            lines = [b"%d %d" % (round_number, i) for i in range(5)]
            await self.write(server, "t", lines, "-p", str(round_number % 2))
            written += [line.decode() for line in lines]
            self.assertEqual(await self.values(len(written)), written)
            server.kill()
            await self.browser.until(
                "document.getElementById('status').dataset.state === 'lost' &&"
                "document.getElementById('tail-note').innerText.startsWith('no connection')")
            # What is written before the page is back is not missed.
            server.start()
            lines = [b"%d later" % round_number]
            await self.write(server, "t", lines, "-p", "1")
            written += [line.decode() for line in lines]
            self.assertEqual(await self.values(len(written)), written)
            await self.live()
        self.assertFalse(await self.browser.run("document.querySelector('.note-row') !== null"))
        self.assert_no_problems()

    async def test_a_deleted_topic_ends_the_tail_and_is_not_made_again(self):
        server = self.serve()
        await self.write(server, "t", [b"old"])
        await self.write(server, "other", [b"other"])
        await self.open(server, "t")
        await self.values(1)
        await asyncio.to_thread(server.duolog, "topic", "delete", "t")
        await self.browser.until("document.querySelector('.note-row:not([hidden])') !== null")
        await self.polled()
        self.assertNotIn(b"t ", server.duolog("topic", "list").split(b"\n")[1:])
        self.assertEqual(await self.browser.run(
            "[...document.querySelectorAll('#topics .topic')].map((e) => e.innerText)"), ["other"])
        self.assertTrue(await self.browser.run(
            "document.querySelector('#publish button').disabled"))
        await self.write(server, "t", [b"new"])
        self.assertEqual(await self.values(4), [
            "old", "The server ended the subscription: topic deleted",
            "Another topic of the same name, from its beginning", "new"])
        self.assert_no_problems()

    async def test_a_topic_that_was_made_anew_while_the_server_was_away_is_not_the_same(self):
        server = self.server()
        server.lasting_http_port = lasting_port()
        server.start()
        await self.write(server, "t", [b"old", b"older"])
        await self.open(server, "t")
        await self.values(2)
        self.assert_stops_cleanly(server)
        elsewhere = server.lasting_http_port
        server.lasting_http_port = 0
        server.start()
        await asyncio.to_thread(server.duolog, "topic", "delete", "t")
        await self.write(server, "t", [b"new", b"newer", b"newest"])
        self.assert_stops_cleanly(server)
        server.lasting_http_port = elsewhere
        server.start()
        self.assertEqual(await self.values(6), [
            "old", "older", "Another topic of the same name, from its beginning",
            "new", "newer", "newest"])
        self.assert_no_problems()


if __name__ == "__main__":
    unittest.main()
