"""The parse stage: every completion parsed, and the measures of how that went."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from stillhouse.config.dataset import CHAT
from stillhouse.core.joins import by_id, require_ids
from stillhouse.core.sampling import nested_subset
from stillhouse.core.tables import Row
from stillhouse.kinds.classes import fixed_classes
from stillhouse.kinds.measures import OF_TEACHER, measure_of
from stillhouse.kinds.registry import kind_of
from stillhouse.parse.completion import Status, parse_completion
from stillhouse.parse.form import Form
from stillhouse.parse.stand_ins import sample_agreement
from stillhouse.statistics.classes import class_measures
from stillhouse.statistics.graded import beside_metrics, score_interval
from stillhouse.statistics.intervals import as_metrics

Metrics = dict[str, Any]

MOST_SCORED = 1_000
"""Rows of a split whose graded labels are scored: all could be, and finding entities takes time."""


def parse_completions(
    examples: Iterable[Row], completions: Sequence[Row], form: Form
) -> tuple[list[Row], Metrics]:
    """Rows of table `parsed` for rows of `completions`, and the content of metrics/parse.json."""
    known = by_id(examples, "examples")
    require_ids((row["id"] for row in completions), known, "completions", "examples")
    parsed = [parse_row(row, known[row["id"]]["choices"], form) for row in completions]
    return parsed, measure(parsed, known, form)


def parse_row(completion: Row, choices: Sequence[str], form: Form) -> Row:
    """One row of `parsed`; of the dataset's row it sees the choices alone."""
    result = parse_completion(
        completion["text"],
        completion["finish_reason"],
        form,
        choices,
        reasoned=completion.get("reasoning") is not None,
    )
    return {"id": completion["id"], "sample": completion["sample"]} | result._asdict()


def measure(
    parsed: Sequence[Row], examples: Mapping[str, Mapping[str, Any]], form: Form
) -> Metrics:
    """The measures of the train rows at the top level, those of any other split under its name."""
    by_split: dict[str, list[Row]] = defaultdict(list)
    for row in parsed:
        by_split[examples[row["id"]]["split"]].append(row)
    nested = {
        split: _measure_split(rows, examples, form)
        for split, rows in sorted(by_split.items())
        if split != "train"
    }
    return _measure_split(by_split["train"], examples, form) | nested


def _measure_split(
    rows: Sequence[Row], examples: Mapping[str, Mapping[str, Any]], form: Form
) -> Metrics:
    if not rows:
        return {"rows": 0}
    counts = Counter(row["status"] for row in rows)
    measures: Metrics = {
        "rows": len(rows),
        "status": {status: counts[status] / len(rows) for status in get_args(Status)},
    }
    if form.reply.content == "rationale" or form.task == CHAT:
        return measures  # nothing of it is scored here
    if measure_of(form.answer.metric).needs_label:
        scored = [row for row in rows if examples[row["id"]]["label"] is not None]
    else:
        chosen = nested_subset({row["id"] for row in rows}, MOST_SCORED, "parse")
        scored = [row for row in rows if row["id"] in chosen]
        measures[f"{OF_TEACHER}rows"] = len(chosen)
    measures |= _scored(scored, examples, form)
    measures |= sample_agreement(rows, examples, form)
    explained = [row for row in rows if row["rationale"] is not None and row["label"] is not None]
    if form.holds_rationale and explained:
        measures["rationale"] = _endings(explained, examples, form)
    return measures


def _scored(rows: Sequence[Row], examples: Mapping[str, Mapping[str, Any]], form: Form) -> Metrics:
    """The teacher's labels against gold; no label is a wrong one, and no class.

    Where scores are graded, no label has the lowest, and no further figures.
    """
    if not rows:
        return {}
    known = [examples[row["id"]] for row in rows]
    # Several samples of a row are not several rows, nor is a group.
    groups = [
        ("row", example["id"]) if example["group"] is None else ("group", example["group"])
        for example in known
    ]
    measure, kinds = measure_of(form.answer.metric), [form.kind(e["choices"]) for e in known]
    asked = list(zip(rows, known, kinds, strict=True))
    scores = [
        measure.scale.low if row["label"] is None else kind.score_row(row["label"], example)
        for row, example, kind in asked
    ]
    found: Metrics = as_metrics(measure.of_teacher, score_interval(scores, measure.scale, groups))
    beside = [
        {} if row["label"] is None else kind.beside(row["label"], example)
        for row, example, kind in asked
    ]
    if scored_with := kind_of(form.answer.metric).scored_with():
        found["scored_with"] = scored_with
    of_labels = beside_metrics([figure.name for figure in measure.beside], beside, groups)
    found |= {f"{OF_TEACHER}{name}": value for name, value in of_labels.items()}
    if classes := fixed_classes(known, form.answer.metric):
        kind = kind_of("choice", classes)
        gold = [kind.canonical(example["label"]) or example["label"] for example in known]
        said = [None if row["label"] is None else kind.canonical(row["label"]) for row in rows]
        found |= class_measures(classes, gold, said, groups)
    return found


def _endings(
    rows: Sequence[Row], examples: Mapping[str, Mapping[str, Any]], form: Form
) -> dict[str, float]:
    """Shares of the rationales that end on their label, on another answer, and on none."""
    names = {True: "agrees", False: "disagrees", None: "names_none"}
    counts = Counter(
        names[form.kind(examples[row["id"]]["choices"]).ends_on(row["rationale"], row["label"])]
        for row in rows
    )
    return {name: counts[name] / len(rows) for name in names.values()}
