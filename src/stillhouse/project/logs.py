"""Production logs of a chat API as a dataset, and as a teacher whose answers are paid for already.

A line is what was sent and what came back, in any of the usual forms: `messages` beside `reply` (or
`response`, `completion`, `output`), a `request` beside a `response`, or messages of which the last
is the assistant's. Replies and responses are texts, messages, or the API's own objects.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stillhouse.core.errors import StillhouseError
from stillhouse.ingest.files import RawRow

REPLIES = ("reply", "response", "completion", "output")
REQUESTS = ("request", "body", "input")
STREAM = "data: {"
OF_AN_API = frozenset({"messages", "choices", "body", "content"})
TOOLS = ("tool_calls", "function_call")
CUT = ("length", "max_tokens")
"""Reasons to end at the token limit."""
ROLES = {"user": "User", "assistant": "Assistant", "system": "System"}


@dataclass(frozen=True)
class Exchange:
    """One request and its reply."""

    messages: tuple[tuple[str, str], ...]
    """Role and text."""
    reply: str
    model: str
    cut: bool
    """Whether the reply ended at the token limit."""
    usage: tuple[int | None, int | None] = (None, None)
    """The tokens that were paid for: of the request, and of the reply."""

    @property
    def id(self) -> str:
        """Made of what was sent, so that it stays the same in a longer log."""
        said = json.dumps(self.messages, ensure_ascii=False)
        return f"log-{hashlib.sha256(said.encode()).hexdigest()[:16]}"


@dataclass
class Log:
    """What a log holds of one model, each request once, and what was passed over."""

    model: str
    exchanges: list[Exchange]
    passed_over: Counter[str] = field(default_factory=Counter)

    @property
    def system(self) -> str | None:
        """The system message that every request has; None where they differ or have none."""
        found = {_system(each) for each in self.exchanges}
        return found.pop() if len(found) == 1 else None

    def query(self, exchange: Exchange) -> str:
        """What a request asks: the user's text, or the conversation that leads to it."""
        shared = self.system is not None
        told = [each for each in exchange.messages if not (shared and each[0] == "system")]
        if len(told) == 1:
            return told[0][1]
        return "\n".join(f"{ROLES.get(role, role)}: {text}" for role, text in told)


def read_log(rows: Iterable[RawRow], model: str | None = None) -> Log:
    """The exchanges of one model: of `model`, else of the one that wrote most of them."""
    passed_over: Counter[str] = Counter()
    found = []
    for row in rows:
        exchange = _exchange(row)
        if isinstance(exchange, str):
            passed_over[exchange] += 1
        else:
            found.append(exchange)
    models = Counter(each.model for each in found)
    if not models:
        reasons = ", ".join(f"{reason} ({count:,})" for reason, count in passed_over.items())
        raise StillhouseError(f"The log holds no request with a reply: {reasons or 'it is empty'}.")
    if model is not None and model not in models:
        raise StillhouseError(f"The log has no model {model!r}. It has {_listed(models)}.")
    chosen = model or models.most_common(1)[0][0]
    if others := sum(count for name, count in models.items() if name != chosen):
        passed_over[f"of another model than {chosen}"] += others
    kept: dict[str, Exchange] = {}
    for each in found:
        if each.model != chosen:
            continue
        first = kept.setdefault(each.id, each)
        if first is not each:
            same = first.reply == each.reply
            passed_over["asked again" if same else "asked again, with another reply"] += 1
    return Log(chosen, list(kept.values()), passed_over)


def queries_of(log: Log) -> list[dict[str, str]]:
    """Rows of the dataset: id and query."""
    return [{"id": each.id, "query": log.query(each)} for each in log.exchanges]


def replies_of(log: Log, *, cut: bool) -> list[dict[str, Any]]:
    """Recorded outputs: those that ended by themselves, or those that were cut."""
    names = ("prompt_tokens", "completion_tokens")
    return [
        {"id": each.id, "reply": each.reply} | dict(zip(names, each.usage, strict=True))
        for each in log.exchanges
        if each.cut is cut
    ]


