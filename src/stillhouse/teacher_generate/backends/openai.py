"""Any OpenAI-compatible server: hosted, or vLLM, SGLang, llama.cpp, Ray Serve of one's own."""

import asyncio
import html
import os
import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

from stillhouse.config.compute import OpenAICompute, is_loopback
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.messages import as_text
from stillhouse.core.progress import announce
from stillhouse.core.reasoning import opening
from stillhouse.core.text import printable
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.openai_api.rate_limit import RateLimit
from stillhouse.teacher_generate.openai_api.requests import endpoint, request_body
from stillhouse.teacher_generate.openai_api.responses import (
    ErrorResponseError,
    MalformedResponseError,
    UnusableResponseError,
    completion_in,
    parse_response,
    said_in_error,
)
from stillhouse.teacher_generate.openai_api.retrying import (
    FATAL,
    PASSING,
    parse_retry_after,
    wait_before,
)
from stillhouse.teacher_generate.protocol import Failure, Outcome, Request
from stillhouse.teacher_generate.spending import most_prompt_tokens

if TYPE_CHECKING:
    import aiohttp

TICK_SECONDS = 0.05
START_SECONDS = 5.0
"""How long a server that never responded may refuse connections before the run is given up."""
CONNECT_SECONDS = 10.0
FIRST_REFUSALS = 12
"""So many refused rows before any completion, and the run is given up: the rest would be refused
too. Until a completion has come, no more than these are asked at once."""
SHOWN_CHARACTERS = 200
LEAST_KEY = 8
"""Keys shorter than this (`EMPTY`, `none`) are no secret, and may be words of a completion."""
SPENT_QUOTA = "insufficient_quota"


def open_teacher(conf: TeacherConf) -> "OpenAITeacher":
    """A client of the server at `base_url`; nothing is sent yet."""
    assert isinstance(conf.compute, OpenAICompute)
    return OpenAITeacher(conf, conf.compute, _key(conf.compute))


