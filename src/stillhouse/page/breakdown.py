"""The student's scores by parts of the test rows: by length, by answer's place, by group."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

from stillhouse.config.dataset import Answer
from stillhouse.core.tables import Row
from stillhouse.kinds.classes import fixed_classes
from stillhouse.kinds.measures import Measure
from stillhouse.kinds.registry import kind_of
from stillhouse.statistics.paired import measure

PARTS = 4
"""Of as many rows each, by length."""
LEAST = 40
"""Test rows, fewer of which are not parted by length."""
MOST = 12
"""Parts; what has more is no part worth a line."""


def breakdown(rows: Sequence[Row], answer: Answer, measured: Measure) -> list[dict[str, Any]]:
    """Tables of `title` and `parts` (`name`, `rows`, `score`, `low`, `high`), of the rows that have
    a student's `score`; those that would have one part, or too many, are left out.
    """
    scored = [row for row in rows if row["score"] is not None]
    found = []
    for title, parted in _tables(scored, answer, measured):
        parts: dict[str, list[Row]] = defaultdict(list)
        for row in scored:
            name = parted(row)
            if name is not None:
                parts[name].append(row)
        if 1 < len(parts) <= MOST:
            named = sorted(parts, key=_natural)
            listed = [_part(name, parts[name], measured) for name in named]
            found.append({"title": title, "parts": listed})
    return found


Parted = Callable[[Row], str | None]


def _tables(rows: Sequence[Row], answer: Answer, measured: Measure) -> Iterator[tuple[str, Parted]]:
    if len(rows) >= LEAST:
        yield "By length of the query", _by_length(rows)
    if all(row["choices"] for row in rows) and not fixed_classes(rows, answer.metric):

        def place(row: Row) -> str | None:
            kind = kind_of(answer.metric, row["choices"])
            choices = [kind.canonical(choice) for choice in row["choices"]]
            gold = kind.canonical(row["gold"]) if row["gold"] is not None else None
            return f"Choice {choices.index(gold) + 1}" if gold in choices else None

        yield "By place of the right choice", place
    yield "By group", lambda row: row["group"]
    if not measured.graded:
        yield "By how the teacher did", _teacher


def _teacher(row: Row) -> str | None:
    said: Mapping[Hashable, str] = {1.0: "Teacher right", 0.0: "Teacher wrong"}
    return said.get(row["teacher_score"])


def _by_length(rows: Sequence[Row]) -> Parted:
    """Quarters of the rows, named by their ends."""
    lengths = sorted(len(row["query"]) for row in rows)
    ends = sorted({lengths[len(rows) * part // PARTS - 1] for part in range(1, PARTS + 1)})

    def named(row: Row) -> str:
        end = next(end for end in ends if len(row["query"]) <= end)
        place = ends.index(end)
        low = ends[place - 1] + 1 if place else lengths[0]
        return f"{low:,} to {end:,} characters"

    return named


def _part(name: str, rows: Sequence[Row], measured: Measure) -> dict[str, Any]:
    scores = {row["id"]: row["score"] for row in rows}
    groups = {row["id"]: row["group"] for row in rows}
    score = measure({0: scores}, groups, measured.scale).score
    return {
        "name": name,
        "rows": len(rows),
        "score": score.mean,
        "low": score.low,
        "high": score.high,
        "shown": measured.shown(score.mean),
        "ends": measured.ends(score.low, score.high),
    }


def _natural(name: str) -> tuple[int, str]:
    """Parts by the number that they begin with, where they do."""
    digits = "".join(each for each in name.partition(" ")[0] if each.isdigit())
    return int(digits or 0), name
