"""What stands below the tables: what the figures are of, and how the run came to them."""

from collections.abc import Iterator

from stillhouse.kinds.measures import NAMED, Measure
from stillhouse.report.ratings import unrated
from stillhouse.report.summary import Metrics


def notes(found: Metrics) -> Iterator[str]:
    """A sentence each: the rows, the intervals, the teacher by split, its cost."""
    yield from _rows(found)
    yield from unrated(found.get("ratings", {}))
    measured = NAMED[found["measure"]]
    if "scored_with" in found:
        yield f"Scored with {found['scored_with']}"
    yield from _detectable(found, measured)
    yield from _teacher(found["teacher"], measured)
    yield from _complexity(found.get("complexity", {}))


def _rows(found: Metrics) -> Iterator[str]:
    data, made = found["data"], found["augment"]
    rows = data["rows"].get("train", 0)
    every = data["unlimited"].get("train", rows)
    if every > rows:
        yield f"{rows:,} of {every:,} labelled training rows (limit)"
    trained = made.get("real", rows)
    if trained < rows or made.get("synthetic"):
        told = f"Trained on {trained:,} rows of the dataset"
        if made.get("synthetic"):
            told += f" and {made['synthetic']:,} synthetic ones"
        yield told
    shared = data["overlap"].get("test", {}).get("train", {}).get("queries", 0)
    if shared:
        yield f"{shared:,} test rows ask what a training row asks"


def _detectable(found: Metrics, measured: Measure) -> Iterator[str]:
    """What the student's interval is of, and what so many rows and seeds could show."""
    student, least = found["student"], found["detectable"]
    rows, seeds = student["rows"], student["seeds"]
    if "method" in least:
        yield "The student's interval, of all seeds, is over seeds and test rows."
    else:
        students = "this student" if seeds == 1 else f"these {seeds} students"
        yield (
            f"The student's interval is over test rows: it is of {students}. Of the method nothing "
            "can be said with fewer than 3 seeds."
        )
    if least["student"] > measured.scale.width:
        yield f"So few test rows ({rows}) tell no two students apart in 80% of trials."
        return
    seen = (
        f"With {rows:,} test rows a difference of {_size(least['student'], measured)} between two "
        "students is seen in 80% of trials"
    )
    if seeds == 1:
        seen += ", a smaller one if the two often agree"
    if "method" in least:
        seen += (
            f"; with {seeds} seeds a side, one of {_size(least['method'], measured)} between "
            "methods"
        )
    yield f"{seen}."


def _size(difference: float, measured: Measure) -> str:
    return f"{measured.size(difference)}{measured.points}"


def _teacher(asked: Metrics, measured: Measure) -> Iterator[str]:
    for split, values in asked["splits"].items():
        told = f"Teacher, {values['rows']:,} {split} completions"
        shares = [
            f"{name} {share:.1%}" for name, share in values.get("status", {}).items() if share
        ]
        told += f": {', '.join(shares)}" if shares else ""
        of_labels = measured.of_teacher
        if of_labels in values and split != "test":
            mean = measured.shown(values[of_labels])
            told += f"; {measured.lead}{mean}" if measured.graded else f"; {mean}"
            told += " over its labels" if measured.graded else " of its labels are right"
            ends = [values.get(f"{of_labels}_{end}") for end in ("low", "high")]
            if None not in ends:
                told += f" ({measured.ends(*ends)})"
        if "sample_agreement" in values:
            told += f"; its samples of a row agree in {values['sample_agreement']:.1%} of pairs"
        yield told
        parts = values.get("rationale", {})
        if parts:
            yield (
                f"Of its rationales {parts['agrees']:.1%} end on its label, "
                f"{parts['disagrees']:.1%} on another, {parts['names_none']:.1%} on none"
            )
    if "prompt_tokens" in asked:
        cost = ", ".join(f"{value:,.2f} {name}" for name, value in asked["cost"].items())
        yield (
            f"Teacher's tokens: {asked['prompt_tokens']:,} read, "
            f"{asked['completion_tokens']:,} written; cost {cost}"
        )


def _complexity(found: Metrics) -> Iterator[str]:
    if "mean" not in found:
        return
    ends = f"{found['mean_low']:.2f} to {found['mean_high']:.2f}"
    rows = f"{found['rated']:,} of {found['rows']:,} test questions, as the judge rates them"
    mean, middle = found["mean"], found["median"]
    yield f"Complexity of {rows}: mean {mean:.2f} ({ends}), median {middle:g}"
