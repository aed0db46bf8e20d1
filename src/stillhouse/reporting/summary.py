"""One summary of every stage's metrics: numbers only, nested, for `dvc metrics diff`."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from stillhouse.config.teacher import Price
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import by_id
from stillhouse.core.tables import Row
from stillhouse.evaluation.intervals import Interval, bootstrap_interval
from stillhouse.evaluation.paired import Accuracy, Correct, compare

Metrics = Mapping[str, Any]

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
    price: Price,
) -> dict[str, Any]:
    """Everything a run measured, as nested numbers; shares lie between 0 and 1.

    `stages`: the metrics of ingest, retrieve, teacher, parse, judge, feedback, augment and
    baseline. `evaluations`: the metrics of each seed's student. `predictions`: the rows of each of
    `models`, which must be over exactly the test rows.
    """
    correct = {name: _correct(name, rows) for name, rows in predictions.items()}
    require_same_rows((row["id"] for row in examples if row["split"] == "test"), correct)
    students = {seed: correct[f"seed={seed}"] for seed in evaluations}
    gain = compare({0: correct[paths.BASELINE]}, students)
    summary = {
        "student": student(list(evaluations.values()), gain.other, gain.rows),
        "untrained": stages["baseline"]["untrained"],
        "majority": stages["baseline"]["majority"],
        "gain_over_untrained": ends(gain.difference),
        "teacher": teacher(stages["parse"], stages["teacher"], price),
        "data": stages["ingest"],
        "retrieval": stages["retrieve"],
        "judge": stages["judge"],
        "feedback": stages["feedback"],
        "augment": stages["augment"],
    }
    if len(evaluations) > 1:
        summary["seeds"] = {str(seed): values for seed, values in evaluations.items()}
    return numbers(summary)


def _correct(name: str, rows: Iterable[Row]) -> Correct:
    return {id_: row["score"] == 1 for id_, row in by_id(rows, f"predictions {name}").items()}


def ends(interval: Interval, name: str = "accuracy") -> dict[str, float]:
    """A mean and its 95% interval, as flat numbers."""
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


def student(evaluations: Sequence[Metrics], measured: Accuracy, rows: int) -> dict[str, float]:
    """The student over its seeds: means, the interval, the standard error where there are several.

    The interval is over rows, and with several seeds over seeds, too.
    """
    names = set.intersection(*(set(metrics) for metrics in evaluations))
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
    """What the teacher answered and what it cost, in the currency of its price."""
    cost = (
        usage.get("prompt_tokens", 0) * price.prompt
        + usage.get("completion_tokens", 0) * price.completion
    ) / PER_MILLION
    return dict(usage) | dict(parse) | _teacher_interval(parse) | {"cost": {price.currency: cost}}


def _teacher_interval(parse: Metrics) -> dict[str, float]:
    if TEACHER_ACCURACY not in parse:
        return {}
    # Right or wrong is all a row says, so their number stands for the rows themselves.
    right = round(parse[TEACHER_ACCURACY] * parse["rows"])
    values = [1.0] * right + [0.0] * (parse["rows"] - right)
    return ends(bootstrap_interval(values), TEACHER_ACCURACY)


def numbers(value: Mapping[str, Any]) -> dict[str, Any]:
    """The same nesting with the numbers alone, rounded: figures below 1e-6 are noise in a diff."""
    kept: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            kept[name] = numbers(inner)
        elif isinstance(inner, (int, float)):
            kept[name] = round(inner, DIGITS) if isinstance(inner, float) else inner
    return kept


def require_same_rows(test_ids: Iterable[str], correct: Mapping[str, Correct]) -> None:
    """Fail when predictions are not over exactly the test rows: they come from different runs."""
    expected = set(test_ids)
    for name, rows in correct.items():
        if rows.keys() != expected:
            example = min(rows.keys() ^ expected)
            raise StillhouseError(
                f"The predictions of '{name}' and the test rows differ in "
                f"{len(rows.keys() ^ expected)} ids, the first {example!r}. Run `dvc repro`."
            )
