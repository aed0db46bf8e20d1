"""What the page's summary shows: the figures of metrics/report.json, for tables and pictures."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from stillhouse.core.tables import Row
from stillhouse.kinds.measures import Measure
from stillhouse.page.breakdown import breakdown
from stillhouse.page.run import Run
from stillhouse.report.advice import advice
from stillhouse.report.cost import ANSWERS, costs, paid_off
from stillhouse.report.notes import notes
from stillhouse.report.table import lead, scored_models, verdict
from stillhouse.statistics.intervals import SIGNIFICANCE

POINTS = 240
"""Of a curve, at most: more would be finer than the picture."""


def measure_facts(measured: Measure) -> dict[str, Any]:
    """How the page writes scores."""
    return {
        "name": measured.name,
        "title": measured.title,
        "digits": measured.digits,
        "low": measured.scale.low,
        "high": measured.scale.high,
        "graded": measured.graded,
    }


def summary(run: Run, rows: Sequence[Row]) -> dict[str, Any]:
    """The content of the summary, as JSON has it."""
    found, measured = run.found, run.measure
    told = list(notes(found))
    if cost := paid_off(found, run.rates):
        told.append(cost)
    return {
        "verdict": verdict(found, run.rates),
        "scores": list(_scores(run)),
        "rows": found["student"]["rows"],
        "costs": [
            {
                "name": cost.name,
                "prompt": round(cost.prompt_tokens),
                "completion": round(cost.completion_tokens),
                "seconds": cost.seconds,
                "money": cost.money,
            }
            for cost in costs(found, run.rates)
        ],
        "answers": ANSWERS,
        "timed": bool(run.seconds),
        "statuses": [
            {"split": split, "rows": values["rows"], "shares": values["status"]}
            for split, values in found["teacher"]["splits"].items()
            if "status" in values
        ],
        "curves": {str(seed): curve(text) for seed, text in run.curves.items()},
        "labels": found["labels"],
        "confusion": found.get("confusion", []),
        "breakdown": breakdown(rows, run.form.answer, measured),
        "inputs": run.inputs,
        "knobs": run.knobs,
        "data": found["data"]["rows"],
        "notes": told,
        "advice": [{"command": each.command, "reason": each.reason} for each in advice(found)],
    }


def _scores(run: Run) -> Iterator[dict[str, Any]]:
    """A line for each model: its score and interval, and the student's lead over it."""
    measured = run.measure
    name = measured.name
    for line in scored_models(run.found, measured):
        low, high = (line.scores.get(f"{name}_{end}") for end in ("low", "high"))
        shown: dict[str, Any] = {
            "name": line.name,
            "student": not line.key,
            "score": line.scores[name],
            "low": low,
            "high": high,
            "shown": measured.shown(line.scores[name]),
            "ends": "" if low is None or high is None else measured.ends(low, high),
            "rows": line.scores.get("rows", run.found["student"]["rows"]),
        }
        if line.key in run.found["against"]:
            figures = run.found["against"][line.key]
            shown["lead"] = lead(figures, measured)
            shown["p"] = figures["p_value"]
            shown["told_apart"] = figures["p_value"] < SIGNIFICANCE
        yield shown


def curve(text: str) -> dict[str, list[Any]]:
    """The columns of a training curve, as `train_student` writes it; of many steps the mean of
    neighbours. Columns that hold nothing are left out.
    """
    read = list(csv.DictReader(io.StringIO(text)))
    width = max(1, -(-len(read) // POINTS))
    parts = [read[start : start + width] for start in range(0, len(read), width)]
    names = [name for name in (read[0] if read else ()) if any(row[name] for row in read)]
    return {
        name: [int(part[-1]["step"]) for part in parts]
        if name == "step"
        else [_mean([row[name] for row in part]) for part in parts]
        for name in names
    }


def _mean(cells: Sequence[str]) -> float | None:
    values = [float(cell) for cell in cells if cell]
    return round(fmean(values), 5) if values else None


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[list[Any]]:
    """What two nested configurations say otherwise: the key, what it was and what it is."""
    one, other = _flat(before), _flat(after)
    return [
        [name, one.get(name), other.get(name)]
        for name in dict.fromkeys([*one, *other])
        if one.get(name) != other.get(name)
    ]


def _flat(values: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{within}{name}.")
        else:
            found[f"{within}{name}"] = value
    return found
