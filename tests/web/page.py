"""What the tests of the page share: a server, a browser, and what they say to each other."""

import asyncio
import json
import unittest

from browser import Browser
from duolog_server import DuologTest


class PageTest(DuologTest, unittest.IsolatedAsyncioTestCase):
    """Each test has a server and a browser; the page must not complain of anything."""

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)  # it reports whatever takes long
        self.browser = await Browser.start()
        self.addAsyncCleanup(self.browser.stop)

    async def open(self, server, topic=None):
        await self.browser.open(f"http://{server.http}/" + (f"#{topic}" if topic else ""))
        await self.live()
        if topic:
            await self.tailing(topic)

    async def live(self):
        await self.browser.until("document.getElementById('status').dataset.state === 'live'")

    async def tailing(self, topic):
        """Waits until the tail has begun: what is written from then on will come."""
        await self.browser.until(
            f"document.getElementById('tail-title').innerText === {json.dumps(topic)} &&"
            "document.getElementById('lag').innerText !== ''", f"a tail of {topic}")

    async def rows(self):
        """The rows that are drawn: lists of their texts; a note is a list of one."""
        return await self.browser.run(
            "[...document.querySelectorAll('.layer .record:not([hidden])')].map((row) =>"
            "[...row.children].map((cell) => cell.textContent).filter((text, at) =>"
            "at === 4 || !row.classList.contains('note-row')))")

    async def values(self, count):
        """The values of the rows, once there are so many."""
        await self.browser.until(
            f"document.querySelectorAll('.layer .record:not([hidden])').length >= {count}",
            f"{count} rows")
        return [row[-1] for row in await self.rows()]

    async def write(self, server, topic, lines, *options):
        """Writes a record for each line, with kcat."""
        data = b"".join(line + b"\n" for line in lines)
        await asyncio.to_thread(server.kcat, "-P", "-t", topic, *options, data=data)

    async def polled(self, times=2):
        """Waits until the page has asked the server so many times more."""
        asked = "performance.getEntriesByType('resource').filter((e) => " \
            "e.name.endsWith('/v1/topics')).length"
        before = await self.browser.run(asked)
        await self.browser.until(f"{asked} >= {before + times}")

    def assert_no_problems(self):
        self.assertEqual(self.browser.problems, [])