def _system(exchange: Exchange) -> str | None:
    told = [text for role, text in exchange.messages if role in ("system", "developer")]
    return "\n\n".join(told) or None


def _exchange(row: RawRow) -> Exchange | str:
    """The exchange of a line, or in a few words why there is none."""
    values = _nested(row.values)
    sent = values.get("messages")
    system = values.get("system")  # beside the messages, as one API has it
    if any(
        isinstance(values.get(name), str) and values[name].startswith(STREAM) for name in REPLIES
    ):
        return "with a stream in place of its reply"
    if isinstance(sent, str):
        sent = [{"role": "user", "content": sent}]
    if not isinstance(sent, Sequence) or not sent:
        return "without messages"
    if not all(map(_is_text, sent)):
        return "with images, files or tools"
    messages = [_message(each, row.where) for each in sent]
    if system:
        messages.insert(0, ("system", _content(system)))
    given = next((values[name] for name in REPLIES if values.get(name) is not None), None)
    reply, cut = _reply(given, values)
    if reply is None and messages[-1][0] == "assistant":
        reply = messages.pop()[1]
    if not reply or not messages:
        return "without a reply"
    model = values.get("model") or "the logged model"
    return Exchange(tuple(messages), reply, str(model), cut, _usage(given, values))


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """A line with what its request says beside its response; the response's model is the exact
    one.
    """
    values = {name: _decoded(value) for name, value in values.items()}
    found = dict(values)
    for name in REQUESTS:
        if isinstance(values.get(name), Mapping):
            found = {**values[name], **found}
    response = values.get("response")
    if isinstance(response, Mapping):
        body = response.get("body")
        found["response"] = body if isinstance(body, Mapping) else response
        found["model"] = found["response"].get("model") or found.get("model")
    return found


def _decoded(value: object) -> object:
    """A request or a response that is kept as a text of JSON; any other value as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return value
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, dict) and found.keys() & OF_AN_API else value


def _is_text(message: object) -> bool:
    """Whether a message says all that it says in text."""
    if not isinstance(message, Mapping):
        return True  # what it is instead is said where it is read
    content = message.get("content")
    parts = content if isinstance(content, Sequence) and not isinstance(content, str) else ()
    tools = message.get("role") in ("tool", "function") or any(map(message.get, TOOLS))
    return not tools and all(isinstance(p, Mapping) and "text" in p for p in parts)


def _message(value: object, where: str) -> tuple[str, str]:
    if not isinstance(value, Mapping) or not isinstance(value.get("role"), str):
        raise StillhouseError(
            f"{where}: a message is {str(value)[:60]!r}; expected an object with `role` and "
            "`content`."
        )
    return value["role"], _content(value.get("content"))


def _content(content: object) -> str:
    """A message's text; of parts the texts."""
    if isinstance(content, Sequence) and not isinstance(content, str):
        parts = (part.get("text") for part in content if isinstance(part, Mapping))
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _reply(given: object, line: Mapping[str, Any]) -> tuple[str | None, bool]:
    """The reply's text, and whether it was cut at the token limit."""
    finish = line.get("finish_reason", line.get("stop_reason"))
    if isinstance(given, Mapping) and isinstance(given.get("choices"), Sequence):
        choices = given["choices"]
        given = choices[0] if choices else None
    if isinstance(given, Mapping):
        finish = given.get("finish_reason", given.get("stop_reason", finish))
        given = given.get("message", given)
    if not _is_text(given):
        return None, False
    if isinstance(given, Mapping):
        given = given.get("content", given.get("text"))
    text = _content(given)
    return text if text.strip() else None, finish in CUT


def _usage(given: object, line: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """The tokens of request and reply, by either of the names that APIs have for them."""
    usage = given.get("usage") if isinstance(given, Mapping) else None
    usage = usage or line.get("usage")
    if not isinstance(usage, Mapping):
        return None, None
    sent = usage.get("prompt_tokens", usage.get("input_tokens"))
    written = usage.get("completion_tokens", usage.get("output_tokens"))
    return (
        sent if isinstance(sent, int) else None,
        written if isinstance(written, int) else None,
    )


def _listed(models: Counter[str]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in models.most_common())
