"""The requests and replies of OpenAI-compatible servers, as pure functions."""

import json
from typing import Any

from stillhouse.config.teacher import TeacherConf
from stillhouse.teachers.protocol import Completion, Request
from stillhouse.teachers.rendering import as_text
from stillhouse.teachers.store.key import is_greedy

SHOWN_CHARACTERS = 200


class MalformedReplyError(Exception):
    """A reply with status 200 that holds no usable completion."""


class RefusedReplyError(Exception):
    """A reply that ended for a reason other than stop or length; asking again would not help."""


def endpoint(conf: TeacherConf) -> str:
    """The path below `base_url`: chat messages, or a plain prompt."""
    return "chat/completions" if conf.format == "chat" else "completions"


def request_body(conf: TeacherConf, request: Request) -> bytes:
    """The JSON body that asks for one completion."""
    decoding = conf.decoding
    body: dict[str, Any] = {
        "model": conf.model.name,
        conf.compute.max_tokens_field: decoding.max_tokens,
        "temperature": decoding.temperature,
    }
    if not is_greedy(decoding):
        body |= {"top_p": decoding.top_p, "seed": request.seed}
    if decoding.stop:
        body["stop"] = list(decoding.stop)
    if conf.format == "chat":
        body["messages"] = [message._asdict() for message in request.messages]
    else:
        body["prompt"] = as_text(request.messages)
    return json.dumps(body | decoding.extra).encode()


def read_reply(conf: TeacherConf, content: bytes) -> Completion:
    """The completion in a reply; raises MalformedReplyError or RefusedReplyError."""
    try:
        reply = json.loads(content)
        choice = reply["choices"][0]
        text = choice["message"]["content"] if conf.format == "chat" else choice["text"]
        reason = choice["finish_reason"]
        usage = reply.get("usage") or {}
        prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise MalformedReplyError(_excerpt(content)) from error
    if reason not in ("stop", "length"):
        raise RefusedReplyError(f"the completion ended with finish_reason {reason!r}")
    if text is None and reason == "length":
        text = ""  # a reasoning model that was cut before it began to answer
    if not isinstance(text, str) or not _counts(prompt) or not _counts(completion):
        raise MalformedReplyError(_excerpt(content))
    return Completion(text, reason, prompt, completion)


def _counts(value: object) -> bool:
    return value is None or (type(value) is int and value >= 0)


def _excerpt(content: bytes) -> str:
    return content[:SHOWN_CHARACTERS].decode(errors="replace")


def error_message(content: bytes) -> str:
    """The server's own words about an error, cut to a line."""
    try:
        error = json.loads(content)
        error = error.get("error", error)
        message = error.get("message", error) if isinstance(error, dict) else error
    except (ValueError, AttributeError):
        message = content.decode(errors="replace")
    return " ".join(str(message).split())[:SHOWN_CHARACTERS]
