"""Filters of the project's own: which training rows, or rationales, a function keeps."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import Row
from stillhouse.hooks.hook import KEEP
from stillhouse.hooks.load import load, users_code

OF_EXAMPLE = ("id", "split", "query", "choices", "group", "gold_rationale")
_UNSAID = {"label": None, "rationale": None, "status": None}


def kept(
    knob: str,
    filter_: str,
    rows: Sequence[Row],
    examples: Mapping[str, Mapping[str, Any]],
    teacher: Mapping[str, Mapping[str, Any]],
) -> list[bool]:
    """Whether the function that `knob` names keeps each of `rows`.

    `rows` are as the student would train on them; examples and the teacher's completions as parsed
    are by id. Raises StillhouseError, with the user's own line and the row, for what the function
    raises and for what is neither true nor false.
    """
    function = load(knob, filter_, KEEP)
    found = []
    for row in rows:
        said = f"`{knob}: {filter_}`, row {row['id']!r},"
        shown = _shown(row, examples[row["id"]], teacher.get(row["id"], _UNSAID))
        with users_code(f"{said} failed"):
            keeps = function(row=shown)
        if not isinstance(keeps, bool):
            raise StillhouseError(
                f"{said} returned {keeps!r}; {function.place} has to return True for a row that "
                "is kept, else False."
            )
        found.append(keeps)
    return found


def _shown(row: Row, example: Mapping[str, Any], teacher: Mapping[str, Any]) -> Row:
    """What a filter sees: a copy, so that it cannot change what is trained on."""
    meta = example["meta"]
    return {
        **{column: example[column] for column in OF_EXAMPLE},
        "choices": list(example["choices"]),
        "meta": json.loads(meta) if meta else {},
        "gold_label": example["label"],
        **{f"teacher_{name}": teacher[name] for name in _UNSAID},
        "label": row["label"],
        "rationale": row["rationale"],
        "difficulty": row["difficulty"],
    }
