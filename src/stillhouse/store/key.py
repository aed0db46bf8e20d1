"""The key of a completion: what changes it, and nothing else.

The key is the SHA-256 of canonical JSON (sorted keys, no spaces, ASCII escapes) of `payload`:

| field    | holds                                                                         |
|----------|-------------------------------------------------------------------------------|
| version  | KEY_VERSION                                                                   |
| model    | name and pinned source; `dtype` unless it is `auto`, the stored one;         |
|          | `engine` when there is any                                                    |
| format   | chat or plain                                                                 |
| messages | role and content of every message (chat)                                      |
| prompt   | the rendered text (plain), so that a change of the rendering changes the key  |
| decoding | temperature; stop strings, sorted; `extra`, with an enforced form of the      |
|          | reply, and `chat_template_kwargs` when there are any; top_p and seed only     |
|          | when sampled, since greedy decoding ignores both                              |
| sample   | index of the sample; 0 when greedy                                            |

Not in the key, because they do not change the completion: row id, order, k, parser, backend, host,
device, batch size, retries, price. Not in it either: `max_tokens`, since a completion that ended by
itself is the same under any larger limit; `reuse` decides which stored completion serves which
limit.

A change of this function makes every completion on file unreachable. It needs a new KEY_VERSION;
the golden values in the tests say so.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from stillhouse.config.teacher import Decoding, Model, TeacherConf
from stillhouse.core.messages import Message, as_text

KEY_VERSION = 1
KEY_BYTES = 32


def is_greedy(decoding: Decoding) -> bool:
    """Whether the completion is a function of the prompt alone."""
    return decoding.temperature == 0


def _decoding(decoding: Decoding) -> dict[str, Any]:
    values: dict[str, Any] = {
        "temperature": float(decoding.temperature),
        "stop": sorted(set(decoding.stop)),
    }
    if decoding.extra:
        values["extra"] = decoding.extra
    if decoding.chat_template_kwargs:
        values["chat_template_kwargs"] = decoding.chat_template_kwargs
    if not is_greedy(decoding):
        values |= {"top_p": float(decoding.top_p), "seed": decoding.seed}
    return values


def _model(model: Model) -> dict[str, Any]:
    values: dict[str, Any] = {"name": model.name, "source": model.source}
    if model.dtype != "auto":
        values["dtype"] = model.dtype
    if model.engine:
        values["engine"] = model.engine
    return values


def _prompt(conf: TeacherConf, messages: Sequence[Message]) -> object:
    if conf.format == "plain":
        return as_text(messages)
    return [{"role": message.role, "content": message.content} for message in messages]


def _payload(conf: TeacherConf, prompt: object, sample: int) -> dict[str, Any]:
    return {
        "version": KEY_VERSION,
        "model": _model(conf.model),
        "format": conf.format,
        "prompt" if conf.format == "plain" else "messages": prompt,
        "decoding": _decoding(conf.decoding),
        "sample": sample,
    }


def payload(conf: TeacherConf, messages: Sequence[Message], sample: int) -> dict[str, Any]:
    """All that changes the completion number `sample` to `messages`, as plain data."""
    return _payload(conf, _prompt(conf, messages), sample)


def canonical(value: object) -> str:
    """The one JSON text of a value: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def completion_key(conf: TeacherConf, messages: Sequence[Message], sample: int) -> bytes:
    """The key of one completion, 32 bytes: the definition."""
    return hashlib.sha256(canonical(payload(conf, messages, sample)).encode()).digest()


def key_function(conf: TeacherConf, sample: int) -> Callable[[str], bytes]:
    """`completion_key` as a function of the prompt's canonical JSON, all else settled before."""
    head, tail = _around_prompt(conf, sample)
    start, end = hashlib.sha256(head.encode()), tail.encode()

    def key(prompt: str) -> bytes:
        digest = start.copy()
        digest.update(prompt.encode() + end)
        return digest.digest()

    return key


def _around_prompt(conf: TeacherConf, sample: int) -> list[str]:
    """The canonical payload before and behind the prompt."""
    hole = "\0"
    # The user's own values may hold any text, this one, too: a hole is what is there once.
    while len(parts := canonical(_payload(conf, hole, sample)).split(canonical(hole))) > 2:
        hole += "\0"
    return parts


def chat_prompts(
    roles: Sequence[str], contents: Iterable[str], lengths: Iterable[int]
) -> Iterator[str]:
    """The canonical JSON of each row's messages; rows follow each other, `lengths` messages each.

    Written out by hand: hashing prompts is most of what a rerun of a large table does.
    """
    tails = {role: f',"role":{quoted(role)}}}' for role in set(roles)}
    texts = map(quoted, contents)
    turns = iter([f'{{"content":{t}{tails[r]}' for t, r in zip(texts, roles, strict=True)])
    return (f"[{','.join(islice(turns, length))}]" for length in lengths)


def plain_prompts(rows: Iterable[Sequence[Message]]) -> Iterator[str]:
    """The canonical JSON of each row's messages as text."""
    return (quoted(as_text(messages)) for messages in rows)
