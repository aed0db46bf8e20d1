"""The two models: logistic regression, and a vote of the nearest training rows."""

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from stillhouse.references.features import Matrix

STRENGTHS = (0.1, 1.0, 10.0, 100.0)
"""scikit-learn's C, between which validation rows choose."""
NEIGHBOURS = (1, 5, 15)
"""The same for the rows that vote."""
COEFFICIENTS = 2_000_000
"""Of a regression with several classes at most: it holds two dozen copies of them."""
AT_ONCE = 4_000_000
"""Similarities held in memory at once: 16 MB."""
STEPS = 1_000

Right = Callable[[Sequence[str]], float]
"""The share of right ones among predictions for the validation rows, in their order."""


@dataclass(frozen=True)
class Split:
    """The numbers of the rows trained on, tested on, and chosen on (None where there are none)."""

    training: "Matrix"
    test: "Matrix"
    validation: "Matrix | None" = None

    def only(self, features: "npt.NDArray[np.int64]") -> "Split":
        """The same with some of the features."""
        validation = None if self.validation is None else self.validation[:, features]
        return Split(self.training[:, features], self.test[:, features], validation)


def features_for(classes: int) -> int:
    """How many features a regression may have; two classes share one coefficient for each."""
    return COEFFICIENTS // (classes if classes > 2 else 1)


def fitted(matrix: "Matrix", labels: Sequence[Any], strength: float) -> Any:
    """scikit-learn's logistic regression with an L2 penalty of 1 / `strength`."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # A regression that is still moving after so many steps predicts no otherwise.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, max_iter=STEPS).fit(matrix, labels)


def by_regression(
    split: Split, labels: Sequence[str], right: Right, strength: float
) -> tuple[list[str], float]:
    """The test rows' labels, and the strength: validation rows choose it, where there are any."""
    if split.validation is None:
        model, used = fitted(split.training, labels, strength), strength
    else:
        models = {each: fitted(split.training, labels, each) for each in STRENGTHS}
        shares = {each: right(m.predict(split.validation)) for each, m in models.items()}
        used = max(STRENGTHS, key=shares.__getitem__)  # of equals the strongest penalty
        model = models[used]
    return [str(label) for label in model.predict(split.test)], used


def by_neighbours(
    split: Split, labels: Sequence[str], right: Right, *, vote: bool
) -> tuple[list[str], int]:
    """The test rows' labels by the most similar training rows, and how many of them vote.

    Numbers of length one are compared by their product. Each neighbour's vote weighs as it is
    similar; a row that is like none gets the most frequent label. Without `vote` the nearest alone
    counts. How many vote is chosen on validation rows, else the root of the training rows, at
    most 15.
    """
    rows = len(labels)
    if not vote:
        used = 1
    elif split.validation is None:
        used = min(max(NEIGHBOURS), max(1, math.isqrt(rows)))
    else:
        possible = [each for each in NEIGHBOURS if each <= rows]
        found = {
            each: right(_votes(split.validation, split.training, labels, each)) for each in possible
        }
        used = max(possible, key=found.__getitem__)
    return _votes(split.test, split.training, labels, used), used


def _votes(asking: "Matrix", training: "Matrix", labels: Sequence[str], count: int) -> list[str]:
    import numpy as np

    counts = Counter(labels)
    known = sorted(counts, key=lambda label: (-counts[label], label))
    place = {label: number for number, label in enumerate(known)}
    codes = np.asarray([place[label] for label in labels])
    found: list[str] = []
    for alike in _similarities(asking, training):
        nearest = _nearest(alike, count)
        weights = np.maximum(np.take_along_axis(alike, nearest, axis=1), 0.0)
        votes = np.zeros((len(alike), len(known)))
        np.add.at(votes, (np.arange(len(alike))[:, None], codes[nearest]), weights)
        found += [known[winner] for winner in votes.argmax(axis=1)]
    return found


def _nearest(alike: "npt.NDArray[np.float32]", count: int) -> "npt.NDArray[np.int64]":
    """The training rows most similar to each row, (rows, count); of equals the first by id."""
    import numpy as np

    last = -np.partition(-alike, count - 1, axis=1)[:, count - 1, None]
    nearer, tied = alike > last, alike == last
    wanted = count - nearer.sum(axis=1, keepdims=True)
    chosen = nearer | (tied & (np.cumsum(tied, axis=1) <= wanted))
    return np.nonzero(chosen)[1].reshape(len(alike), count)


def _similarities(asking: "Matrix", training: "Matrix") -> "Iterator[npt.NDArray[np.float32]]":
    """How alike some rows at a time are to each training row: (some, training rows)."""
    import numpy as np

    step = max(1, AT_ONCE // training.shape[0])
    for start in range(0, asking.shape[0], step):
        alike = asking[start : start + step] @ training.T
        yield alike if isinstance(alike, np.ndarray) else alike.toarray()
