"""The responses of OpenAI-compatible servers, as pure functions.

What a server says in an error is handed on whole: whoever shows it takes the key out first, and
cuts it after, since half a key behind a cut would not be found.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from stillhouse.config.compute import OpenAICompute
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.text import whole
from stillhouse.store.completion import Completion, FinishReason

MOST_TOKENS = 2**31 - 1
FINISH_REASONS: dict[str, FinishReason] = {
    **dict.fromkeys(
        ("stop", "eos", "eos_token", "end_turn", "stop_sequence", "stop_str", "complete"), "stop"
    ),
    **dict.fromkeys(
        ("length", "max_tokens", "max_length", "max_new_tokens", "max_output_tokens"), "length"
    ),
    "model_length": "length",
    **dict.fromkeys(
        ("refusal", "content_filter", "content_filtered", "safety", "prohibited_content"), "refusal"
    ),
}
"""Why a completion ended, in the words of known servers (in any case)."""
PASSING_REASONS = frozenset(
    {"error", "abort", "aborted", "cancelled", "insufficient_system_resource"}
)
"""A fault of the server while it wrote: another attempt may end well."""
NO_REASON = "null"
"""What a missing finish_reason is called in the entry."""


class MalformedResponseError(Exception):
    """A response with status 200 that holds no usable completion; another attempt may bring one."""

    def __init__(self, said: str, *, charged: bool = True) -> None:
        super().__init__(said)
        self.charged = charged


class UnusableResponseError(Exception):
    """A response that cannot be used, and asking again would bring the same."""


class ErrorResponseError(Exception):
    """A response with status 200 that is an error: what the server says, and its code if any."""

    def __init__(self, said: str, status: int | None) -> None:
        super().__init__(said)
        self.status = status


def parse_response(content: bytes) -> dict[str, Any]:
    """A response's JSON object, if it is no error."""
    try:
        response = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _no_json(content) from error
    if not isinstance(response, dict):
        raise MalformedResponseError(f"a malformed response: {_one_line(content)}")
    if (said := _error(response)) is not None:
        raise ErrorResponseError(_words(said), _code(said))
    return response


def completion_in(conf: TeacherConf, response: Mapping[str, Any]) -> Completion:
    """The completion that a response holds."""
    try:
        choice = response["choices"][0]
        message = choice["message"] if conf.format == "chat" else {"content": choice["text"]}
        refusal, content = message.get("refusal"), message.get("content")
        reason = choice.get("finish_reason")
        usage = response.get("usage") or {}
        prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    except (LookupError, TypeError, AttributeError) as error:
        raise MalformedResponseError(f"a malformed response: {json.dumps(response)}") from error
    parts = list(_parts(content))
    reasoning = _reasoning(message) or _reasoning(choice) or _join(parts, "reasoning")
    refusal = (refusal if isinstance(refusal, str) else None) or _join(parts, "refusal")
    text = _join(parts, "text")
    finish = "refusal" if refusal else _finish(conf, reason, completion)
    if text is None and (refusal or reasoning or finish != "stop"):
        text = refusal or ""  # cut before it began to write, or declined without a word
    if text is None:
        raise MalformedResponseError(f"a response without a text: {json.dumps(response)}")
    return Completion(
        whole(text), finish, prompt, completion, whole(reasoning) if reasoning else None
    )


def said_in_error(content: bytes) -> str:
    """The server's own words about an error, on one line."""
    try:
        response = json.loads(content)
    except (ValueError, RecursionError):
        return _one_line(content)
    error = _error(response) if isinstance(response, dict) else response
    return _words(response if error is None else error)


def _finish(conf: TeacherConf, reason: object, completion_tokens: int | None) -> FinishReason:
    assert isinstance(conf.compute, OpenAICompute)
    name = NO_REASON if reason is None else str(reason)
    known = FINISH_REASONS | conf.compute.finish_reasons
    found = known.get(name) or known.get(name.lower())
    if found is not None:
        return found
    if reason is None and completion_tokens is not None:
        return "length" if completion_tokens >= conf.decoding.max_tokens else "stop"
    if name.lower() in PASSING_REASONS:
        raise MalformedResponseError(f"the completion ended with finish_reason {name!r}")
    raise UnusableResponseError(
        f"the completion ended with finish_reason {name!r}; `compute.finish_reasons` of the "
        "teacher's entry can say what that means"
    )


def _count(usage: object, name: str) -> int | None:
    """A number of tokens; what is no such number is not known, since the completion is paid for."""
    value = usage.get(name) if isinstance(usage, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= MOST_TOKENS and value == int(value) else None


def _parts(content: object) -> Iterable[tuple[str, str]]:
    """A message's content as texts of a kind: text, reasoning or refusal."""
    if isinstance(content, str):
        yield "text", content
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            yield "text", part
        elif isinstance(part, dict):
            name = part.get("type")
            kind = {"thinking": "reasoning", "reasoning": "reasoning", "refusal": "refusal"}.get(
                str(name), "text"
            )
            for field in dict.fromkeys((str(name), "text")):
                if (text := _text(part.get(field))) is not None:
                    yield kind, text
                    break


def _text(value: object) -> str | None:
    """A text, or the texts of a list of parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return _join(list(_parts(value)), "text")
    return None


def _join(parts: Iterable[tuple[str, str]], kind: str) -> str | None:
    texts = [text for found, text in parts if found == kind]
    return "".join(texts) if texts else None


def _reasoning(message: Mapping[str, Any]) -> str | None:
    """What a server gives apart from the content as the model's reasoning."""
    for name in ("reasoning_content", "reasoning", "reasoning_details"):
        value = message.get(name)
        texts = [text for _kind, text in _parts(value)]
        if texts:
            return "".join(texts)
    return None


def _error(response: Mapping[str, Any]) -> Any:
    """The error that a response is, or holds in its only choice; None where there is none."""
    choices = response.get("choices")
    if choices:
        choice = choices[0] if isinstance(choices, list) else None
        return choice.get("error") if isinstance(choice, dict) else None
    if response.get("error"):
        return response["error"]
    if response.get("object") == "error" or (choices is None and "message" in response):
        return response
    return response.get("detail") or response.get("errors")


def _code(error: object) -> int | None:
    code = error.get("code") if isinstance(error, dict) else None
    text = str(code)
    return int(text) if text.isascii() and text.isdigit() and len(text) == 3 else None


def _words(error: object) -> str:
    message = error.get("message") or error if isinstance(error, dict) else error
    text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    return " ".join(text.split())


def _no_json(content: bytes) -> MalformedResponseError:
    if not content.strip():
        return MalformedResponseError("an empty response", charged=False)
    if content.lstrip()[:1] == b"<":  # a page of a proxy or of a login, not of the model
        return MalformedResponseError(
            f"HTML instead of a response: {_one_line(content)}", charged=False
        )
    return MalformedResponseError(f"a malformed response: {_one_line(content)}")


def _one_line(content: bytes) -> str:
    text = content.decode(errors="replace")
    if text.lstrip().startswith("<"):
        text = re.sub("<[^<>]*>", " ", text)
    return " ".join(text.split())
