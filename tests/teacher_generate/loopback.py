"""An OpenAI-compatible server on loopback, in its own process, with faults on demand.

Its completions are a function of all that reaches it (model, prompt, decoding) and of a salt, so a
stale completion shows. It counts what it is asked, and stops by itself when its parent dies.
"""

import asyncio
import hashlib
import json
import math
import os
import random
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Options:
    """How the server behaves; shares are probabilities of a fault for each request."""

    latency: float = 0.0
    sigma: float = 0.0
    """Of the log-normal latency; 0 is constant."""
    share_429: float = 0.0
    share_500: float = 0.0
    share_malformed: float = 0.0
    share_reset: float = 0.0
    share_drip: float = 0.0
    """Responses that send a byte now and then and never end."""
    retry_after: str = "0"
    refuse: str = ""
    """Prompts with this text get a 400 with this text in the message."""
    status: int = 200
    """Any other status is the response to everything."""
    responses: dict[str, str] = field(default_factory=dict)
    """Prompts with this text get this body, with the status 200, as it is."""
    key: str = ""
    usage: bool = True
    salt: str = ""
    seed: int = 0


def complete(body: dict[str, Any], salt: str) -> tuple[str, str, int]:
    """Text, finish reason and tokens: 1 to 40 words made from all that was asked but the limit."""
    limit = body.get("max_tokens") or body["max_completion_tokens"]
    asked = {k: v for k, v in body.items() if k not in ("max_tokens", "max_completion_tokens")}
    digest = hashlib.sha256((json.dumps(asked, sort_keys=True) + salt).encode()).hexdigest()
    count = 1 + int(digest[:4], 16) % 40
    words = [digest[(3 * i) % 60 :][:4] for i in range(count)]
    for index, word in enumerate(words):
        if any(stop in word for stop in body.get("stop", [])):
            return " ".join(words[:index]), "stop", index
    if count > limit:
        return " ".join(words[:limit]), "length", limit
    return " ".join(words), "stop", count


class _App:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.reset()

    def reset(self) -> None:
        self.random = random.Random(self.options.seed)
        self.requests = self.open = self.peak = 0
        self.completed: Counter[str] = Counter()
        self.prompts: set[str] = set()

    def stats(self) -> dict[str, int]:
        return {
            "requests": self.requests,
            "completed": self.completed.total(),
            "distinct": len(self.completed),
            "peak": self.peak,
        }

    async def control(self, request: Any) -> Any:
        from aiohttp import web

        if request.method == "POST":
            self.options = Options(**await request.json())
            self.reset()
        return web.json_response(self.stats())

    async def asked(self, _request: Any) -> Any:
        from aiohttp import web

        return web.json_response(sorted(self.prompts))

    async def complete(self, request: Any) -> Any:
        self.requests += 1
        self.open += 1
        self.peak = max(self.peak, self.open)
        try:
            return await self._complete(request)
        finally:
            self.open -= 1

    async def _complete(self, request: Any) -> Any:
        from aiohttp import web

        options = self.options
        content = await request.read()
        if options.latency:
            noise = math.exp(self.random.gauss(0, options.sigma)) if options.sigma else 1.0
            await asyncio.sleep(options.latency * noise)
        sent = request.headers.get("Authorization", "")
        if options.key and sent != f"Bearer {options.key}":
            return web.json_response({"error": {"message": f"wrong key: {sent}"}}, status=401)
        if options.status != 200:
            return web.Response(status=options.status, text=f"always {options.status} {sent}")
        fault = await self._fault(request)
        if fault is not None:
            return fault
        body = json.loads(content)
        prompt = body["prompt"] if "prompt" in body else body["messages"][-1]["content"]
        self.prompts.add(prompt)
        if options.refuse and options.refuse in prompt:
            error = {"message": f"refused: {options.refuse}"}
            return web.json_response({"error": error}, status=400)
        for part, response in options.responses.items():
            if part in prompt:
                return web.Response(text=response)
        text, reason, tokens = complete(body, options.salt)
        self.completed[hashlib.sha256(content).hexdigest()] += 1
        choice = {"finish_reason": reason, "index": 0}
        chat = request.path.endswith("/chat/completions")
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        response = {"choices": [choice]}
        if options.usage:
            words = len(content.split())
            response["usage"] = {"prompt_tokens": words, "completion_tokens": tokens}
        return web.json_response(response)

    async def _fault(self, request: Any) -> Any:
        from aiohttp import web

        options = self.options
        draw = self.random.random()
        if (draw := draw - options.share_429) < 0:
            return web.Response(status=429, headers={"Retry-After": options.retry_after})
        if (draw := draw - options.share_500) < 0:
            return web.Response(status=500, text="internal error")
        if (draw := draw - options.share_malformed) < 0:
            return web.Response(text='{"choices": [{"mess')
        if (draw := draw - options.share_reset) < 0:
            request.transport.abort()
            return web.Response()
        if draw - options.share_drip < 0:
            drip = web.StreamResponse()
            await drip.prepare(request)
            while True:
                await drip.write(b" ")
                await asyncio.sleep(0.05)
        return None


async def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        await asyncio.sleep(0.5)
    os._exit(0)


async def _serve(options: Options, parent: int) -> None:
    from aiohttp import web

    served = _App(options)
    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/v1/chat/completions", served.complete)
    app.router.add_post("/v1/completions", served.complete)
    app.router.add_route("*", "/control", served.control)
    app.router.add_get("/asked", served.asked)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await _watch_parent(parent)


@dataclass(frozen=True)
class Server:
    """A running server, seen from the tests."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def stats(self) -> dict[str, int]:
        return self._send("control")

    def asked(self) -> set[str]:
        """The last messages of all requests that were not met with a fault."""
        return set(self._send("asked"))

    def set(self, **options: Any) -> None:
        """Behave like this from now on, and count anew."""
        self._send("control", asdict(Options(**options)))

    def requests(self) -> int:
        return self.stats()["requests"]

    def _send(self, path: str, options: dict[str, Any] | None = None) -> Any:
        data = None if options is None else json.dumps(options).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}",
            data=data,
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as response:
            return json.load(response)


@contextmanager
def serve(**options: Any) -> Iterator[Server]:
    """Run a server for the length of the block."""
    chosen = json.dumps(asdict(Options(**options)))
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__)), chosen, str(os.getpid())],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        yield Server(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    asyncio.run(_serve(Options(**json.loads(sys.argv[1])), int(sys.argv[2])))
