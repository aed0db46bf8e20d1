"""A saved student's answers to the rows that it is scored on, how long they took, and its size."""

import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

from stillhouse.config.student import StudentCompute, StudentDecoding
from stillhouse.evaluate.calibration import score_of
from stillhouse.students.predict import Answered, predict_answers
from stillhouse.students.serving import shown_score

if TYPE_CHECKING:
    from stillhouse.students.folder import Student

T = TypeVar("T")
Rows = Sequence[Mapping[str, Any]]
TIMED = 5
"""Rows that are asked one at a time."""


def answer_rows(
    student: "Student",
    rows: Rows,
    decoding: StudentDecoding,
    compute: StudentCompute,
    *,
    quiet: bool = False,
) -> dict[str, Answered]:
    """The student's answers to rows with `id`, `query` and `choices`, by id."""
    if not rows:
        return {}
    queries = {row["id"]: row["query"] for row in rows}
    choices = {row["id"]: row["choices"] for row in rows}
    return predict_answers(student, queries, decoding, compute, choices, quiet=quiet)


def answered_example(
    student: "Student",
    example: Mapping[str, Any] | None,
    decoding: StudentDecoding,
    compute: StudentCompute,
    temperature: float | None,
) -> dict[str, Any] | None:
    """An example row (`columns`, `query`, `choices`) with what the student says of it, alone."""
    if example is None:
        return None
    row = {**example, "id": "example"}
    answered = answer_rows(student, [row], decoding, compute, quiet=True)["example"]
    score = score_of(answered, row["choices"], temperature or 1.0)
    return {
        **example,
        "prediction": answered.label,
        "score": None if score is None else shown_score(score),
        "truncated": answered.truncated,
    }


def size_of(student: "Student", folder: Path) -> dict[str, int]:
    """The student's `parameters`, tied ones once, and the `bytes` of its model's files."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        "parameters": student.model.num_parameters(),
        "bytes": sum(path.stat().st_size for path in files),
    }


def timed_answers(
    student: "Student", rows: Rows, decoding: StudentDecoding, compute: StudentCompute
) -> tuple[dict[str, Answered], dict[str, float | int | str]]:
    """The answers to `rows`, and how fast the student is on this machine, as `timed` has it."""

    def ask(part: Rows, quiet: bool) -> dict[str, Answered]:
        return answer_rows(student, part, decoding, compute, quiet=quiet)

    return timed(student, rows, ask)


def timed(
    student: "Student", rows: Rows, ask: Callable[[Rows, bool], T]
) -> tuple[T, dict[str, float | int | str]]:
    """What `ask` gives for `rows`, and how fast the student is; its second argument is `quiet`.

    The second is for the run log, since no two runs agree: `rows_per_second` in batches;
    `ms_per_row` of rows asked one at a time, the median of a few; `peak_mb`, the most resident
    memory of this process until now; `device`.
    """
    alone = []
    for row in rows[:TIMED]:  # first, so that the batches find everything warm
        started = time.perf_counter()
        ask([row], True)
        alone.append(time.perf_counter() - started)
    started = time.perf_counter()
    answers = ask(rows, False)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, else kilobytes
    return answers, {
        "rows_per_second": round(len(rows) / seconds, 1),
        "ms_per_row": round(1000 * median(alone), 1),
        "peak_mb": round(peak * unit / 1e6),
        "device": str(student.model.device),
    }
