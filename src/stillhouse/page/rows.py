"""Rows as the page holds them: by column, and what recurs kept once."""

from collections.abc import Mapping, Sequence
from typing import Any

from stillhouse.core.sampling import shuffled
from stillhouse.core.tables import Row
from stillhouse.page.place import place_of_answer
from stillhouse.page.run import Run

MOST = 50_000
"""Rows that a page holds; of more, a sample."""


class Once:
    """Values that recur, each kept once; a value is its place among them."""

    def __init__(self) -> None:
        self._places: dict[Any, int] = {}

    def place(self, value: Any) -> int:
        """Where a value is, which is put there if it is new."""
        return self._places.setdefault(value, len(self._places))

    @property
    def values(self) -> list[Any]:
        """All values, in order of their places."""
        return list(self._places)


def sample(rows: Sequence[Row], most: int = MOST) -> list[Row]:
    """At most so many rows, in their order: the test rows before others, each chosen by its id."""
    if len(rows) <= most:
        return list(rows)
    test = {row["id"] for row in rows if row["split"] == "test"}
    others = {row["id"] for row in rows} - test
    kept = set([*shuffled(test, "page"), *shuffled(others, "page")][:most])
    return [row for row in rows if row["id"] in kept]


class Packed:
    """Rows by column, beside those of another revision."""

    def __init__(self, run: Run, rows: Sequence[Row], most: int = MOST) -> None:
        self.run, self.total = run, len(rows)
        self.rows = sample(rows, most)
        self._lines, self._choices = Once(), Once()
        self._other: list[Any] | None = None

    def beside(self, other: Run, rows: Sequence[Row]) -> None:
        """Add what the rows of another run have otherwise; a row that it lacks is None."""
        theirs = {row["id"]: row for row in rows}
        self._other = [
            self._difference(row, theirs[row["id"]], other) if row["id"] in theirs else None
            for row in self.rows
        ]

    def _difference(self, row: Row, theirs: Row, other: Run) -> dict[str, Any]:
        own, its = self._cells(row, self.run), self._cells(theirs, other)
        return {name: its[name] for name in its if its[name] != own[name]}

    def content(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        cells = [self._cells(row, self.run) for row in self.rows]
        names = list(cells[0]) if cells else []
        return {
            "total": self.total,
            "columns": {name: [each[name] for each in cells] for name in names},
            "models": list(dict.fromkeys(name for row in self.rows for name in row["predictions"])),
            "lines": self._lines.values,
            "choices": self._choices.values,
            "other": self._other,
        }

    def _cells(self, row: Row, run: Run) -> dict[str, Any]:
        trained = row["trained"]
        return {
            "id": row["id"],
            "split": row["split"],
            "group": row["group"],
            "query": row["query"],
            "choices": self._choices.place(tuple(row["choices"])),
            "gold": row["gold"],
            "exemplars": [
                [each["id"], each["label"], _rounded(each["distance"])] for each in row["exemplars"]
            ],
            "prompt": row["prompt"] and [self._message(turn) for turn in row["prompt"]],
            "completions": [_completion(each, row, run) for each in row["completions"]],
            "feedback": row["feedback"],
            "verdicts": [list(each.values()) for each in row["verdicts"]],
            "trained": trained and [trained["label"], trained["rationale"]],
            "predictions": {
                name: [each["prediction"], _rounded(each["score"])]
                for name, each in row["predictions"].items()
            },
            "score": _rounded(row["score"]),
            "teacher": row["teacher_score"],
        }

    def _message(self, turn: Mapping[str, str]) -> list[Any]:
        """A message by its lines, of which exemplars and instructions recur from row to row."""
        return [turn["role"], [self._lines.place(line) for line in turn["content"].split("\n")]]


def _completion(written: Mapping[str, Any], row: Row, run: Run) -> list[Any]:
    """`text`, `reasoning`, `finish_reason`, `status`, `label`, `rationale`, and from where to where
    the answer stands in the text, as the page counts characters.
    """
    text = written["text"]
    place = place_of_answer(text, written.get("label"), run.form, row["choices"])
    return [
        text,
        written["reasoning"],
        written["finish_reason"],
        written.get("status"),
        written.get("label"),
        written.get("rationale"),
        place and [_units(text[:end]) for end in place],
    ]


def _units(text: str) -> int:
    """How many units of UTF-16 a text has, which is what a browser counts."""
    return len(text.encode("utf-16-le")) // 2


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
