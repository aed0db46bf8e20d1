"""Predictions against gold labels: a row for each, and the metrics with their intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

from stillhouse.config.dataset import Answer, Metric
from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import by_id, require_ids
from stillhouse.core.tables import Row
from stillhouse.kinds.registry import kind_of
from stillhouse.statistics.intervals import DIGITS, Groups, mean_interval

Metrics = dict[str, float | int]


def split_rows(examples: Sequence[Mapping[str, Any]], split: str) -> list[Mapping[str, Any]]:
    """The labelled rows of one split; none is an error."""
    rows = labelled_rows(examples, split)
    if not rows:
        raise StillhouseError(
            f"The dataset has no labelled rows in its {split} split, which evaluation needs. Add "
            f"`splits: {split}:` to the dataset's conf: `read:` names one of the source's own, "
            "`hold_out_from: train` with a `share` sets rows aside."
        )
    return rows


def labelled_rows(examples: Sequence[Mapping[str, Any]], split: str) -> list[Mapping[str, Any]]:
    """The rows of one split that have a label, if any."""
    return [row for row in examples if row["split"] == split and row["label"] is not None]


def score(
    predictions: Mapping[str, str], rows: Sequence[Mapping[str, Any]], answer: Answer
) -> tuple[list[Row], Metrics]:
    """The predictions table and flat metrics, each share with `_low` and `_high` at 95%.

    `accuracy` is the dataset's own metric; the others are given where they apply.
    """
    examples = by_id(rows, "examples")
    require_ids(examples, predictions, "examples", "predictions")
    require_ids(predictions, examples, "predictions", "examples")
    applicable: list[Metric] = ["exact"]
    if all(row["choices"] for row in rows):
        applicable.append("choice")
    if answer.metric not in applicable:
        applicable.append(answer.metric)
    metrics: Metrics = {"rows": len(rows)}
    groups = [row["group"] for row in rows]
    for metric in applicable:
        scores = [
            kind_of(metric, row["choices"]).score(predictions[row["id"]], row["label"])
            for row in rows
        ]
        metrics |= _with_interval(kind_of(metric).score_name, scores, groups)
    table: list[Row] = []
    for row in rows:
        kind, prediction = kind_of(answer.metric, row["choices"]), predictions[row["id"]]
        table.append(
            {
                "id": row["id"],
                "prediction": prediction,
                "normalised": kind.canonical(prediction),
                "score": kind.score(prediction, row["label"]),
            }
        )
    metrics |= _with_interval("accuracy", [row["score"] for row in table], groups)
    return table, metrics


def _with_interval(name: str, scores: Sequence[float], groups: Groups) -> Metrics:
    interval = mean_interval(scores, groups)
    return {
        name: round(interval.mean, DIGITS),
        f"{name}_low": round(interval.low, DIGITS),
        f"{name}_high": round(interval.high, DIGITS),
    }
