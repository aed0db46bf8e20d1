"""The data behind `dvc plots`: small CSV files, in Git. Their templates are in `.dvc/plots`."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from stillhouse.core import paths
from stillhouse.kinds.measures import ACCURACY, NAMED
from stillhouse.report.against import FREE, NAMES, TEACHER, zero_shot_of
from stillhouse.report.summary import Metrics


def accuracy_csv(found: Metrics) -> str:
    """`model,accuracy,low,high` on the test rows: references, teacher, each seed, the student.

    The header alone where nothing is an accuracy, for want of gold labels or since scores are
    graded.
    """
    rows = _scores(found) if NAMED[found["measure"]] is ACCURACY else ()
    return _csv(("model", "accuracy", "low", "high"), rows)


def graded_csv(found: Metrics) -> str:
    """`measure,model,score,low,high`, the same of graded scores; else the header alone."""
    measured = NAMED[found["measure"]]
    rows = _scores(found) if measured.graded else ()
    header = ("measure", "model", "score", "low", "high")
    return _csv(header, [(measured.title, *row) for row in rows])


def _scores(found: Metrics) -> list[tuple[Any, ...]]:
    """Of each model its name, its score and the ends of its interval."""
    measured, references = NAMED[found["measure"]], found["references"]
    own, asked = measured.name, found["teacher"]["splits"].get("test", {})
    models = [
        (NAMES[name], references[name], own) for name in (*FREE, paths.GOLD) if name in references
    ]
    models.append((NAMES[TEACHER], asked, measured.of_teacher))
    zero_shot = {key: zero_shot_of(key) for key in references}
    models += [(name, references[key], own) for key, name in zero_shot.items() if name]
    models += [(f"Student, seed {seed}", scores, own) for seed, scores in seeds(found)]
    models.append(("Student", found["student"], own))
    return [
        (name, *(scores.get(of, scores[key]) for of in (key, f"{key}_low", f"{key}_high")))
        for name, scores, key in models
        if key in scores
    ]


def status_csv(found: Metrics) -> str:
    """`status,rows`: how the teacher's completions parsed, of each split where it was asked."""
    splits = found["teacher"]["splits"]
    rows = [
        (f"{status}, {split}", round(share * values["rows"]))
        for split, values in splits.items()
        for status, share in values.get("status", {}).items()
    ]
    return _csv(("status", "rows"), rows or [("ok, train", 0)])


def seeds(found: Metrics) -> list[tuple[int, Metrics]]:
    """Each seed's scores in order of the seed; empty when there is one, the student itself."""
    scores = found.get("seeds", {})
    return [(seed, scores[str(seed)]) for seed in sorted(map(int, scores))]


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
