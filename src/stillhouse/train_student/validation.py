"""Scores on the validation split while training, and the weights that score best."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stillhouse.config.student import Training, Validation
from stillhouse.core.errors import StillhouseError

if TYPE_CHECKING:
    from torch import Tensor

Score = tuple[int, float]
"""A step, and the metric after it."""


def require_validation(rows: Sequence[Mapping[str, Any]], conf: Validation | None) -> None:
    """Fail when the entry asks for validation and the dataset has no rows for it."""
    if conf is not None and not rows:
        raise StillhouseError(
            "The student's entry asks for `training.validation`, but the dataset has no validation "
            "rows. Hold some out in the dataset's entry, `splits: validation: {hold_out_from: "
            "train, share: 0.1}`, or set `validation: null`. Test rows are never used instead."
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


class Selection:
    """Keeps the weights of the best score, of equal scores the earliest."""

    def __init__(self, conf: Validation) -> None:
        self.conf = conf
        self.scores: list[Score] = []
        self.weights: dict[str, Tensor] = {}

    @property
    def best(self) -> Score | None:
        """The best score so far; one that is not a number never is."""
        sign = 1 if self.conf.metric == "loss" else -1
        known = [score for score in self.scores if not math.isnan(score[1])]
        return min(known, key=lambda score: (sign * score[1], score[0]), default=None)

    @property
    def exhausted(self) -> bool:
        """Whether the last `patience` scores brought nothing better."""
        if self.conf.patience is None:
            return False
        best = self.best
        since = [step for step, _ in self.scores if best is None or step > best[0]]
        return len(since) >= self.conf.patience

    def add(self, step: int, value: float, weights: Mapping[str, "Tensor"]) -> None:
        """Take a score; `weights` are those that it is of, and are copied if it is the best."""
        self.scores.append((step, value))
        if self.best == self.scores[-1]:
            self.weights = {name: weight.to("cpu", copy=True) for name, weight in weights.items()}
