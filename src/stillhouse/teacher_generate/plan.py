"""What a run has to do: the key of every completion, and which of them nobody has given yet."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import islice
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from stillhouse.config.teacher import Decoding, TeacherConf
from stillhouse.core.messages import Message
from stillhouse.store.key import (
    KEY_BYTES,
    canonical,
    chat_prompts,
    is_greedy,
    key_function,
    plain_prompts,
)
from stillhouse.store.store import Store
from stillhouse.teacher_generate.protocol import Request
from stillhouse.teacher_generate.registry import backend

CHUNK = 256


@dataclass(frozen=True)
class Plan:
    """The completions of one run; with n samples, completion p is sample p % n of row p // n."""

    prompts: pa.Table
    decoding: Decoding
    keys: "pa.Array[Any]"
    """The key of every completion, binary(32)."""
    found: pa.Table
    """What the store had for every completion, nulls where nothing."""
    looked_through: frozenset[str] = frozenset()
    """Names of the segments that this was found in; whatever else there is came later."""

    @cached_property
    def missing(self) -> dict[bytes, int]:
        """One completion for each distinct key without one: equal prompts are asked once."""
        positions = pc.indices_nonzero(self.found["text"].is_null())
        keys: list[Any] = self.keys.take(positions).to_pylist()
        first: dict[bytes, int] = {}
        for key, position in zip(keys, cast(list[int], positions.to_pylist()), strict=True):
            first.setdefault(key, position)
        return first

    def first_of_each(self) -> list[bool]:
        """Of every completion, whether it is the first with its key: equal prompts are one
        request.
        """
        keys: list[Any] = self.keys.to_pylist()
        first: dict[bytes, int] = {}
        return [first.setdefault(key, position) == position for position, key in enumerate(keys)]

    @property
    def reused(self) -> int:
        """How many completions the store had."""
        return len(self.keys) - self.found["text"].null_count

    def requests(self, positions: Iterable[int]) -> Iterator[Request]:
        """The requests for some completions, made a chunk at a time as they are taken."""
        left, samples = iter(positions), self.decoding.samples
        while chunk := list(islice(left, CHUNK)):
            rows = self.prompts.take(pa.array([position // samples for position in chunk]))
            for position, (id_, messages) in zip(chunk, _rows(rows), strict=True):
                yield Request(id_, position % samples, tuple(messages), self._seed(position))

    def _seed(self, position: int) -> int | None:
        if is_greedy(self.decoding):
            return None
        key: bytes = self.keys[position].as_py()
        return int.from_bytes(key[:4], "big") >> 1  # servers take a signed 32-bit seed


def make_plan(prompts: pa.Table, conf: TeacherConf, store: Store) -> Plan:
    """Look up every completion that `prompts` needs of this teacher."""
    keys = completion_keys(prompts, conf)
    listed = frozenset(path.name for path in store.paths())
    found = store.look_up(keys, conf.decoding.max_tokens)
    return Plan(prompts, conf.decoding, keys, found, listed)


def completion_keys(prompts: pa.Table, conf: TeacherConf) -> "pa.Array[Any]":
    """The keys of all completions, row by row and sample by sample."""
    samples = range(conf.decoding.samples)
    if backend(conf.compute.backend).stored:
        by_sample = [key_function(conf, sample) for sample in samples]
        keys = [key(prompt) for prompt in _prompts(prompts, conf) for key in by_sample]
    else:  # the completion belongs to the row, whatever its prompt
        ids = prompts["id"].to_pylist()
        keys = [sha256(canonical([id_, n]).encode()).digest() for id_ in ids for n in samples]
    joined = pa.py_buffer(b"".join(keys))
    return pa.Array.from_buffers(pa.binary(KEY_BYTES), len(keys), [None, joined])


def _prompts(prompts: pa.Table, conf: TeacherConf) -> Iterator[str]:
    if conf.format == "plain":
        yield from plain_prompts(messages for _id, messages in _rows(prompts))
        return
    for batch in prompts.to_batches():
        yield from chat_prompts(*_columns(batch))


def _rows(prompts: pa.Table) -> Iterator[tuple[str, list[Message]]]:
    for batch in prompts.to_batches():
        roles, contents, lengths = _columns(batch)
        flat = map(Message, roles, contents)
        ids: list[Any] = batch["id"].to_pylist()
        for id_, length in zip(ids, lengths, strict=True):
            yield id_, list(islice(flat, length))


def _columns(batch: pa.RecordBatch) -> tuple[list[str], list[str], list[int]]:
    """Roles and contents of all messages, and how many each row has: faster than row by row."""
    turns = pc.list_flatten(batch["messages"])
    roles, contents = pc.struct_field(turns, "role"), pc.struct_field(turns, "content")
    return (
        roles.to_pylist(),
        contents.to_pylist(),
        pc.list_value_length(batch["messages"]).to_pylist(),
    )
