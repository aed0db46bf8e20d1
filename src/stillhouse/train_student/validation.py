"""When to score on the validation split, which score is best, and when to stop."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stillhouse.config.student import Training, Validation
from stillhouse.core.errors import StillhouseError

Score = tuple[int, float]
"""A step, and the metric after it."""


def require_validation(rows: Sequence[Mapping[str, Any]], conf: Validation | None) -> None:
    """Fail when the entry asks for validation and the dataset has no rows for it."""
    if conf is not None and not rows:
        raise StillhouseError(
            "The student's entry asks for `training.validation`, but the dataset has no validation "
            "rows. Hold some out in the dataset's entry, `splits: validation: {hold_out_from: "
            "train, share: 0.1}`, or set `training.validation: null`. Test rows are never "
            "used instead."
        )


def scored_steps(training: Training, rows: int, total: int) -> frozenset[int]:
    """After which of `total` steps over `rows` training rows to score; always after the last."""
    conf = training.validation
    if conf is None:
        return frozenset()
    if conf.steps is not None:
        return frozenset([*range(conf.steps, total, conf.steps), total])
    assert conf.epochs is not None
    interval = conf.epochs * rows / training.batch_size
    count = math.floor(total / interval)
    return frozenset([*(max(1, round(interval * n)) for n in range(1, count + 1)), total])


def best(scores: Iterable[Score], metric: str) -> Score | None:
    """The best score, of equal ones the earliest; one that is not a number never is."""
    sign = 1 if metric == "loss" else -1
    known = [score for score in scores if not math.isnan(score[1])]
    return min(known, key=lambda score: (sign * score[1], score[0]), default=None)


def is_exhausted(scores: Sequence[Score], conf: Validation | None) -> bool:
    """Whether the last `patience` scores brought nothing better."""
    if conf is None or conf.patience is None:
        return False
    found = best(scores, conf.metric)
    since = [step for step, _ in scores if found is None or step > found[0]]
    return len(since) >= conf.patience