def _key(compute: OpenAICompute) -> str | None:
    name = compute.api_key_env
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise StillhouseError(
            f"The teacher's key is not set: put it into the environment variable {name} "
            f"(`export {name}=...`), which compute.api_key_env names."
        )
    if not set(key) <= set(string.ascii_letters + string.digits + string.punctuation):
        raise StillhouseError(
            f"The environment variable {name}, which compute.api_key_env names, holds blanks or "
            "signs that no key has. Set it to the key alone."
        )
    url = urlsplit(compute.base_url)
    if url.scheme == "http" and not is_loopback(url.hostname):
        announce(
            f"warning: the key in {name} goes to {url.hostname} without encryption, where anybody "
            "on the way can read it; let compute.base_url begin with https://."
        )
    return key


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for `url`, if any.

    Not the library's `trust_env`, which reads ~/.netrc as well: keys come from one place alone.
    """
    parts = urlsplit(url)
    if is_loopback(parts.hostname) or proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


class _AttemptError(Exception):
    """An attempt failed; another may succeed."""

    def __init__(
        self,
        reason: str,
        *,
        charged: bool = False,
        connected: bool = True,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason, self.charged, self.connected = reason, charged, connected
        self.retry_after = retry_after


class _RowError(Exception):
    """One request will not be completed, however often it is asked."""

    def __init__(self, reason: str, *, charged: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.charged = reason, charged


class OpenAITeacher:
    """Keeps up to `max_in_flight` requests open; results come out as they arrive.

    The event loop runs only inside `generate`, between two yields, so nothing here is threaded.
    """

    def __init__(self, conf: TeacherConf, compute: OpenAICompute, key: str | None) -> None:
        self._conf, self._compute, self._key = conf, compute, key
        self._url = f"{compute.base_url.rstrip('/')}/{endpoint(conf)}"
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession | None = None
        self._requests = RateLimit(compute.requests_per_minute)
        self._tokens = RateLimit(compute.tokens_per_minute)
        self._done: list[Outcome] = []
        self._proxy = _proxy(self._url)
        self._key_forms = (key, quote(key, safe=""), html.escape(key)) if key else ()
        """How the key may be written in a reply: as it is, in an address, in a page."""
        self._other_models: set[str] = set()
        self._started = self._last_completion = 0.0
        self._connected = self._completed = False
        self._refused = 0
        self._open = asyncio.Event()
        """Set once all workers may ask."""

    def prompt_tokens(self, requests: Sequence[Request]) -> list[int] | None:
        """None: the tokenizer is the server's."""
        del requests
        return None

    def generate(self, requests: Iterable[Request]) -> Iterator[list[Outcome]]:
        """The outcomes, as the protocol says; a tick at least every TICK_SECONDS."""
        if self._session is None:
            self._session = self._loop.run_until_complete(self._connect())
        self._started = self._last_completion = self._loop.time()
        pending = iter(requests)
        workers = [
            self._loop.create_task(self._work(pending, place))
            for place in range(self._compute.max_in_flight)
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

    def _take(self) -> list[Outcome]:
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
        )

    async def _work(self, pending: Iterator[Request], place: int) -> None:
        if place >= FIRST_REFUSALS:
            await self._open.wait()
        for request in pending:
            outcome = await self._outcome(request)
            self._done.append(outcome)
            self._check_life(outcome)
        self._open.set()  # nothing is left to be careful with

    def _check_life(self, outcome: Outcome) -> None:
        now = self._loop.time()
        if isinstance(outcome.result, Completion):
            self._last_completion = now
            self._completed = True
            self._open.set()
        elif self._refused >= FIRST_REFUSALS and not self._completed:
            raise StillhouseError(
                f"The first {self._refused} requests to {self._url} were all refused, the last "
                f"one so: {outcome.result.reason}. The others would be, too: correct the teacher's "
                "conf."
            )
        elif now - self._last_completion > self._compute.deadline_s:
            raise StillhouseError(
                f"No completion came from {self._url} for {now - self._last_completion:.0f} s "
                f"(compute.deadline_s is {self._compute.deadline_s:g}): {outcome.result.reason}. "
                "See whether the server is up."
            )

    async def _outcome(self, request: Request) -> Outcome:
        body = request_body(self._conf, request)
        deadline = self._loop.time() + self._compute.deadline_s
        attempt = charged = 0
        while True:
            try:
                completion = await self._attempt(body, request, deadline)
                return Outcome(request, completion, attempt, charged)
            except _RowError as error:
                # Where rows may fail, a run may consist of none but those that always do.
                self._refused += not self._compute.allow_failures
                failure = Failure(self._shown(error.reason))
                return Outcome(request, failure, attempt, charged + error.charged)
            except _AttemptError as error:
                charged += error.charged
                attempt += 1
                wait = wait_before(attempt, error.retry_after)
                if not error.connected:
                    self._check_start(error.reason, wait)
                gone = self._given_up(attempt, wait, deadline)
                if gone:
                    failure = Failure(f"{self._shown(error.reason)} ({gone})")
                    return Outcome(request, failure, attempt - 1, charged)
                await asyncio.sleep(wait)

    def _check_start(self, reason: str, wait: float) -> None:
        """A server that was never reached is not waited for as one that has gone away is."""
        if not self._connected and self._loop.time() + wait - self._started > START_SECONDS:
            raise StillhouseError(
                f"The server at {self._url} cannot be reached: {self._shown(reason)}. Start it, or "
                "correct compute.base_url."
            )

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
        prompt_tokens = most_prompt_tokens(request.messages) // 3  # as text usually has
        await self._tokens.take(prompt_tokens + self._conf.decoding.max_tokens)
        # A row's deadline ends its last attempt as well.
        seconds = max(0.001, min(self._compute.timeout_s, deadline - self._loop.time()))
        try:
            async with self._session.post(
                self._url,
                data=body,
                allow_redirects=False,
                proxy=self._proxy,
                timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS),
            ) as response:
                self._connected = True
                content = await response.read()
                after = parse_retry_after(response.headers.get("Retry-After"))
        except aiohttp.ConnectionTimeoutError as error:
            reason = f"no connection within {CONNECT_SECONDS:g} s"
            raise _AttemptError(reason, connected=False) from error
        except TimeoutError as error:
            raise _AttemptError("the server took too long", charged=True) from error
        except (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError) as error:
            why = getattr(error, "strerror", None) or getattr(error, "message", None) or error
            raise _AttemptError(f"no connection: {why}", connected=False) from error
        except (ValueError, aiohttp.NonHttpUrlClientError) as error:
            # An address that no request can be made of, the proxy's perhaps: nothing was sent.
            raise StillhouseError(
                self._shown(f"No request can be sent to {self._url}: {error}.")
                + " Correct compute.base_url, or the proxy that the environment names."
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise _AttemptError("the connection broke off", charged=True) from error
        if response.status != 200:
            raise self._error(response.status, said_in_error(content), content, after)
        completion = self._completion(content, after)
        if self._conf.format == "plain":  # the text may begin within a block that the prompt opened
            begun = opening(as_text(request.messages))
            completion = replace(completion, text=begun + completion.text)
        return completion

    def _completion(self, content: bytes, after: float | None) -> Completion:
        try:
            response = parse_response(content)
            completion = completion_in(self._conf, response)
        except ErrorResponseError as error:
            status, words = error.status, str(error)
            raise self._error(status, words, content, after, inside=True) from error
        except MalformedResponseError as error:
            raise _AttemptError(str(error), charged=error.charged) from error
        except UnusableResponseError as error:
            raise _RowError(str(error), charged=True) from error
        self._notice_model(response.get("model"))
        if not self._key or len(self._key) < LEAST_KEY:
            return completion
        reasoning = completion.reasoning and self._clean(completion.reasoning)
        return replace(completion, text=self._clean(completion.text), reasoning=reasoning)

    def _notice_model(self, name: object) -> None:
        if not isinstance(name, str) or name == self._conf.model.name or name in self._other_models:
            return
        self._other_models.add(name)
        announce(
            f"warning: the teacher {self._conf.model.name!r} was asked for, and the server says "
            f"that '{self._shown(name)}' wrote. Its completions are kept as the teacher's: see "
            "that both are the same model."
        )

    def _error(
        self,
        status: int | None,
        words: str,
        content: bytes,
        retry_after: float | None,
        *,
        inside: bool = False,
    ) -> Exception:
        """What an error of the server is: of the whole run, of one row, or of one attempt.

        `inside`: it came with the status 200, and what it says is all that there is to go by.
        """
        code = "" if status is None else f" {status}"
        said = f"an error instead of a response{code}" if inside else f"HTTP{code}"
        full = f"{said}: {words}" if words else said
        if status in FATAL or SPENT_QUOTA.encode() in content:
            return StillhouseError(f"{self._url} refuses: {self._shown(full)}.{self._hint(status)}")
        if status is None or status in PASSING or status >= 500:
            return _AttemptError(full if inside else said, retry_after=retry_after)
        return _RowError(full)

    def _hint(self, status: int | None) -> str:
        if status in (401, 403):
            name = self._compute.api_key_env
            return f" Check the key in {name}." if name else " Set compute.api_key_env."
        if status == 404:
            return f" Check compute.base_url and the model's name, {self._conf.model.name!r}."
        return " Check compute.base_url and your account."

    def _clean(self, text: str) -> str:
        """A server may repeat the key, in its error or even in a completion."""
        for form in self._key_forms:
            text = text.replace(form, "[key]")
        return text

    def _shown(self, text: str) -> str:
        """A server's words fit for an error: the key goes first, since a cut could halve it."""
        return printable(self._clean(text))[:SHOWN_CHARACTERS]


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
