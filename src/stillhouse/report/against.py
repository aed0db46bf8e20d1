"""The student against all that it is compared with, row by row, and what comes of it in a sentence.

References that cost nothing are several, and the test rows are looked at for each. That the student
beats *all* of them is said only where every single test says so, which needs no correction. That
one of them beats the student is said after Holm's correction for how many there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from stillhouse.statistics.intervals import SIGNIFICANCE
from stillhouse.statistics.paired import ByRow, Scores, Seeds, compare
from stillhouse.statistics.pairs import holm

Figures = Mapping[str, Any]

TEACHER = "teacher"
WORDS = "logistic_tfidf"
FREE = {
    "majority": "the majority class",
    "nearest_neighbour": "the nearest neighbour's label",
    WORDS: "a bag of words (TF-IDF + logistic regression)",
    "logistic_embeddings": "logistic regression on the embeddings",
    "untrained": "the untrained student",
}
"""What costs nothing, by the name of its figures, as a sentence names it."""
NAMES = {
    "majority": "Majority class",
    "nearest_neighbour": "Nearest neighbour",
    WORDS: "TF-IDF + logistic regression",
    "logistic_embeddings": "Embeddings + logistic regression",
    "untrained": "Untrained student",
    TEACHER: "Teacher",
}
"""As a table names them, and the teacher."""


def against(other: Scores, students: Seeds, groups: ByRow) -> dict[str, float]:
    """The students minus `other`, on the rows that `other` has.

    `rows`, the accuracies `other` and `student`, their `difference` with `difference_low` and
    `_high`, and the two-sided `p_value`: of the method with three seeds or more, else of these
    students, of two together their mean by row.
    """
    shared = {seed: {id_: float(scores[id_]) for id_ in other} for seed, scores in students.items()}
    found = compare({0: other}, shared, groups, fixed=True)
    difference = found.difference
    if found.method:
        difference, p_value = found.method.difference, found.method.p_value
    else:
        means = {id_: fmean(scores[id_] for scores in shared.values()) for id_ in other}
        pair = compare({0: other}, {0: means}, groups).pair
        assert pair is not None  # each side is a single one
        p_value = pair.p_value
    return {
        "rows": found.rows,
        "other": found.one.accuracy.mean,
        "student": found.other.accuracy.mean,
        "difference": difference.mean,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "p_value": p_value,
    }


def not_beaten(found: Mapping[str, Figures]) -> list[str]:
    """The references that cost nothing and are not shown to be worse, the best first."""
    names = [name for name in FREE if name in found and not _beats(found[name])]
    return sorted(names, key=lambda name: found[name]["difference"])


def _beats(figures: Figures) -> bool:
    """Whether the student is shown to be better."""
    return bool(figures["p_value"] < SIGNIFICANCE and figures["difference"] > 0)


def worth(found: Mapping[str, Figures]) -> list[str]:
    """What the student beats and by how much, or what does as well: a sentence or two."""
    return [*_of_references(found), *_of_teacher(found)]


def _of_references(found: Mapping[str, Figures]) -> Iterator[str]:
    names = [name for name in FREE if name in found]
    if not names:
        return
    adjusted = holm([found[name]["p_value"] for name in names])
    worse = [
        name
        for name, p_value in zip(names, adjusted, strict=True)
        if p_value < SIGNIFICANCE and found[name]["difference"] < 0
    ]
    closest = min(worse or not_beaten(found) or names, key=lambda name: found[name]["difference"])
    figures, other = found[closest], FREE[closest]
    gap, rows = _gap(figures), _rows(figures)
    if worse:
        yield (
            f"{_capital(other)} does better than the student: {_first(figures)} on {rows} "
            f"(student {gap})."
        )
    elif _beats(figures):
        yield (
            f"The student does better than {_beaten(names)}: {_last(figures)}"
            f"{f' of {other}' if len(names) > 1 else ''} on {rows} ({gap})."
        )
    elif figures["difference"] <= 0:
        # After Holm's correction a reference may not be called better that alone would be.
        open_ = figures["difference_high"] >= 0
        where = f", a difference that {rows} cannot show" if open_ else f" on {rows}"
        yield (
            f"{_capital(other)} does at least as well as the student: {_first(figures)}{where} "
            f"(student {gap})."
        )
    else:
        yield (
            f"{rows} do not show that the student is better than {other}: {_last(figures)} "
            f"(student {gap})."
        )


def _beaten(names: Sequence[str]) -> str:
    if len(names) > 2:
        return "all that costs nothing"
    return " and ".join(FREE[name] for name in names)


def _of_teacher(found: Mapping[str, Figures]) -> Iterator[str]:
    if TEACHER not in found:
        return
    figures = found[TEACHER]
    told, rows = f"{_last(figures)} ({_gap(figures)})", _rows(figures)
    if figures["p_value"] >= SIGNIFICANCE:
        yield f"{rows} do not tell the student from the teacher: {told}."
    elif figures["difference"] > 0:
        yield f"The student does better than the teacher on {rows}: {told}."
    else:
        yield f"The teacher does better on {rows}: {told.replace('(', '(student ', 1)}."


def _first(figures: Figures) -> str:
    return f"{figures['other']:.1%} against {figures['student']:.1%}"


def _last(figures: Figures) -> str:
    return f"{figures['student']:.1%} against {figures['other']:.1%}"


def _gap(figures: Figures) -> str:
    """The student minus the other: `+2.0 points, -1.0 to +5.0`."""
    mean, low, high = (f"{100 * figures[f'difference{end}']:+.1f}" for end in ("", "_low", "_high"))
    return f"{mean} points, {low} to {high}"


def _rows(figures: Figures) -> str:
    return f"{figures['rows']:,} test rows"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
