"""A headless Chromium, driven by the DevTools protocol: what a page logs, asks for and shows."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
EXECUTABLE = next(filter(None, map(shutil.which, NAMES)), None)
SECONDS = 60.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


class Browser:
    """One tab. `errors`: exceptions and errors of the console; `requests`: what was asked for."""

    def __init__(self, profile: Path) -> None:
        self.profile = profile
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._last = 0

    def __enter__(self) -> Self:
        assert EXECUTABLE is not None
        self._process = subprocess.Popen(
            [EXECUTABLE, *FLAGS, f"--user-data-dir={self.profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"HOME": str(self.profile)},
        )
        try:
            self._wait(self._connect())
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(SECONDS)
        self._wait(self._close())
        self._loop.close()

    def open(self, page: Path, fragment: str = "") -> None:
        """Load a file afresh, and wait until it has unpacked its rows."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=f"{page.as_uri()}{fragment}")
        self.until("document.documentElement.dataset.ready === 'true'")

    def run(self, script: str) -> Any:
        """The value of an expression of the page."""
        given = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in given, given
        return given["result"].get("value")

    def until(self, script: str) -> None:
        """Wait until an expression is true."""
        self._wait(self._until(script))

    def press(self, key: str) -> None:
        """Press a key as a person does."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def call(self, method: str, **parameters: Any) -> Any:
        """A command of the protocol, and its result."""
        return self._wait(self._call(method, parameters))

    def _wait(self, work: Any) -> Any:
        return self._loop.run_until_complete(asyncio.wait_for(work, SECONDS))

    async def _connect(self) -> None:
        file = self.profile / "DevToolsActivePort"
        while not (file.exists() and "\n" in file.read_text()):
            assert self._process.poll() is None, "the browser has ended"
            await asyncio.sleep(0.05)
        port = file.read_text().split("\n")[0]
        self._session = aiohttp.ClientSession()
        async with self._session.get(f"http://127.0.0.1:{port}/json/list") as listed:
            tabs = [each for each in await listed.json() if each["type"] == "page"]
        address = tabs[0]["webSocketDebuggerUrl"]
        self._socket = await self._session.ws_connect(address, max_msg_size=0)
        self._listening = asyncio.ensure_future(self._listen())
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self._call(f"{domain}.enable", {})

    async def _listen(self) -> None:
        async for message in self._socket:
            found = json.loads(message.data)
            if "id" in found:
                self._answers.pop(found["id"]).set_result(found)
            else:
                self._heard(found["method"], found["params"])

    def _heard(self, method: str, said: Any) -> None:
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(said["exceptionDetails"])[:500])
        elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning"):
            self.errors.append(json.dumps(said["args"])[:500])
        elif method == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            self.errors.append(said["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])

    async def _call(self, method: str, parameters: Any) -> Any:
        self._last += 1
        answer = self._answers[self._last] = self._loop.create_future()
        await self._socket.send_json({"id": self._last, "method": method, "params": parameters})
        found = await answer
        assert "error" not in found, found
        return found["result"]

    async def _until(self, script: str) -> None:
        while True:
            given = await self._call(
                "Runtime.evaluate", {"expression": script, "returnByValue": True}
            )
            if given["result"].get("value") is True:
                return
            await asyncio.sleep(0.05)

    async def _close(self) -> None:
        await self._session.close()
        self._listening.cancel()
