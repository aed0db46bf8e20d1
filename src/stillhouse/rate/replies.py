"""Whose replies are rated: those of students, and the teacher's where it was asked."""

from collections.abc import Iterable, Mapping
from typing import Any

from stillhouse.core.conversation import read_replies
from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import require_ids
from stillhouse.core.tables import Row

TEACHER = "teacher"


def replies_of_student(
    predictions: Iterable[Row], examples: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[str]]:
    """The replies that predictions hold, by id."""
    texts = {row["id"]: row["prediction"] for row in predictions}
    require_ids(texts, examples, "predictions", "examples")
    return {id_: _read(text, id_) for id_, text in texts.items()}


def replies_of_teacher(
    parsed: Iterable[Row], examples: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, list[str]]]:
    """The teacher's replies to test conversations, under its name; nothing where it was not asked
    about any, or none of its completions counts.
    """
    rows = list(parsed)
    require_ids((row["id"] for row in rows), examples, "parsed", "examples")
    found = {
        row["id"]: _read(row["label"], row["id"])
        for row in rows
        if row["sample"] == 0
        and row["label"] is not None
        and examples[row["id"]]["split"] == "test"
    }
    return {TEACHER: found} if found else {}


def _read(text: str, id_: str) -> list[str]:
    replies = read_replies(text)
    if replies is None:
        raise StillhouseError(
            f"The prediction of row {id_!r} is no list of replies: {text[:80]!r}. The tables come "
            "from different runs: run `dvc repro`."
        )
    return replies
