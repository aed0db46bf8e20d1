"""The teacher's labels where evaluation has no gold ones, and how far its samples agree."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from stillhouse.config.dataset import CHAT, Task
from stillhouse.core.tables import Row
from stillhouse.parse.form import Form
from stillhouse.statistics.agreement import agreement, pairwise

NEEDED = ("train", "test")
"""Evaluation takes the majority class from the train rows, and scores on the test rows."""
NO_LABEL = "(no label)"


def stand_ins(
    examples: Iterable[Mapping[str, Any]], parsed: Iterable[Row], task: Task
) -> list[Row]:
    """Rows of table `teacher_labels`: the teacher's first label of each row without a gold one.

    None where train and test rows have gold labels: then nothing needs them. None of conversations,
    whose replies are compared with nobody's.
    """
    if task == CHAT:
        return []
    gold = {row["id"]: row["split"] for row in examples if row["label"] is not None}
    if set(gold.values()).issuperset(NEEDED):
        return []
    return [
        {"id": row["id"], "label": row["label"]}
        for row in parsed
        if row["sample"] == 0 and row["label"] is not None and row["id"] not in gold
    ]


def sample_agreement(
    rows: Iterable[Row], examples: Mapping[str, Mapping[str, Any]], form: Form
) -> dict[str, Any]:
    """How far several samples of a row agree: the share of equal pairs, and by first label.

    Nothing where every row has one sample.
    """
    samples: dict[str, list[str | None]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["id"], row["sample"])):
        samples[row["id"]].append(row["label"])
    several = {id_: labels for id_, labels in samples.items() if len(labels) > 1}
    if not several:
        return {}
    kinds = {id_: form.kind(examples[id_]["choices"]) for id_ in several}
    found = agreement(
        "sample_agreement",
        [pairwise(kinds[id_], labels) for id_, labels in several.items()],
        [NO_LABEL if said[0] is None else str(said[0]) for said in several.values()],
        [examples[id_]["group"] for id_ in several],
    )
    return found | {"sample_agreement_rows": len(several)}
