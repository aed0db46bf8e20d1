"""Runs as their files are: what Git holds of one, and its tables, without any model."""

import random
from pathlib import Path
from typing import Any

import yaml

from stillhouse.core import paths
from stillhouse.core.files import json_bytes, write_json
from stillhouse.core.tables import EXAMPLES, RATINGS, predictions
from stillhouse.kinds.measures import Measure, measure_of
from stillhouse.report.outcomes import Outcomes, outcomes_of

ROWS = 60


def examples(rows: int = ROWS, *, grouped: bool = False, **others: Any) -> list[dict[str, Any]]:
    """Test rows whose order by id is not that of their numbers, and a train row."""
    found = []
    for number in range(rows):
        group = f"g{number % (rows // 3)}" if grouped else None
        found.append(_example(f"row-{number}", "test", group, others))
    return [*found, _example("t", "train", None, {})]


def _example(id_: str, split: str, group: str | None, others: dict[str, Any]) -> dict[str, Any]:
    row = {"id": id_, "split": split, "query": f"What of {id_}?", "label": "a"}
    rest = {"choices": ["a", "b"], "gold_rationale": None, "group": group, "meta": None}
    return row | rest | others


def scores(rows: list[dict[str, Any]], draw: random.Random, metric: str, share: float = 0.7):
    """A score for each test row, as the metric has them."""
    ids = [row["id"] for row in rows if row["split"] == "test"]
    if metric == "summary":
        return {id_: draw.randint(1, 20) / draw.randint(80, 100) for id_ in ids}
    if metric == "rating":
        return {id_: draw.choice([2.0, 3.5, 11 / 3, 5.0, None]) for id_ in ids}
    return {id_: float(draw.random() < share) for id_ in ids}


def write_tables(folder: Path, rows: list[dict[str, Any]], by_seed: dict, metric: str) -> None:
    """The tables and the configuration that a comparison by predictions reads."""
    (folder / "conf/dataset").mkdir(parents=True, exist_ok=True)
    write(folder / paths.PARAMS, {"seeds": list(by_seed), "dataset": "tiny"})
    write(folder / "conf/dataset/tiny.yaml", {"answer": {"metric": metric}})
    EXAMPLES.of(folder).write_rows(rows)
    if metric == "rating":
        rated = [
            {"model": f"seed={seed}", "id": id_, "turn": 1, "rating": rating}
            for seed, of in by_seed.items()
            for id_, rating in of.items()
        ]
        RATINGS.of(folder).write_rows(rated)
        return
    for seed, of in by_seed.items():
        predicted = [
            {"id": id_, "prediction": "a", "normalised": "a", "score": score}
            for id_, score in of.items()
        ]
        predictions(f"seed={seed}").of(folder).write_rows(predicted)


def outcomes(rows: list[dict[str, Any]], by_seed: dict, metric: str, **others: Any) -> Outcomes:
    """What the stage `report` makes of the same."""
    named = {f"seed={seed}": of for seed, of in by_seed.items()} | others
    ratings = [
        {"model": name, "id": id_, "turn": 1, "rating": rating}
        for name, of in named.items()
        for id_, rating in of.items()
    ]
    return outcomes_of(rows, named, ratings, metric, measure_of(metric))


def write_metrics(folder: Path, found: Outcomes, **teacher: Any) -> None:
    """metrics/outcomes.json, and a summary that fits."""
    student = found.models["seed=0"]
    mean = sum(student) / len(student)
    measure: Measure = found.measure
    ends = {"": mean, "_low": mean - 0.1, "_high": mean + 0.1}
    own = {f"{measure.name}{end}": value for end, value in ends.items()}
    write_json(folder / paths.SUMMARY, {"student": own | {"mean_answer_tokens": 2.0}} | teacher)
    (folder / paths.OUTCOMES).write_bytes(json_bytes(found.written()))


def write(path: Path, values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
