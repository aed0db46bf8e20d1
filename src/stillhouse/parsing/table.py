"""The parse stage: every completion parsed, and the measures of how that went."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, get_args

from stillhouse.answers.compare import is_correct
from stillhouse.answers.consistency import is_consistent
from stillhouse.config.dataset import Answer, Metric, Task
from stillhouse.config.prompt import Reply
from stillhouse.core.joins import by_id, require_ids
from stillhouse.core.tables import Row
from stillhouse.parsing.completion import Status, parse_completion

Metrics = dict[str, Any]

Ends = Callable[[Sequence[float], Sequence[Hashable]], tuple[float, float]]
"""The ends of the interval of a mean of scores, which are of such groups."""


def parse_completions(
    examples: Iterable[Row],
    completions: Sequence[Row],
    *,
    answer: Answer,
    task: Task,
    reply: Reply,
    ends: Ends | None = None,
) -> tuple[list[Row], Metrics]:
    """Rows of table `parsed` for rows of `completions`, and the content of metrics/parse.json.

    `ends` gives the interval of the teacher's accuracy; without it there is none.
    """
    known = by_id(examples, "examples")
    require_ids((row["id"] for row in completions), known, "completions", "examples")
    parsed = [
        parse_row(row, known[row["id"]]["choices"], answer=answer, task=task, reply=reply)
        for row in completions
    ]
    return parsed, measure(parsed, known, answer.metric, reply, ends)


def parse_row(
    completion: Row, choices: Sequence[str], *, answer: Answer, task: Task, reply: Reply
) -> Row:
    """One row of `parsed`; of the example it sees the choices alone."""
    result = parse_completion(
        completion["text"],
        completion["finish_reason"],
        reply=reply,
        task=task,
        answer=answer,
        choices=choices,
    )
    key = {"id": completion["id"], "sample": completion["sample"]}
    return key | {
        "rationale": result.rationale,
        "label": result.label,
        "status": result.status,
    }


def measure(
    parsed: Sequence[Row],
    examples: Mapping[str, Mapping[str, Any]],
    metric: Metric,
    reply: Reply,
    ends: Ends | None = None,
) -> Metrics:
    """The measures of the train rows at the top level, those of any other split under its name."""
    by_split: dict[str, list[Row]] = defaultdict(list)
    for row in parsed:
        by_split[examples[row["id"]]["split"]].append(row)
    nested = {
        split: _measure_split(rows, examples, metric, reply, ends)
        for split, rows in sorted(by_split.items())
        if split != "train"
    }
    return _measure_split(by_split["train"], examples, metric, reply, ends) | nested


def _measure_split(
    rows: Sequence[Row],
    examples: Mapping[str, Mapping[str, Any]],
    metric: Metric,
    reply: Reply,
    ends: Ends | None,
) -> Metrics:
    if not rows:
        return {"rows": 0}
    counts = Counter(row["status"] for row in rows)
    measures: Metrics = {
        "rows": len(rows),
        "status": {status: counts[status] / len(rows) for status in get_args(Status)},
    }
    if reply == "rationale":
        return measures
    with_gold = [row for row in rows if examples[row["id"]]["label"] is not None]
    if with_gold:
        correct = [_agrees_with_gold(row, examples[row["id"]], metric) for row in with_gold]
        measures["teacher_label_accuracy"] = sum(correct) / len(correct)
        if ends:
            low, high = ends(correct, [_group(examples[row["id"]]) for row in with_gold])
            measures["teacher_label_accuracy_low"] = low
            measures["teacher_label_accuracy_high"] = high
    explained = [row for row in rows if row["rationale"] is not None and row["label"] is not None]
    if reply == "rationale_then_label" and explained:
        consistent = [
            is_consistent(row["rationale"], row["label"], metric, examples[row["id"]]["choices"])
            for row in explained
        ]
        measures["rationale_consistency"] = sum(consistent) / len(consistent)
    return measures


def _group(example: Mapping[str, Any]) -> Hashable:
    """What a completion shares with others: several samples of a row are not several rows."""
    group = example["group"]
    return ("row", example["id"]) if group is None else ("group", group)


def _agrees_with_gold(row: Row, example: Mapping[str, Any], metric: Metric) -> bool:
    label = row["label"]
    return label is not None and is_correct(label, example["label"], metric, example["choices"])
