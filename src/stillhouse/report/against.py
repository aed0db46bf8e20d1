"""The student against all that it is compared with, row by row, and what comes of it in a sentence.

References that cost nothing are several, and the test rows are looked at for each. That the student
beats *all* of them is said only where every single test says so, which needs no correction. That
one of them beats the student is said after Holm's correction for how many there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stillhouse.core import paths
from stillhouse.kinds.measures import ACCURACY, Measure
from stillhouse.statistics.intervals import RIGHT_OR_WRONG, SIGNIFICANCE, Scale
from stillhouse.statistics.paired import ByRow, Scores, Seeds, verdict
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
    paths.GOLD: "Student on gold labels alone",
    TEACHER: "Teacher",
}
"""As a table names them, and what costs labels or calls."""
ASKED = {"teacher": "Teacher", "student": "Untrained student"}
"""Who is asked about the test rows as it is."""


def zero_shot_of(name: str) -> str | None:
    """How a table names a model of the knob `zero_shot`, such as `teacher:vanilla`; else None."""
    who, mark, prompt = name.partition(":")
    return f"{ASKED[who]}, {prompt}" if mark else None


def is_compared(name: str) -> bool:
    """Whether the student is compared with a model of this name."""
    return name in FREE or name == paths.GOLD or zero_shot_of(name) is not None


def teacher_of(found: Mapping[str, Figures]) -> str | None:
    """The teacher that sentences are about: of the completions that labelled test rows, too; else
    the best one of `zero_shot`; None where none was asked about test rows.
    """
    if TEACHER in found:
        return TEACHER
    asked = [name for name in found if name.startswith(f"{TEACHER}:")]
    return max(asked, key=lambda name: found[name]["other"], default=None)


def against(
    other: Scores, students: Seeds, groups: ByRow, scale: Scale = RIGHT_OR_WRONG
) -> dict[str, float]:
    """The students minus `other`, on the rows that `other` has.

    `rows`, the mean scores `other` and `student`, their `difference` with `difference_low` and
    `_high`, and the two-sided `p_value`: of the method with three seeds or more, else of these
    students, of two together their mean by row.
    """
    shared = {seed: {id_: float(scores[id_]) for id_ in other} for seed, scores in students.items()}
    found, said = verdict({0: other}, shared, groups, fixed=True, scale=scale)
    return {
        "rows": found.rows,
        "other": found.one.score.mean,
        "student": found.other.score.mean,
        "difference": said.difference.mean,
        "difference_low": said.difference.low,
        "difference_high": said.difference.high,
        "p_value": said.p_value,
    }


def not_beaten(found: Mapping[str, Figures]) -> list[str]:
    """The references that cost nothing and are not shown to be worse, the best first."""
    names = [name for name in FREE if name in found and not _beats(found[name])]
    return sorted(names, key=lambda name: found[name]["difference"])


def _beats(figures: Figures) -> bool:
    """Whether the student is shown to be better."""
    return bool(figures["p_value"] < SIGNIFICANCE and figures["difference"] > 0)


def worth(
    found: Mapping[str, Figures], measure: Measure = ACCURACY, gold_labels: int = 0
) -> list[str]:
    """What the student beats and by how much, or what does as well: a sentence or a few.

    `gold_labels` is how many the student on gold labels alone was trained on.
    """
    told = _Told(measure)
    return [
        *told.of_references(found),
        *told.of_gold(found, gold_labels),
        *told.of_teacher(found),
    ]


class _Told:
    """The sentences; of a graded score, that it is higher: whether that is better, who can say."""

    def __init__(self, measure: Measure) -> None:
        self.measure = measure
        graded = measure.graded
        self.does = "scores higher" if graded else "does better"
        self.is_ = "scores higher" if graded else "is better"
        self.as_well = "scores at least as high" if graded else "does at least as well"

    def of_references(self, found: Mapping[str, Figures]) -> Iterator[str]:
        names = [name for name in FREE if name in found]
        if not names:
            return
        adjusted = holm([found[name]["p_value"] for name in names])
        worse = [
            name
            for name, p_value in zip(names, adjusted, strict=True)
            if p_value < SIGNIFICANCE and found[name]["difference"] < 0
        ]
        closest = min(
            worse or not_beaten(found) or names, key=lambda name: found[name]["difference"]
        )
        figures, other = found[closest], FREE[closest]
        gap, rows = self.gap(figures), _rows(figures)
        if worse:
            yield (
                f"{_capital(other)} {self.does} than the student: {self.first(figures)} on {rows} "
                f"(student {gap})."
            )
        elif _beats(figures):
            yield (
                f"The student {self.does} than {_beaten(names)}: {self.last(figures)}"
                f"{f' of {other}' if len(names) > 1 else ''} on {rows} ({gap})."
            )
        elif figures["difference"] <= 0:
            # After Holm's correction a reference may not be called better that alone would be.
            open_ = figures["difference_high"] >= 0
            where = f", a difference that {rows} cannot show" if open_ else f" on {rows}"
            yield (
                f"{_capital(other)} {self.as_well} as the student: {self.first(figures)}{where} "
                f"(student {gap})."
            )
        else:
            yield (
                f"{rows} do not show that the student {self.is_} than {other}: "
                f"{self.last(figures)} (student {gap})."
            )

    def of_gold(self, found: Mapping[str, Figures], labels: int) -> Iterator[str]:
        if paths.GOLD not in found:
            return
        figures, rows = found[paths.GOLD], _rows(found[paths.GOLD])
        told, alone = f"{self.last(figures)} ({self.gap(figures)})", f"{labels:,} gold labels alone"
        if figures["p_value"] >= SIGNIFICANCE:
            yield f"{rows} do not tell it from a student trained on {alone}: {told}."
        elif figures["difference"] > 0:
            yield f"It {self.does} than a student trained on {alone}, on {rows}: {told}."
        else:
            yield f"A student trained on {alone} {self.does} on {rows}: {told}."

    def of_teacher(self, found: Mapping[str, Figures]) -> Iterator[str]:
        name = teacher_of(found)
        if name is None:
            return
        figures = found[name]
        told, rows = f"{self.last(figures)} ({self.gap(figures)})", _rows(figures)
        if figures["p_value"] >= SIGNIFICANCE:
            yield f"{rows} do not tell the student from the teacher: {told}."
        elif figures["difference"] > 0:
            yield f"The student {self.does} than the teacher on {rows}: {told}."
        else:
            yield f"The teacher {self.does} on {rows}: {told.replace('(', '(student ', 1)}."

    def first(self, figures: Figures) -> str:
        return self.both(figures["other"], figures["student"])

    def last(self, figures: Figures) -> str:
        return self.both(figures["student"], figures["other"])

    def both(self, one: float, other: float) -> str:
        return f"{self.measure.lead}{self.measure.shown(one)} against {self.measure.shown(other)}"

    def gap(self, figures: Figures) -> str:
        """The student minus the other: `+2.0 points, -1.0 to +5.0`."""
        mean, low, high = (
            self.measure.change(figures[f"difference{end}"]) for end in ("", "_low", "_high")
        )
        return f"{mean}{self.measure.points}, {low} to {high}"


def _beaten(names: Sequence[str]) -> str:
    if len(names) > 2:
        return "all that costs nothing"
    return " and ".join(FREE[name] for name in names)


def _rows(figures: Figures) -> str:
    return f"{figures['rows']:,} test rows"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
