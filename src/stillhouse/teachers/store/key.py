"""The key of an answer: what changes it, and nothing else.

The key is the SHA-256 of canonical JSON (sorted keys, no spaces, ASCII escapes) of `payload`:

| field    | holds                                                                         |
|----------|-------------------------------------------------------------------------------|
| version  | KEY_VERSION                                                                   |
| model    | name and pinned source                                                        |
| format   | chat or plain                                                                 |
| messages | role and content of every message (chat)                                      |
| prompt   | the rendered text (plain), so that a change of the rendering changes the key  |
| decoding | temperature; stop strings, sorted; `extra` when there is any; top_p and seed  |
|          | only when sampled, since greedy decoding ignores both                         |
| sample   | index of the sample; 0 when greedy                                            |

Not in the key, because they do not change the answer: row id, order, k, parser, engine, host,
device, batch size, retries, price. Not in it either: `max_tokens`, since an answer that ended by
itself is the same under any larger limit; `reuse` decides which stored answer serves which limit.

A change of this function makes every answer on file unreachable. It needs a new KEY_VERSION; the
golden values in the tests say so.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from stillhouse.config.teacher import Decoding, TeacherConf
from stillhouse.teachers.protocol import Message
from stillhouse.teachers.rendering import as_text

KEY_VERSION = 1
KEY_BYTES = 32


def is_greedy(decoding: Decoding) -> bool:
    """Whether the answer is a function of the prompt alone."""
    return decoding.temperature == 0


def _decoding(decoding: Decoding) -> dict[str, Any]:
    values: dict[str, Any] = {
        "temperature": float(decoding.temperature),
        "stop": sorted(set(decoding.stop)),
    }
    if decoding.extra:
        values["extra"] = decoding.extra
    if not is_greedy(decoding):
        values |= {"top_p": float(decoding.top_p), "seed": decoding.seed}
    return values


def _prompt(conf: TeacherConf, messages: Sequence[Message]) -> object:
    if conf.format == "plain":
        return as_text(messages)
    return [{"role": message.role, "content": message.content} for message in messages]


def _payload(conf: TeacherConf, prompt: object, sample: int) -> dict[str, Any]:
    return {
        "version": KEY_VERSION,
        "model": {"name": conf.model.name, "source": conf.model.source},
        "format": conf.format,
        "prompt" if conf.format == "plain" else "messages": prompt,
        "decoding": _decoding(conf.decoding),
        "sample": sample,
    }


def payload(conf: TeacherConf, messages: Sequence[Message], sample: int) -> dict[str, Any]:
    """All that changes the answer number `sample` to `messages`, as plain data."""
    return _payload(conf, _prompt(conf, messages), sample)


def canonical(value: object) -> str:
    """The one JSON text of a value: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def answer_key(conf: TeacherConf, messages: Sequence[Message], sample: int) -> bytes:
    """The key of one answer, 32 bytes: the definition."""
    return hashlib.sha256(canonical(payload(conf, messages, sample)).encode()).digest()


def key_function(conf: TeacherConf, sample: int) -> Callable[[str], bytes]:
    """`answer_key` as a function of the prompt's canonical JSON, all else settled beforehand."""
    hole = "\0"
    # `decoding`, the only part with nested keys of the user's, sorts before the prompt; so the
    # last hole is the prompt's.
    head, tail = canonical(_payload(conf, hole, sample)).rsplit(canonical(hole), 1)
    start, end = hashlib.sha256(head.encode()), tail.encode()

    def key(prompt: str) -> bytes:
        digest = start.copy()
        digest.update(prompt.encode() + end)
        return digest.digest()

    return key


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
