"""Asking a student that others have trained and a server holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from stillhouse.config.compute import OpenAICompute
from stillhouse.config.student import Asked, StudentDecoding, served_teacher
from stillhouse.config.teacher import Price
from stillhouse.core.tables import PROMPTS
from stillhouse.core.text import cut
from stillhouse.store.store import Store
from stillhouse.students.asked import choices_for, messages
from stillhouse.students.folder import ServedManifest
from stillhouse.teacher_generate.generate import generate


@dataclass(frozen=True)
class Reply:
    """What the server wrote for a row, as a label."""

    label: str
    """Up to the first stop string; empty where no completion came."""
    finish: str | None
    """`stop`, `length` or `refusal`; None where no completion came."""
    tokens: tuple[int, int] | None
    """Of the prompt and of the completion, where the server counts both."""


@dataclass(frozen=True)
class ServedStudent:
    """A student that is ready to be asked."""

    manifest: ServedManifest
    decoding: StudentDecoding
    compute: OpenAICompute
    price: Price
    store: Store | None = None

    def ask(
        self, rows: Sequence[Mapping[str, Any]], purpose: str | None = None
    ) -> dict[str, Reply]:
        """A reply to each of `rows` (`id`, `query`), by id; none is asked for twice.

        `purpose` is what the run log calls it.
        """
        if not rows:
            return {}
        model = served_teacher(self.manifest.model, self.decoding, self.compute, self.price)
        table = served_prompts(rows, self.manifest.templates)
        found = {row["id"]: Reply("", None, None) for row in rows}
        for row in generate(table, model, self.store, purpose=purpose).completions.to_pylist():
            # As `students.predict.cut` has it: a stop string counts behind something visible.
            label = cut(row["text"].lstrip(), self.decoding.stop)[0].strip()
            prompt, completion = row["prompt_tokens"], row["completion_tokens"]
            counted = None if None in (prompt, completion) else (prompt, completion)
            found[row["id"]] = Reply(label, row["finish_reason"], counted)
        return found


def served_prompts(rows: Sequence[Mapping[str, Any]], asked: Asked) -> pa.Table:
    """What the server reads: a table like that of the teacher's prompts."""
    prompts = [
        {
            "id": row["id"],
            "messages": messages(asked, row["query"], choices_for(asked, row["query"]), str),
        }
        for row in rows
    ]
    return pa.Table.from_pylist(prompts, PROMPTS.schema)
