"""Any OpenAI-compatible server: hosted, or vLLM, SGLang, llama.cpp, Ray Serve of one's own."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.teachers.openai_api.messages import (
    MalformedReplyError,
    RefusedReplyError,
    endpoint,
    error_message,
    read_reply,
    request_body,
)
from stillhouse.teachers.openai_api.rate_limit import RateLimit
from stillhouse.teachers.openai_api.retrying import (
    FATAL,
    PASSING,
    parse_retry_after,
    wait_before,
)
from stillhouse.teachers.protocol import Answer, Completion, Failure, Request
from stillhouse.teachers.spending import most_prompt_tokens

if TYPE_CHECKING:
    import aiohttp

TICK_SECONDS = 0.05
LOOPBACK = ("localhost", "127.0.0.1", "::1")
SPENT_QUOTA = "insufficient_quota"


def open_teacher(conf: TeacherConf) -> "OpenAITeacher":
    """A client of the server at `base_url`; nothing is sent yet."""
    return OpenAITeacher(conf, _key(conf))


def _key(conf: TeacherConf) -> str | None:
    name = conf.compute.api_key_env
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise StillhouseError(
            f"The teacher's key is not set: put it into the environment variable {name} "
            f"(`export {name}=...`), which compute.api_key_env names."
        )
    return key


class _AttemptError(Exception):
    """An attempt failed; another may succeed."""

    def __init__(
        self, reason: str, *, charged: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.reason, self.charged, self.retry_after = reason, charged, retry_after


class _RowError(Exception):
    """One request will not be answered, however often it is asked."""


class OpenAITeacher:
    """Keeps up to `max_in_flight` requests open; results come out as they arrive.

    The event loop runs only inside `generate`, between two yields, so nothing here is threaded.
    """

    def __init__(self, conf: TeacherConf, key: str | None) -> None:
        self._conf, self._compute, self._key = conf, conf.compute, key
        assert conf.compute.base_url
        self._url = f"{conf.compute.base_url.rstrip('/')}/{endpoint(conf)}"
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession | None = None
        self._requests = RateLimit(conf.compute.requests_per_minute)
        self._tokens = RateLimit(conf.compute.tokens_per_minute)
        self._done: list[Answer] = []
        self._last_answer = 0.0

    def prompt_tokens(self, requests: Sequence[Request]) -> list[int] | None:
        """None: the tokenizer is the server's."""
        del requests
        return None

    def generate(self, requests: Iterable[Request]) -> Iterator[list[Answer]]:
        """Answer as the protocol says; a tick at least every TICK_SECONDS."""
        if self._session is None:
            self._session = self._loop.run_until_complete(self._connect())
        self._last_answer = self._loop.time()
        pending = iter(requests)
        workers = [
            self._loop.create_task(self._work(pending)) for _ in range(self._compute.max_in_flight)
        ]
        try:
            while self._loop.run_until_complete(_tick(workers)):
                yield self._take()
            yield self._take()
            for worker in workers:
                if worker.done():
                    worker.result()  # raises what ended the run
        finally:
            self._loop.run_until_complete(_cancel(workers))

    def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            self._loop.run_until_complete(self._session.close())
        self._loop.close()

    def _take(self) -> list[Answer]:
        done, self._done = self._done, []
        return done

    async def _connect(self) -> "aiohttp.ClientSession":
        import aiohttp

        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._compute.max_in_flight),
            timeout=aiohttp.ClientTimeout(total=self._compute.timeout_s),
            headers=headers,
            trust_env=urlsplit(self._url).hostname not in LOOPBACK,
        )

    async def _work(self, pending: Iterator[Request]) -> None:
        for request in pending:
            answer = await self._answer(request)
            self._done.append(answer)
            self._check_life(answer)

    def _check_life(self, answer: Answer) -> None:
        now = self._loop.time()
        if isinstance(answer.outcome, Completion):
            self._last_answer = now
        elif now - self._last_answer > self._compute.deadline_s:
            raise StillhouseError(
                f"No answer came from {self._url} for {now - self._last_answer:.0f} s "
                f"(compute.deadline_s is {self._compute.deadline_s:g}): {answer.outcome.reason}. "
                "See whether the server is up."
            )

    async def _answer(self, request: Request) -> Answer:
        body = request_body(self._conf, request)
        deadline = self._loop.time() + self._compute.deadline_s
        attempt = charged = 0
        while True:
            try:
                completion = await self._attempt(body, request, deadline)
                return Answer(request, completion, attempt, charged)
            except _RowError as error:
                return Answer(request, Failure(self._clean(str(error))), attempt, charged)
            except _AttemptError as error:
                charged += error.charged
                attempt += 1
                wait = wait_before(attempt, error.retry_after)
                gone = self._given_up(attempt, wait, deadline)
                if gone:
                    failure = Failure(self._clean(f"{error.reason} ({gone})"))
                    return Answer(request, failure, attempt - 1, charged)
                await asyncio.sleep(wait)

    def _given_up(self, attempt: int, wait: float, deadline: float) -> str | None:
        if attempt > self._compute.retries:
            return f"given up after {self._compute.retries} retries"
        if self._loop.time() + wait >= deadline:
            return f"given up at the deadline of {self._compute.deadline_s:g} s"
        return None

    async def _attempt(self, body: bytes, request: Request, deadline: float) -> Completion:
        import aiohttp

        assert self._session
        await self._requests.take()
        await self._tokens.take(self._reservation(request))
        # A row's deadline ends its last attempt as well.
        seconds = max(0.001, min(self._compute.timeout_s, deadline - self._loop.time()))
        try:
            async with self._session.post(
                self._url,
                data=body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=seconds),
            ) as reply:
                content = await reply.read()
                self._check_status(reply, content)
        except TimeoutError as error:
            raise _AttemptError("the server took too long", charged=True) from error
        except aiohttp.ClientConnectorError as error:
            raise _AttemptError(f"no connection: {error.strerror or error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _AttemptError("the connection broke off", charged=True) from error
        try:
            return read_reply(self._conf, content)
        except MalformedReplyError as error:
            raise _AttemptError("a malformed reply", charged=True) from error
        except RefusedReplyError as error:
            raise _RowError(str(error)) from error

    def _reservation(self, request: Request) -> int:
        return most_prompt_tokens(request.messages) // 3 + self._conf.decoding.max_tokens

    def _check_status(self, reply: "aiohttp.ClientResponse", content: bytes) -> None:
        if reply.status == 200:
            return
        said = f"HTTP {reply.status}"
        if words := error_message(content):
            said += f": {words}"
        if reply.status in FATAL or SPENT_QUOTA.encode() in content:
            raise StillhouseError(self._clean(f"{self._url} refuses: {said}.{self._hint(reply)}"))
        if reply.status in PASSING or reply.status >= 500:
            after = parse_retry_after(reply.headers.get("Retry-After"))
            raise _AttemptError(f"HTTP {reply.status}", retry_after=after)
        raise _RowError(said)

    def _hint(self, reply: "aiohttp.ClientResponse") -> str:
        if reply.status in (401, 403):
            name = self._compute.api_key_env
            return f" Check the key in {name}." if name else " Set compute.api_key_env."
        if reply.status == 404:
            return f" Check compute.base_url and the model's name, {self._conf.model.name!r}."
        return " Check compute.base_url and your account."

    def _clean(self, text: str) -> str:
        """A server may repeat the key in its error."""
        return text.replace(self._key, "[key]") if self._key else text


async def _tick(workers: Sequence[asyncio.Task[None]]) -> bool:
    """Let the workers run for a moment; whether there is more to wait for."""
    done, waiting = await asyncio.wait(
        workers, timeout=TICK_SECONDS, return_when=asyncio.FIRST_EXCEPTION
    )
    return bool(waiting) and not any(task.exception() for task in done)


async def _cancel(workers: Sequence[asyncio.Task[None]]) -> None:
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
