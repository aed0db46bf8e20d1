"""A student over HTTP: its own `/predict`, and the chat completions that OpenAI's clients ask for.

Nothing is written down of what is asked. There is no password, so it listens at 127.0.0.1 unless
told otherwise.
"""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from aiohttp import web

from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.json_text import parse_json
from stillhouse.core.progress import announce
from stillhouse.deployment.asker import Answer, Asker, Query
from stillhouse.deployment.batches import Batches

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Body = Mapping[str, Any]

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SHUTDOWN_S = 60.0
"""How long what has begun may take to end."""
INPUTS, RATIONALE = "inputs", "rationale"
UNSUPPORTED = ("tools", "functions", "logprobs", "audio", "modalities")
"""What a chat request may ask for, and a student of labels has not."""
PLACES = ("POST /predict", "POST /v1/chat/completions", "GET /v1/models", "GET /health")
_NUMBERS = count(1)
_ASKER = web.AppKey("asker", Asker)
_BATCHES = web.AppKey("batches", Batches[Query, Answer])


@dataclass(frozen=True)
class Options:
    """How a server listens, and how many queries it answers together."""

    host: str = "127.0.0.1"
    port: int = 8000
    name: str = "student"
    batch_size: int = 32
    wait_s: float = 0.005
    max_bytes: int = 4_000_000


_OPTIONS = web.AppKey("options", Options)


class Refused(Exception):
    """A request that is not answered, and the status that says why."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def run(asker: Asker, options: Options) -> None:
    """Serve until a signal says to end; then end what has begun."""
    announce(f"Loading {asker.folder} ...")
    _ = asker.student  # before the first request, and before the port is open
    try:
        asyncio.run(_serve(make_app(asker, options), options))
    except OSError as error:
        raise StillhouseError(
            f"Cannot listen at {options.host}:{options.port}: {error.strerror or error}. Give "
            "another --port (0 for any that is free), or --host."
        ) from error


async def _serve(app: web.Application, options: Options) -> None:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, options.host, options.port).start()
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        for number in SIGNALS:
            loop.add_signal_handler(number, ended.set)
        host, port = runner.addresses[0][:2]
        announce(f"Serving {options.name!r} at http://{host}:{port}; Ctrl-C ends it.")
        announce(f"{app[_ASKER].scores.capitalize()}.")
        await ended.wait()
        for number in SIGNALS:
            loop.remove_signal_handler(number)  # a second one does not wait
        announce("Ending what has begun ...")
    finally:
        await runner.cleanup()


def make_app(asker: Asker, options: Options) -> web.Application:
    """The server's application, whose student answers once it has started."""
    app = web.Application(client_max_size=options.max_bytes, middlewares=[_as_json])
    app[_ASKER], app[_OPTIONS] = asker, options
    app[_BATCHES] = Batches(partial(_answers, asker), options.batch_size, options.wait_s)
    app.cleanup_ctx.append(_answering)
    app.add_routes(
        [
            web.get("/health", _health),
            web.post("/predict", _predict),
            web.get("/v1/models", _models),
            web.post("/v1/chat/completions", _chat),
        ]
    )
    return app


def _answers(asker: Asker, queries: Sequence[Query], rationale: bool) -> list[Answer]:
    return asker.answers(queries, rationale=rationale)


async def _answering(app: web.Application) -> AsyncIterator[None]:
    app[_BATCHES].start()
    yield
    await app[_BATCHES].stop()


@web.middleware
async def _as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong is an object of JSON, as OpenAI's clients read it."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        reasons = {
            404: f"There is no {request.path} here; there are {', '.join(PLACES)}.",
            405: f"{request.path} does not take {request.method}.",
            413: f"The request is larger than {request.app[_OPTIONS].max_bytes:,} bytes.",
        }
        return _error(reasons.get(error.status, error.reason), error.status)
    except Refused as refused:
        return _error(str(refused), refused.status)
    except StillhouseError as error:
        return _error(str(error), 400)
    except Exception as error:  # the server goes on, and the client is told
        announce(f"error: {type(error).__name__}: {error}")
        return _error(f"The student failed: {type(error).__name__}.", 500)


def _error(message: str, status: int) -> web.Response:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return _json({"error": {"message": message, "type": kind, "code": status}}, status)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.json_response(value, status=status, dumps=partial(json.dumps, ensure_ascii=False))


async def _body(request: web.Request) -> Body:
    data = await request.read()
    try:
        value = parse_json(data.decode("utf-8-sig"), "The request")
    except UnicodeDecodeError as error:
        raise Refused(f"The request is not UTF-8 text (byte {error.start}).") from error
    if not isinstance(value, dict):
        raise Refused(f"The request should be a JSON object, found {type(value).__name__}.")
    return value


async def _health(request: web.Request) -> web.Response:
    return _json({"status": "ok", "model": request.app[_OPTIONS].name})


