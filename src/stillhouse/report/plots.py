"""The data behind `dvc plots`: small CSV files, in Git."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from stillhouse.report.summary import Metrics


def accuracy_csv(summary: Metrics) -> str:
    """`model,accuracy,low,high`: the student, what it is compared with, and each seed."""
    models = [(name, summary[name]) for name in ("majority", "untrained", "student")]
    models += [(f"student seed={seed}", scores) for seed, scores in seeds(summary)]
    return _csv(
        ("model", "accuracy", "low", "high"),
        [
            (name, scores["accuracy"], scores["accuracy_low"], scores["accuracy_high"])
            for name, scores in models
        ],
    )


def status_csv(summary: Metrics) -> str:
    """`status,rows`: how the teacher's completions parsed."""
    teacher = summary["teacher"]
    shares = teacher.get("status", {"ok": 0})  # absent where no training row was asked about
    rows = [(status, round(share * teacher["rows"])) for status, share in shares.items()]
    return _csv(("status", "rows"), rows)


def seeds(summary: Metrics) -> list[tuple[int, Metrics]]:
    """Each seed's scores in order of the seed; empty when there is one, the student itself."""
    found = summary.get("seeds", {})
    return [(seed, found[str(seed)]) for seed in sorted(map(int, found))]


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
