"""How far a student's scores are probabilities, and the temperature that makes them so.

Temperature scaling (Guo et al. 2017, "On calibration of modern neural networks"): one number, by
which the log-likelihoods of a row's choices are divided before they are made a distribution. It
changes no prediction. Here it is fitted on validation rows; what is reported is of the test rows.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from stillhouse.config.dataset import Answer
from stillhouse.core.sampling import nested_subset
from stillhouse.kinds.registry import kind_of
from stillhouse.statistics.intervals import DIGITS
from stillhouse.students.predict import Answered

BINS = 10
"""Of equal width, for the expected calibration error and the reliability diagram."""
FEWEST_ROWS = 20
"""Below these a temperature says more about chance than about the student."""
MOST_ROWS = 1000
"""One number needs no more."""
LOWEST, HIGHEST = 0.05, 20.0
"""What a temperature is at least, and at most."""
_HALVINGS = 40

Metrics = dict[str, float | int]
Likelihoods = Sequence[float]


@dataclass(frozen=True)
class Scored:
    """A row's score, and whether its prediction was right."""

    score: float
    right: bool


def softmax(likelihoods: Likelihoods, temperature: float = 1.0) -> list[float]:
    """The distribution over a row's choices, given their log-likelihoods."""
    most = max(likelihoods)
    weights = [math.exp((value - most) / temperature) for value in likelihoods]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def place_of(label: str, choices: Sequence[str]) -> int | None:
    """Which of a row's choices a label is; None when it is none of them."""
    kind = kind_of("choice", choices)
    canonical = kind.canonical(label)
    places = (place for place, each in enumerate(choices) if kind.canonical(each) == canonical)
    return None if canonical is None else next(places, None)


def score_of(answered: Answered, choices: Sequence[str], temperature: float = 1.0) -> float | None:
    """The probability that a student gives its own label.

    Among the row's choices; None when the label is none of them. Without choices it is that of the
    label's whole text.
    """
    if not choices:
        return math.exp(answered.likelihoods[0])
    place = place_of(answered.label, choices)
    return None if place is None else softmax(answered.likelihoods, temperature)[place]


def fit_temperature(rows: Sequence[tuple[Likelihoods, int]]) -> float | None:
    """The temperature under which the right choices are likeliest, all rows together.

    `rows` are the log-likelihoods of each row's choices and the place of the right one. The right
    choice of n rows counts (n + 1) / (n + 2) and the others the rest (Platt 1999): n right answers
    are no proof that the next one is. The loss is convex in the inverse temperature, whose
    derivative is bisected. None for fewer rows than FEWEST_ROWS.
    """
    if len(rows) < FEWEST_ROWS:
        return None
    rest = 1 / (len(rows) + 2)

    def wanted(values: Likelihoods, gold: int) -> float:
        others = [value for place, value in enumerate(values) if place != gold]
        return (1 - rest) * values[gold] + rest * fmean(others) if others else values[gold]

    def slope(inverse: float) -> float:
        return math.fsum(
            math.fsum(map(math.prod, zip(softmax(values, 1 / inverse), values, strict=True)))
            - wanted(values, gold)
            for values, gold in rows
        )

    low, high = 1 / HIGHEST, 1 / LOWEST
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return round(1 / math.sqrt(low * high), 4)


def calibration_error(rows: Sequence[Scored]) -> float:
    """The expected calibration error: how far mean score and share of right ones lie apart, by bin
    of the score, weighted with its rows.
    """
    return math.fsum(
        len(each) / len(rows) * abs(fmean(r.score for r in each) - fmean(r.right for r in each))
        for each in _bins(rows)
    )


def reliability_csv(rows: Sequence[Scored]) -> str:
    """The reliability diagram: mean score, share of right ones and rows of each bin."""
    lines = ["score,accuracy,rows"]
    for each in _bins(rows):
        score, right = fmean(r.score for r in each), fmean(r.right for r in each)
        lines.append(f"{score:.4f},{right:.4f},{len(each)}")
    return "\n".join(lines) + "\n"


def _bins(rows: Iterable[Scored]) -> list[list[Scored]]:
    found: list[list[Scored]] = [[] for _ in range(BINS)]
    for row in rows:
        found[min(BINS - 1, int(row.score * BINS))].append(row)
    return [each for each in found if each]


def calibrate(
    answers: Mapping[str, Answered],
    test: Sequence[Mapping[str, Any]],
    validation: Sequence[Mapping[str, Any]],
    answer: Answer,
) -> tuple[Metrics, str]:
    """The metrics of a student's scores, and the reliability diagram of the test rows.

    `answers` holds those to all `test` and `validation` rows. `rows` are the test rows that have
    choices and a label among them; of these `ece` is the calibration error, and with a
    `temperature` fitted on `validation_rows` also `calibrated_ece`. Without choices there is
    nothing to calibrate.
    """
    scored = _scored_rows(answers, test, answer)
    temperature = fit_temperature(used := _fitted_rows(answers, validation))
    before = scored(1.0)
    metrics: Metrics = {"rows": len(before), "validation_rows": len(used)}
    if before:
        metrics["ece"] = round(calibration_error(before), DIGITS)
    if temperature is not None:
        metrics["temperature"] = temperature
        if before:
            metrics["calibrated_ece"] = round(calibration_error(scored(temperature)), DIGITS)
    return metrics, reliability_csv(before if temperature is None else scored(temperature))


def _scored_rows(
    answers: Mapping[str, Answered], rows: Sequence[Mapping[str, Any]], answer: Answer
) -> Callable[[float], list[Scored]]:
    def scored(temperature: float) -> list[Scored]:
        found = []
        for row in rows:
            answered, choices = answers[row["id"]], row["choices"]
            score = score_of(answered, choices, temperature) if choices else None
            if score is not None:
                right = kind_of(answer.metric, choices).score(answered.label, row["label"])
                found.append(Scored(score, right == 1))
        return found

    return scored


def _fitted_rows(
    answers: Mapping[str, Answered], rows: Sequence[Mapping[str, Any]]
) -> list[tuple[Likelihoods, int]]:
    """Likelihoods and the place of the label of rows that have choices; many are a subset."""
    by_id = {row["id"]: row for row in rows if row["choices"]}
    chosen = sorted(nested_subset(by_id, MOST_ROWS, "calibration"))
    places = ((id_, place_of(by_id[id_]["label"], by_id[id_]["choices"])) for id_ in chosen)
    return [(answers[id_].likelihoods, place) for id_, place in places if place is not None]