async def _predict(request: web.Request) -> web.Response:
    """`{"inputs": ...}`, a text or an object of columns, or a list of these; `rationale`: true."""
    body = await _body(request)
    known = (INPUTS, RATIONALE)
    if unknown := [name for name in body if name not in known]:
        raise Refused(f"There is no {unknown[0]!r}.{did_you_mean(unknown[0], known)}")
    if INPUTS not in body:
        raise Refused(f"The request has no `{INPUTS}`: a text, an object of columns, or a list.")
    inputs, rationale = body[INPUTS], _flag(body, RATIONALE)
    asker = request.app[_ASKER]
    if rationale:
        asker.require_rationales()
    several = isinstance(inputs, list)
    queries = [
        _query(asker, each, f"`{INPUTS}` {place}" if several else f"`{INPUTS}`")
        for place, each in enumerate(inputs if several else [inputs], 1)
    ]
    if not several and queries[0].problem:
        raise Refused(f"No query can be made of it: {queries[0].problem}.", 422)
    answers = await request.app[_BATCHES].ask(queries, rationale)
    found = [_shown(each, rationale=rationale) for each in answers]
    return _json({"predictions": found} if several else found[0])


def _flag(body: Body, name: str) -> bool:
    value = body.get(name) or False
    if not isinstance(value, bool):
        raise Refused(f"`{name}` is {value!r}; it is true or false.")
    return value


def _query(asker: Asker, value: Any, where: str) -> Query:
    if isinstance(value, str):
        return asker.of_text(value)
    if not isinstance(value, dict):
        raise Refused(f"{where} is {type(value).__name__}; give a text or an object of columns.")
    return asker.of_row(value, where)


def _shown(answer: Answer, *, rationale: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"prediction": answer.prediction, "score": answer.score}
    if rationale:
        found[RATIONALE] = answer.rationale
    if answer.truncated:
        found["truncated"] = True
    if answer.problem:
        found["problem"] = answer.problem
    return found


async def _models(request: web.Request) -> web.Response:
    return _json({"object": "list", "data": [_model(request.app[_OPTIONS].name)]})


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "stillhouse"}


async def _chat(request: web.Request) -> web.StreamResponse:
    """The last user message is the query: the student's one column, else as the dataset writes it.

    What comes before it, a system message or earlier turns, a student of labels has never learnt to
    read; one of conversations replies to all of it.
    """
    body, name = await _body(request), request.app[_OPTIONS].name
    if body.get("model") != name:
        raise Refused(f"There is no model {body.get('model')!r}; this one is {name!r}.", 404)
    for asked in UNSUPPORTED:
        if body.get(asked):
            raise Refused(f"`{asked}` is not for this model: it answers with a label.")
    if body.get("n") not in (None, 1):
        raise Refused(f"`n` is {body['n']!r}; the student has one answer, so it is 1.")
    if (body.get("response_format") or {"type": "text"}) != {"type": "text"}:
        raise Refused("`response_format` is not for this model: it answers with a label.")
    asker = request.app[_ASKER]
    query = _of_chat(asker, body.get("messages"))
    (answer,) = await request.app[_BATCHES].ask([query], False)
    if answer.problem:
        raise Refused(f"No reply: {answer.problem}.", 422)
    made = _completion(name, answer, f"chatcmpl-{next(_NUMBERS)}")
    return await _streamed(request, made) if _flag(body, "stream") else _json(made)


def _of_chat(asker: Asker, messages: Any) -> Query:
    text = _last_user_message(messages)
    if asker.chats:
        query = asker.of_messages([*messages[:-1], {"role": "user", "content": text}])
    else:
        query = asker.of_text(text) if len(asker.columns) == 1 else asker.as_written(text)
    if query.problem:
        of = "messages" if asker.chats else "last message"
        raise Refused(f"No query can be made of the {of}: {query.problem}.", 422)
    return query


def _last_user_message(messages: Any) -> str:
    last = messages[-1] if isinstance(messages, list) and messages else None
    if not isinstance(last, dict) or last.get("role") != "user":
        raise Refused("`messages` should end with one of the role `user`.")
    content = last.get("content")
    if isinstance(content, list):
        given = (part.get("text") if isinstance(part, dict) else None for part in content)
        parts = [text for text in given if isinstance(text, str)]
        if len(parts) < len(content):
            raise Refused("The last message holds something else than text.")
        content = "".join(parts)
    if not isinstance(content, str):
        raise Refused("The last message has no `content` that is a text.")
    return content


def _completion(name: str, answer: Answer, id_: str) -> dict[str, Any]:
    prompt, completion = answer.tokens
    message = {"role": "assistant", "content": answer.prediction}
    return {
        "id": id_,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": name,
        "choices": [
            {"index": 0, "message": message, "finish_reason": "stop", "score": answer.score}
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        },
    }


async def _streamed(request: web.Request, made: Mapping[str, Any]) -> web.StreamResponse:
    """The whole answer as one event, since a label is chosen whole."""
    (choice,) = made["choices"]
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    chunk = {name: made[name] for name in ("id", "created", "model")}
    chunk |= {"object": "chat.completion.chunk"}
    for delta, reason in ((choice["message"], None), ({}, choice["finish_reason"])):
        event = chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        await response.write(f"data: {json.dumps(event)}\n\n".encode())
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response
