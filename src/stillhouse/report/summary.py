"""One summary of every stage's metrics: numbers only, nested, for `dvc metrics diff`."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from stillhouse.config.teacher import Price
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import by_id
from stillhouse.core.tables import Row
from stillhouse.statistics.intervals import Interval
from stillhouse.statistics.paired import Accuracy, ByRow, Scores, Seeds, aligned, compare
from stillhouse.statistics.planning import detectable_method, detectable_student

Metrics = Mapping[str, Any]

DATA = ("rows", "unlimited", "rejects", "taken_out", "overlap")
DIGITS = 6
PER_MILLION = 1_000_000
TEACHER_ACCURACY = "teacher_label_accuracy"


def models(seeds: Iterable[int]) -> list[str]:
    """The names under which predictions are kept: the untrained student and each seed's."""
    return [paths.BASELINE, *(f"seed={seed}" for seed in seeds)]


def summarise(
    stages: Mapping[str, Metrics],
    evaluations: Mapping[int, Metrics],
    examples: Iterable[Row],
    predictions: Mapping[str, Iterable[Row]],
    *,
    price: Price,
    knobs: Mapping[str, float],
) -> dict[str, Any]:
    """Everything a run measured, as nested numbers; shares lie between 0 and 1.

    `stages`: the metrics of ingest, retrieve, teacher, parse, judge, feedback, augment and
    baseline. `evaluations`: the metrics of each seed's student. `predictions`: the rows of each of
    `models`, which must be over exactly the test rows. `knobs`: those that the advice may change.
    """
    scored = {
        name: {id_: row["score"] for id_, row in by_id(rows, f"predictions {name}").items()}
        for name, rows in predictions.items()
    }
    groups = {row["id"]: row["group"] for row in examples if row["split"] == "test"}
    require_same_rows(groups, scored)
    students = {seed: scored[f"seed={seed}"] for seed in evaluations}
    gain = compare({0: scored[paths.BASELINE]}, students, groups, fixed=True)
    summary = {
        "student": student(list(evaluations.values()), gain.other, gain.rows),
        "untrained": flat(stages["baseline"]["untrained"]),
        "majority": flat(stages["baseline"]["majority"]),
        "gain_over_untrained": ends(gain.method.difference if gain.method else gain.difference),
        "detectable": detectable(students, groups),
        "teacher": teacher(stages["parse"], stages["teacher"], price),
        "data": data(stages["ingest"]),
        "retrieval": stages["retrieve"],
        "judge": stages["judge"],
        "chosen": stages["chosen"],
        "augment": stages["augment"],
        "knobs": knobs,
    }
    if len(evaluations) > 1:
        summary["seeds"] = {str(seed): flat(values) for seed, values in evaluations.items()}
    return numbers(summary)


def data(ingest: Metrics) -> dict[str, Any]:
    """What a run's figures depend on of what ingest counted; the rest stays in its own file."""
    single = {name: value for name, value in ingest.items() if isinstance(value, int | float)}
    return {name: ingest[name] for name in DATA if name in ingest} | single


def detectable(students: Seeds, groups: ByRow) -> dict[str, float]:
    """The smallest differences that would be seen on these rows with 80% power.

    `student`: between two students. `method`: between two methods of as many seeds as here.
    """
    scores, by_row = aligned(students, groups)
    found = {"student": detectable_student(scores, by_row)}
    of_method = detectable_method(scores, by_row)
    return found if of_method is None else found | {"method": of_method}


def ends(interval: Interval, name: str = "accuracy") -> dict[str, float]:
    """A mean and its 95% interval, as flat numbers."""
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


def student(evaluations: Sequence[Metrics], measured: Accuracy, rows: int) -> dict[str, float]:
    """The student over its seeds: means, the interval, the standard error where there are several.

    The interval is over rows, and with three seeds or more over seeds, too.
    """
    names = set.intersection(*(set(flat(metrics)) for metrics in evaluations))
    means = {
        name: fmean(metrics[name] for metrics in evaluations)
        for name in names
        if not name.endswith(("_low", "_high"))
    }
    found = means | ends(measured.accuracy) | {"rows": rows, "seeds": measured.seeds}
    if measured.standard_error is None:
        return found
    return found | {"standard_error": measured.standard_error}


def teacher(parse: Metrics, usage: Metrics, price: Price) -> dict[str, Any]:
    """How the teacher's completions parsed and what they cost, in the currency of its price."""
    cost = (
        usage.get("prompt_tokens", 0) * price.prompt
        + usage.get("completion_tokens", 0) * price.completion
    ) / PER_MILLION
    return dict(usage) | dict(parse) | {"cost": {price.currency: cost}}


def flat(metrics: Metrics) -> dict[str, Any]:
    """A model's figures without those of each label, which its own metrics file has."""
    return {name: value for name, value in metrics.items() if not isinstance(value, Mapping)}


def numbers(value: Mapping[str, Any]) -> dict[str, Any]:
    """The same nesting with the numbers alone, rounded: figures below 1e-6 are noise in a diff."""
    kept: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            kept[name] = numbers(inner)
        elif isinstance(inner, (int, float)):
            kept[name] = round(inner, DIGITS) if isinstance(inner, float) else inner
    return kept


def require_same_rows(test_ids: Iterable[str], scored: Mapping[str, Scores]) -> None:
    """Fail when predictions are not over exactly the test rows: they come from different runs."""
    expected = set(test_ids)
    for name, rows in scored.items():
        if rows.keys() != expected:
            example = min(rows.keys() ^ expected)
            raise StillhouseError(
                f"The predictions of '{name}' and the test rows differ in "
                f"{len(rows.keys() ^ expected)} ids, the first {example!r}. Run `dvc repro`."
            )
