"""How the page looks and is used: colours, narrow screens, keys, the counters."""

import asyncio
import unittest

from feed_client import connect, feed_url
from page import PageTest

# Relative luminance (WCAG 2) of what an element shows, its background looked for among its parents.
CONTRAST = """
(selector) => {
  const channels = (text) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92
      : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const element = document.querySelector(selector);
  const front = luminance(channels(getComputedStyle(element).color));
  let at = element;
  while (channels(getComputedStyle(at).backgroundColor)[3] === 0) at = at.parentElement;
  const back = luminance(channels(getComputedStyle(at).backgroundColor));
  return (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
}
"""
READ = [".where dt", ".where dd", ".tile h2", ".figure", "#status", "#topics td", "#topics th button",
        "#topics tr[aria-current] td:last-child", ".layer .record .time", ".layer .record .value",
        "#tail-note", "#pause", "#publish button", "#publish-outcome", ".keys"]


class LookTest(PageTest):

    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.serving = self.serve()
        await self.write(self.serving, "trades", [b"AAPL=%d" % i for i in range(200)], "-K", "=")
        await self.write(self.serving, "a-topic-with-a-name-that-is-far-too-long-for-any-" + "x" * 99,
                         [b"x"])

    async def ground(self):
        return await self.browser.run("getComputedStyle(document.body).backgroundColor")

    async def test_colours_follow_the_system_until_they_are_chosen(self):
        grounds = {}
        for scheme in ("light", "dark"):
            await self.browser.colours(scheme)
            await self.open(self.serving, "trades")
            grounds[scheme] = await self.ground()
        self.assertNotEqual(grounds["light"], grounds["dark"])
        self.assertEqual(await self.browser.text("#theme"), "Auto")
        await self.browser.click("#theme")
        self.assertEqual(await self.browser.text("#theme"), "Light")
        self.assertEqual(await self.ground(), grounds["light"])
        await self.browser.open(f"http://{self.serving.http}/#trades")
        self.assertEqual(await self.browser.text("#theme"), "Light")
        self.assertEqual(await self.ground(), grounds["light"])
        await self.browser.colours("light")
        await self.browser.click("#theme")
        self.assertEqual(await self.ground(), grounds["dark"])
        await self.browser.click("#theme")
        self.assertEqual(await self.ground(), grounds["light"])
        self.assert_no_problems()

    async def test_everything_can_be_read_in_both_schemes(self):
        await self.open(self.serving, "trades")
        await self.values(20)
        await self.browser.key("n")
        await self.browser.type("x")
        await self.browser.key("Enter")
        await self.browser.until("document.getElementById('publish-outcome').innerText !== ''")
        await self.assert_readable(READ)
        await asyncio.to_thread(self.serving.duolog, "topic", "delete", "trades")
        await self.browser.until("document.querySelector('.note-row:not([hidden])') !== null")
        await self.assert_readable([".note-row .value", "#tail-note"])
        self.assert_no_problems()

    async def assert_readable(self, selectors):
        for scheme in ("light", "dark"):
            await self.browser.colours(scheme)
            for selector in selectors:
                with self.subTest(scheme=scheme, selector=selector):
                    ratio = await self.browser.run(f"({CONTRAST})('{selector}')")
                    self.assertGreaterEqual(ratio, 4.5)

    async def test_nothing_is_beyond_the_edge_of_a_narrow_screen(self):
        for width, height in ((360, 740), (390, 844), (768, 1024), (1024, 500), (1920, 1080)):
            with self.subTest(width=width):
                await self.browser.resize(width, height)
                await self.open(self.serving, "trades")
                await self.values(5)
                self.assertEqual(await self.browser.run(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"),
                    0)
                beyond = await self.browser.run(
                    "[...document.querySelectorAll('button, input, select, textarea, h2, .figure')]"
                    ".filter((e) => e.offsetParent !== null &&"
                    "(e.getBoundingClientRect().right > innerWidth + 0.5 ||"
                    " e.getBoundingClientRect().left < 0)).map((e) => e.outerHTML)")
                self.assertEqual(beyond, [])
                await self.browser.click("#publish-value")
                await self.browser.type(f"from {width}")
                await self.browser.click("#publish button")
                await self.browser.until("document.querySelector('.layer').innerText.includes("
                                         f"'from {width}')")
        self.assert_no_problems()

    async def test_the_page_is_used_with_keys_alone(self):
        await self.open(self.serving, "trades")
        focus = "document.activeElement.id"
        await self.browser.key("/")
        self.assertEqual(await self.browser.run(focus), "tail-filter")
        await self.browser.type("p")  # is text here
        self.assertEqual(await self.browser.run("document.getElementById('tail-filter').value"), "p")
        await self.browser.run("document.getElementById('tail-filter').value = ''")
        await self.browser.key("Escape")
        await self.browser.key("p")
        self.assertEqual(await self.browser.text("#pause"), "Resume")
        await self.browser.key("p")
        self.assertEqual(await self.browser.text("#pause"), "Pause")
        await self.browser.key("n")
        self.assertEqual(await self.browser.run(focus), "publish-value")
        await self.browser.type("typed")
        await self.browser.key("Enter")
        await self.browser.until("document.querySelector('.layer').innerText.includes('typed')")
        await self.browser.key("Escape")

        # Topics: the arrows move, Enter chooses.
        await self.browser.run("document.querySelector('#topics .topic').focus()")
        await self.browser.key("ArrowDown")
        self.assertEqual(await self.browser.run("document.activeElement.innerText"), "trades")
        await self.browser.key("ArrowUp")
        await self.browser.key("Enter")
        await self.browser.until("document.getElementById('tail-title').innerText.startsWith('a-t')")
        self.assert_no_problems()

    async def test_who_scrolls_up_is_left_in_peace_and_may_come_back(self):
        await self.open(self.serving, "trades")
        await self.values(20)
        await self.browser.run("document.getElementById('records').focus()")
        await self.browser.key("Home")
        await self.browser.until("document.querySelector('.layer .offset').innerText === '100'")
        first = (await self.rows())[0]
        await self.write(self.serving, "trades", [b"MSFT=new"], "-K", "=")
        await self.browser.until(
            "document.getElementById('records').getAttribute('aria-rowcount') === '102'")
        self.assertEqual((await self.rows())[0], first)
        await self.browser.click("#newest")
        await self.browser.until("document.querySelector('.layer').innerText.includes('MSFT')")
        self.assertTrue(await self.browser.run("document.getElementById('newest').hidden"))
        self.assert_no_problems()

    async def test_a_chosen_record_stays_where_it_is_while_others_come(self):
        await self.open(self.serving, "trades")
        await self.values(20)
        async with connect(feed_url(self.serving, "trades", key="k")) as feed:

            async def write():
                while True:
                    await feed.send("live")
                    await self.browser.run("new Promise(requestAnimationFrame)")

            writing = asyncio.create_task(write())
            await self.browser.until("document.querySelector('.layer').innerText.includes('live')")
            await self.browser.run("document.getElementById('records').focus()")
            for _ in range(4):
                await self.browser.key("ArrowUp")
            chosen = await self.browser.text("#inspect-title")
            await self.polled(3)
            place, top, bottom, offset = await self.browser.run(
                "(() => { const at = (e) => e.getBoundingClientRect();"
                "const row = document.querySelector('.record[aria-selected=true]');"
                "const list = document.getElementById('records');"
                "return [at(row).top, at(list).top, at(list).bottom, row.children[2].innerText]})()")
            self.assertEqual(chosen, f"trades / 0 @ {int(offset):,}")
            self.assertTrue(top < place < bottom - 20, f"{place} in {top} to {bottom}")
            writing.cancel()
        self.assert_no_problems()

    async def test_topics_are_sorted_and_found(self):
        await self.open(self.serving, "trades")
        names = "[...document.querySelectorAll('#topics .topic')].map((e) => e.innerText[0])"
        self.assertEqual(await self.browser.run(names), ["a", "t"])
        await self.browser.click("th[data-sort=end] button")
        self.assertEqual(await self.browser.run(names), ["t", "a"])
        self.assertEqual(await self.browser.run(
            "document.querySelector('th[data-sort=end]').ariaSort"), "descending")
        await self.browser.click("th[data-sort=end] button")
        self.assertEqual(await self.browser.run(names), ["a", "t"])
        await self.browser.click("#topic-filter")
        await self.browser.type("TRA")
        self.assertEqual(await self.browser.run(names), ["t"])
        self.assert_no_problems()

    async def test_all_counters_can_be_looked_through(self):
        await self.open(self.serving, "trades")
        await self.browser.key("c")
        shown = "[...document.querySelectorAll('#counter-rows tr:not([hidden])')]"
        await self.browser.until(f"{shown}.length > 20")
        await self.browser.type("websockets")
        await self.browser.until(f"{shown}.length < 20")
        rows = await self.browser.run(f"{shown}.map((row) => [row.cells[0].innerText,"
                                      "row.cells[1].innerText])")
        self.assertIn(["duolog_http_websockets_open", "1"], rows)
        await self.browser.key("Escape")
        self.assertFalse(await self.browser.run("document.getElementById('counters').open"))
        self.assertEqual(await self.browser.text("#websockets"), "1")
        self.assert_no_problems()


if __name__ == "__main__":
    unittest.main()
