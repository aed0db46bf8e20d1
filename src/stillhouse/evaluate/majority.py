"""The majority class: what a student must beat to have learnt anything."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T", int, str)


def majority_predictions(
    train: Sequence[Mapping[str, Any]], test: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """The most frequent label of `train` for each row of `test`, by id.

    Where every row has choices the class is the label's place among them, which is the same for
    fixed choices and the only class there is when each row has its own. Ties go to the lowest
    place, else to the label that sorts first.
    """
    # A teacher's label, where that stands in for gold, need not be a choice.
    if all(row["choices"] for row in (*train, *test)) and all(
        row["label"] in row["choices"] for row in train
    ):
        place = _most_frequent([row["choices"].index(row["label"]) for row in train])
        return {row["id"]: row["choices"][min(place, len(row["choices"]) - 1)] for row in test}
    label = _most_frequent([row["label"] for row in train])
    return dict.fromkeys((row["id"] for row in test), label)


def _most_frequent(values: Sequence[T]) -> T:
    counts = Counter(values)
    most = max(counts.values())
    return min(value for value, count in counts.items() if count == most)
