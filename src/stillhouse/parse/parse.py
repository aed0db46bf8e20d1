"""The parse stage: every completion parsed, and the measures of how that went."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, get_args

from stillhouse.core.joins import by_id, require_ids
from stillhouse.core.tables import Row
from stillhouse.parse.completion import Status, parse_completion
from stillhouse.parse.form import Form

Metrics = dict[str, Any]

Ends = Callable[[Sequence[float], Sequence[Hashable]], tuple[float, float]]
"""The ends of the interval of a mean of scores, which are of such groups."""


def parse_completions(
    examples: Iterable[Row],
    completions: Sequence[Row],
    form: Form,
    ends: Ends | None = None,
) -> tuple[list[Row], Metrics]:
    """Rows of table `parsed` for rows of `completions`, and the content of metrics/parse.json.

    `ends` gives the interval of the teacher's accuracy; without it there is none.
    """
    known = by_id(examples, "examples")
    require_ids((row["id"] for row in completions), known, "completions", "examples")
    parsed = [parse_row(row, known[row["id"]]["choices"], form) for row in completions]
    return parsed, measure(parsed, known, form, ends)


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
    parsed: Sequence[Row],
    examples: Mapping[str, Mapping[str, Any]],
    form: Form,
    ends: Ends | None = None,
) -> Metrics:
    """The measures of the train rows at the top level, those of any other split under its name."""
    by_split: dict[str, list[Row]] = defaultdict(list)
    for row in parsed:
        by_split[examples[row["id"]]["split"]].append(row)
    nested = {
        split: _measure_split(rows, examples, form, ends)
        for split, rows in sorted(by_split.items())
        if split != "train"
    }
    return _measure_split(by_split["train"], examples, form, ends) | nested


def _measure_split(
    rows: Sequence[Row],
    examples: Mapping[str, Mapping[str, Any]],
    form: Form,
    ends: Ends | None,
) -> Metrics:
    if not rows:
        return {"rows": 0}
    counts = Counter(row["status"] for row in rows)
    measures: Metrics = {
        "rows": len(rows),
        "status": {status: counts[status] / len(rows) for status in get_args(Status)},
    }
    if form.reply.content == "rationale":
        return measures
    said = [(row["label"], examples[row["id"]]) for row in rows]
    with_gold = [(label, example) for label, example in said if example["label"] is not None]
    if with_gold:
        scores = [
            0.0 if label is None else form.kind(row["choices"]).score(label, row["label"])
            for label, row in with_gold
        ]
        measures["teacher_label_accuracy"] = sum(scores) / len(scores)
        if ends:
            # Several samples of a row are not several rows, nor is a group.
            groups = [
                ("row", row["id"]) if row["group"] is None else ("group", row["group"])
                for _, row in with_gold
            ]
            low, high = ends(scores, groups)
            measures["teacher_label_accuracy_low"] = low
            measures["teacher_label_accuracy_high"] = high
    explained = [row for row in rows if row["rationale"] is not None and row["label"] is not None]
    if form.holds_rationale and explained:
        consistent = [
            form.kind(examples[row["id"]]["choices"]).ends_on(row["rationale"], row["label"])
            for row in explained
        ]
        measures["rationale_consistency"] = sum(consistent) / len(consistent)
    return measures
