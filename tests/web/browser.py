"""A headless Chromium with one page, driven through its DevTools protocol.

Whatever the page complains of is kept in `problems`: messages of the console, exceptions, and what
its Content-Security-Policy refused.
"""

import asyncio
import base64
import itertools
import json
import os
import shutil
import tempfile
import urllib.request

import websockets

from duolog_server import DEADLINE_S

FLAGS = ["--headless=new", "--remote-debugging-port=0", "--no-first-run", "--disable-gpu",
         "--disable-dev-shm-usage", "--disable-background-networking", "--disable-sync",
         "--disable-component-update", "--disable-extensions", "--hide-scrollbars",
         "--no-default-browser-check", "--disable-features=Translate,OptimizationHints,MediaRouter"]
# What the page cannot help: requests that a stopped server does not answer.
UNAVOIDABLE = ("net::ERR_CONNECTION_REFUSED", "net::ERR_CONNECTION_RESET",
               "net::ERR_EMPTY_RESPONSE", "net::ERR_SOCKET_NOT_CONNECTED", "Failed to fetch",
               "WebSocket connection to")


class Browser:

    @classmethod
    async def start(cls, width=1280, height=800):
        self = cls()
        self.profile = tempfile.mkdtemp(prefix="duolog-chromium-")
        # Chromium's sandbox does not run as root.
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        self.process = await asyncio.create_subprocess_exec(
            "chromium", *FLAGS, *sandbox, f"--user-data-dir={self.profile}", "about:blank",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE)
        port = await asyncio.wait_for(self._port(), DEADLINE_S)
        self.drain = asyncio.create_task(self.process.stderr.read())
        targets = await asyncio.to_thread(self._targets, port)
        page = next(target for target in targets if target["type"] == "page")
        self.socket = await websockets.connect(page["webSocketDebuggerUrl"], max_size=None,
                                               ping_interval=None)
        self.ids = itertools.count(1)
        self.waiting = {}
        self.problems = []
        self.loaded = asyncio.Event()
        self.reader = asyncio.create_task(self._read())
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        await self.resize(width, height)
        return self

    async def _port(self):
        while line := await self.process.stderr.readline():
            if line.startswith(b"DevTools listening on ws://"):
                return int(line.split(b":")[2].split(b"/")[0])
        raise AssertionError(f"chromium ended with {await self.process.wait()}")

    @staticmethod
    def _targets(port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=DEADLINE_S) as answer:
            return json.load(answer)

    async def stop(self):
        self.reader.cancel()
        await self.socket.close()
        self.process.terminate()
        await self.process.wait()
        self.drain.cancel()
        shutil.rmtree(self.profile, ignore_errors=True)

    async def call(self, method, **parameters):
        number = next(self.ids)
        self.waiting[number] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        return await asyncio.wait_for(self.waiting[number], DEADLINE_S)

    async def _read(self):
        async for text in self.socket:
            message = json.loads(text)
            if "id" in message:
                waiting = self.waiting.pop(message["id"])
                if "error" in message:
                    waiting.set_exception(AssertionError(message["error"]))
                else:
                    waiting.set_result(message["result"])
            else:
                self._event(message["method"], message["params"])

    def _event(self, method, event):
        if method == "Page.loadEventFired":
            self.loaded.set()
        elif method == "Runtime.exceptionThrown":
            details = event["exceptionDetails"]
            self._problem(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning"):
            self._problem(" ".join(str(a.get("value", a)) for a in event["args"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
            self._problem(f"{event['entry']['text']} {event['entry'].get('url', '')}")

    def _problem(self, text):
        if not any(word in text for word in UNAVOIDABLE):
            self.problems.append(text)

    # ---- The page --------------------------------------------------------------------------------

    async def open(self, url):
        # By way of an empty page: another #fragment alone would load nothing.
        for target in ("about:blank", url):
            self.loaded.clear()
            await self.call("Page.navigate", url=target)
            await asyncio.wait_for(self.loaded.wait(), DEADLINE_S)

    async def run(self, script):
        """The value of an expression in the page; a promise is waited for."""
        result = await self.call("Runtime.evaluate", expression=script, returnByValue=True,
                                 awaitPromise=True)
        if "exceptionDetails" in result:
            raise AssertionError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    async def until(self, condition, what=None):
        """Waits until an expression is true in the page, and returns it."""
        end = asyncio.get_running_loop().time() + DEADLINE_S
        while not (value := await self.run(condition)):
            if asyncio.get_running_loop().time() > end:
                shown = await self.run("document.body.innerText")
                raise AssertionError(f"not within {DEADLINE_S} s: {what or condition}\n{shown}\n"
                                     f"{self.problems}")
            # Once a frame is often enough.
            await self.run("new Promise(requestAnimationFrame)")
        return value

    async def text(self, selector):
        return await self.run(f"document.querySelector({json.dumps(selector)}).innerText")

    async def click(self, selector):
        """With the mouse, so that what covers an element is noticed."""
        place = await self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'nearest'}); const r = e.getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2]; })()")
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1],
                            button="left", clickCount=1)

    async def type(self, text):
        await self.call("Input.insertText", text=text)

    async def key(self, key):
        code = {"Enter": 13, "Escape": 27, "ArrowUp": 38, "ArrowDown": 40}.get(key, 0)
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        for kind in ("keyDown", "keyUp"):
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, text=text,
                            windowsVirtualKeyCode=code)

    async def resize(self, width, height, scale=1):
        await self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                        deviceScaleFactor=scale, mobile=width < 600)

    async def colours(self, scheme):
        """What the system prefers: "light" or "dark"."""
        await self.call("Emulation.setEmulatedMedia",
                        features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def screenshot(self, path):
        picture = await self.call("Page.captureScreenshot", format="png")
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture["data"]))
