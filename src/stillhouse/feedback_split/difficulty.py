"""Which rows are hard for the student: by the teacher's and the student's scores."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any, Literal

from stillhouse.config.knobs import Feedback

VerdictRow = Mapping[str, Any]
"""A row of table `verdicts`."""
Difficulty = Literal["hard", "easy"]

EQUAL = "equal"
"""Marks a row on which both gave the same answer: a gap of 0, and nobody is asked."""
METRIC = "metric"
"""Marks a row that the task's own metric judged: the student's score is 1 or 0."""


def difficulties(
    verdicts: Iterable[VerdictRow], feedback: Feedback, *, tau: float, hard_at_tau: bool
) -> dict[str, Difficulty]:
    """The difficulty of each row that has a verdict; rows without one are left out.

    `wrong`: hard where the student's prediction is wrong. `hard` and `mixed`: hard where the
    teacher's mean score exceeds the student's by more than `tau` (Jazbec et al. 2024, section 3.1),
    or with `hard_at_tau` by as much (Lion's code). A row of which one verdict is missing has none:
    the other alone would carry the judge's bias to a position.
    """
    if feedback == "none":
        return {}
    measure, limit, at_limit = score_gap, tau, hard_at_tau
    if feedback == "wrong":
        measure, limit, at_limit = _wrongness, 0.0, False
    found: dict[str, Difficulty] = {}
    for id_, rows in by_row(verdicts).items():
        gap = measure(rows)
        if gap is not None:
            hard = gap > limit or (gap == limit and at_limit)
            found[id_] = "hard" if hard else "easy"
    return found


def by_row(verdicts: Iterable[VerdictRow]) -> dict[str, list[VerdictRow]]:
    """The verdicts of each row, by its id."""
    rows: dict[str, list[VerdictRow]] = defaultdict(list)
    for verdict in verdicts:
        rows[verdict["id"]].append(verdict)
    return rows


def score_gap(verdicts: Iterable[VerdictRow]) -> float | None:
    """The teacher's mean score minus the student's, over all that was asked about one row.

    None when a verdict is missing. A pairwise judge scores both in every verdict, others one.
    """
    rows = list(verdicts)
    if [row["asked"] for row in rows] == [EQUAL]:
        return 0.0
    scores = [[row[f"{who}_score"] for row in rows] for who in ("teacher", "student")]
    given = [[score for score in column if score is not None] for column in scores]
    complete = all(
        row["teacher_score"] is not None or row["student_score"] is not None for row in rows
    )
    if not complete or not all(given):
        return None
    return fmean(given[0]) - fmean(given[1])


def _wrongness(verdicts: Iterable[VerdictRow]) -> float | None:
    (score,) = [row["student_score"] for row in verdicts]
    return None if score is None else 1 - score
