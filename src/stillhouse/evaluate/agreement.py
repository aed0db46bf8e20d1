"""Evaluation without gold labels: predictions against the teacher's, and never called accuracy."""

from collections.abc import Mapping, Sequence
from typing import Any

from stillhouse.config.dataset import Answer
from stillhouse.core.joins import by_id, require_ids
from stillhouse.core.tables import Row
from stillhouse.evaluate.scoring import Metrics
from stillhouse.kinds.measures import measure_of
from stillhouse.kinds.registry import kind_of
from stillhouse.statistics.agreement import AGREEMENT, agreement

KEPT = (
    "rows",
    "mean_prompt_tokens",
    "mean_answer_tokens",
    "trained_on",
    "strength",
    "neighbours",
    "by",
    "unread",
    "unread_length",
    "unread_refusal",
    "unread_missing",
)
"""What is no measure of being right."""


def with_teacher_labels(
    examples: Sequence[Mapping[str, Any]], teacher_labels: Sequence[Row], answer: Answer
) -> list[dict[str, Any]]:
    """The examples, test rows without a gold label with the teacher's, where it gave one.

    Without any train row the unlabelled ones stand in as `train`, for the majority class. As they
    are where scores need no label.
    """
    if not measure_of(answer.metric).needs_label:
        return [dict(row) for row in examples]
    known = by_id(teacher_labels, "teacher_labels")
    require_ids(known, (row["id"] for row in examples), "teacher_labels", "examples")
    trained = any(row["split"] == "train" for row in examples)
    moved = {"test": "test"} if trained else {"test": "test", "unlabelled": "train"}
    filled = []
    for row in examples:
        changes = {}
        if row["split"] in moved:
            given = known[row["id"]]["label"] if row["id"] in known else row["label"]
            changes = {"split": moved[row["split"]], "label": given}
        filled.append(dict(row) | changes)
    return filled


def is_agreement(examples: Sequence[Mapping[str, Any]], answer: Answer) -> bool:
    """Whether scores can only say how far predictions are the teacher's labels.

    So it is where they need labels, and no test row has one of its own.
    """
    needed = measure_of(answer.metric).needs_label
    return needed and all(row["split"] != "test" or row["label"] is None for row in examples)


def as_agreement(metrics: Metrics) -> Metrics:
    """The metrics of predictions that were scored against the teacher's labels, so named."""
    kept = {name: metrics[name] for name in KEPT if name in metrics}
    ends = ("", "_low", "_high")
    return kept | {f"{AGREEMENT}{end}": metrics[f"accuracy{end}"] for end in ends}


def by_label(
    predictions: Sequence[Row], compared: Sequence[Mapping[str, Any]], answer: Answer
) -> dict[str, Any]:
    """The agreement on the rows of each label that the teacher gave, where labels are classes."""
    rows = by_id(compared, "examples")
    asked = [rows[row["id"]] for row in predictions]
    kinds = [kind_of(answer.metric, row["choices"]) for row in asked]
    found = agreement(
        AGREEMENT,
        [row["score"] for row in predictions],
        [k.canonical(row["label"]) or row["label"] for k, row in zip(kinds, asked, strict=True)],
        [row["group"] for row in asked],
    )
    name = f"{AGREEMENT}_by_label"
    return {name: found[name]} if name in found else {}
