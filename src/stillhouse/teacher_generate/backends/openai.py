"""Any OpenAI-compatible server: hosted, or vLLM, SGLang, llama.cpp, Ray Serve of one's own."""

import asyncio
import html
import os
import ssl
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
from stillhouse.teacher_generate.openai_api.contact import (
    Contact,
    advice_on_models,
    answers,
    models_at,
)
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
    wait_for_server,
)
from stillhouse.teacher_generate.protocol import Failure, Outcome, Request, UnbilledError
from stillhouse.teacher_generate.spending import most_prompt_tokens

if TYPE_CHECKING:
    import aiohttp

TICK_SECONDS = 0.05
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


START_IT = "Start it, or correct compute.base_url."
NO_SERVER = (
    "Something else listens there, or it wants {other}:// instead of {own}://: correct "
    "compute.base_url."
)
NO_MODEL = (
    "What answers there is no OpenAI-compatible server: correct compute.base_url, which ends in "
    "/v1 for most."
)


class _AttemptError(Exception):
    """An attempt failed; another may succeed.

    `missing` says what to do where no server was found; it is empty where one answered. `words`
    are the server's own, which need not repeat.
    """

    def __init__(
        self,
        reason: str,
        *,
        charged: bool = False,
        missing: str = "",
        retry_after: float | None = None,
        words: str = "",
    ) -> None:
        super().__init__(reason)
        self.reason, self.charged, self.missing = reason, charged, missing
        self.retry_after, self.words = retry_after, words


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
        self._last_completion = 0.0
        self._contact = Contact(compute.base_url, compute.deadline_s, self._shown)
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
        self._last_completion = self._loop.time()
        self._contact.begin(self._last_completion)
        pending = iter(requests)
        workers = [
            self._loop.create_task(self._work(pending, place))
            for place in range(self._compute.max_in_flight)
        ]
        look = self._loop.create_task(self._look_into_silence())
        try:
            while self._loop.run_until_complete(_tick(workers)):
                yield self._take()
            yield self._take()
            for worker in workers:
                if worker.done():
                    worker.result()  # raises what ended the run
        finally:
            self._loop.run_until_complete(_cancel([*workers, look]))

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
            self._contact.complete(now)
            self._open.set()
        elif self._refused >= FIRST_REFUSALS and not self._contact.completed:
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
        attempt = charged = missed = 0
        while True:
            try:
                completion = await self._attempt(body, request, deadline)
                return Outcome(request, completion, attempt + missed, charged)
            except _RowError as error:
                self._contact.hear()
                # Where rows may fail, a run may consist of none but those that always do.
                self._refused += not self._compute.allow_failures
                failure = Failure(self._shown(error.reason))
                return Outcome(request, failure, attempt + missed, charged + error.charged)
            except _AttemptError as error:
                charged += error.charged
                now = self._loop.time()
                if error.missing:  # which says nothing of the row: only its deadline ends it
                    missed += 1
                    wait = wait_for_server(missed)
                    self._contact.lose(
                        error.reason, error.missing, now, wait, charged=error.charged
                    )
                else:
                    attempt += 1
                    wait = wait_before(attempt, error.retry_after)
                    self._contact.trouble(error.words or error.reason, now)
                gone = self._given_up(attempt, wait, deadline)
                if gone:
                    failure = Failure(f"{self._shown(error.reason)} ({gone})")
                    return Outcome(request, failure, max(0, attempt + missed - 1), charged)
                await asyncio.sleep(wait)

    async def _look_into_silence(self) -> None:
        """Say so when a server takes requests and nothing comes from it, not even to another."""
        while not self._contact.is_silent(self._loop.time()):
            if self._contact.heard:
                return
            await asyncio.sleep(TICK_SECONDS)
        assert self._session
        address = self._compute.base_url
        if not await answers(self._session, address, self._proxy) and not self._contact.heard:
            seconds = self._loop.time() - self._contact.started
            announce(
                f"warning: {address} has said nothing for {seconds:.0f} s, not even to GET "
                "/models. It is busy with the first requests, or it hangs, or is no such server; "
                f"each request waits up to {self._compute.timeout_s:g} s (compute.timeout_s)."
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
                content = await response.read()
                after = parse_retry_after(response.headers.get("Retry-After"))
        except aiohttp.ConnectionTimeoutError as error:
            reason = f"no connection within {CONNECT_SECONDS:g} s"
            raise _AttemptError(reason, missing=START_IT) from error
        except TimeoutError as error:
            raise _AttemptError("the server took too long", charged=True) from error
        except (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError) as error:
            is_tls = isinstance(error, aiohttp.ClientSSLError | aiohttp.ClientConnectorSSLError)
            advice = self._no_server() if is_tls else START_IT
            raise _AttemptError(f"no connection: {_why(error)}", missing=advice) from error
        except (ValueError, aiohttp.NonHttpUrlClientError) as error:
            # An address that no request can be made of, the proxy's perhaps: nothing was sent.
            raise StillhouseError(
                self._shown(f"No request can be sent to {self._url}: {error}.")
                + " Correct compute.base_url, or the proxy that the environment names."
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            missing = "" if self._contact.heard else self._no_server()
            reason = "the connection broke off"
            raise _AttemptError(reason, charged=True, missing=missing) from error
        if response.status == 404:
            said = f"HTTP 404: {said_in_error(content)}"
            raise self._refusal(said, await self._hint_of_404())
        if response.status != 200:
            raise self._error(response.status, said_in_error(content), content, after)
        completion = self._completion(content, after)
        if self._conf.format == "plain":  # the text may begin within a block that the prompt opened
            begun = opening(as_text(request.messages))
            completion = replace(completion, text=begun + completion.text)
        return completion

    def _no_server(self) -> str:
        own = urlsplit(self._url).scheme
        return NO_SERVER.format(own=own, other="https" if own == "http" else "http")

    def _completion(self, content: bytes, after: float | None) -> Completion:
        try:
            response = parse_response(content)
            completion = completion_in(self._conf, response)
        except ErrorResponseError as error:
            status, words = error.status, str(error)
            raise self._error(status, words, content, after, inside=True) from error
        except MalformedResponseError as error:
            missing = "" if self._contact.heard else NO_MODEL
            raise _AttemptError(str(error), charged=error.charged, missing=missing) from error
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
            return self._refusal(full, self._hint(status))
        if status is None or status in PASSING or status >= 500:
            return _AttemptError(full if inside else said, retry_after=retry_after, words=full)
        return _RowError(full)

    def _refusal(self, said: str, advice: str) -> StillhouseError:
        """What every other request would be told, too."""
        error = StillhouseError if self._contact.completed else UnbilledError
        shown = self._shown(said).strip().removesuffix(".").removesuffix(":")
        return error(f"{self._url} refuses: {shown}.{advice}")

    def _hint(self, status: int | None) -> str:
        if status in (401, 403):
            name = self._compute.api_key_env
            return f" Check the key in {name}." if name else " Set compute.api_key_env."
        return " Check compute.base_url and your account."

    async def _hint_of_404(self) -> str:
        """Which of address and model is wrong, as far as the server tells."""
        assert self._session
        base, name = self._compute.base_url.rstrip("/"), self._conf.model.name
        models = await models_at(self._session, base, self._proxy)
        if models and name not in models:
            return advice_on_models(name, models)
        if models is None and await models_at(self._session, f"{base}/v1", self._proxy) is not None:
            return f" A server answers at {base}/v1: set compute.base_url to that."
        return f" Check compute.base_url and the model's name, {name!r}."

    def _clean(self, text: str) -> str:
        """A server may repeat the key, in its error or even in a completion."""
        for form in self._key_forms:
            text = text.replace(form, "[key]")
        return text

    def _shown(self, text: str) -> str:
        """A server's words fit for an error: the key goes first, since a cut could halve it."""
        return printable(self._clean(text))[:SHOWN_CHARACTERS]


def _why(error: Exception) -> str:
    """Why there is no connection, as systems say it: `connection refused`."""
    inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    if isinstance(inner, ssl.SSLError | ssl.CertificateError):
        return f"TLS: {getattr(inner, 'verify_message', None) or inner.reason or inner}".lower()
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number).lower()
    said = getattr(error, "strerror", None) or getattr(error, "message", None) or error
    return str(said)


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
