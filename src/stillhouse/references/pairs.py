"""Choices of each row's own: every choice of a row is scored, and the best one is the prediction.

A choice's numbers are its TF-IDF and how like the rest of the query it is. A regression tells those
that are right from those that are not.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from stillhouse.kinds.registry import kind_of
from stillhouse.references.features import Tfidf, side_by_side
from stillhouse.references.models import STRENGTHS, Right, fitted

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Rows = Sequence[Mapping[str, Any]]
STRENGTH = 1.0


def by_pairs(
    training: Rows, test: Rows, validation: Rows, right: Right
) -> tuple[list[str], float] | None:
    """The choice predicted for each test row, and the strength, which validation rows choose.

    Rows have `query`, `choices` and, but for the test rows, `label`. None where no training row's
    label is one of several choices.
    """
    known = [row for row in training if len(row["choices"]) > 1 and any(_is_right(row))]
    if not known:
        return None
    features = Tfidf([text for row in known for text in (_stem(row), *row["choices"])])
    matrix = _numbers(features, known)
    labels = [right_one for row in known for right_one in _is_right(row)]
    if not validation:
        return _best(fitted(matrix, labels, STRENGTH), features, test), STRENGTH
    models = {each: fitted(matrix, labels, each) for each in STRENGTHS}
    shares = {each: right(_best(model, features, validation)) for each, model in models.items()}
    used = max(STRENGTHS, key=shares.__getitem__)
    return _best(models[used], features, test), used


def _is_right(row: Mapping[str, Any]) -> list[bool]:
    kind = kind_of("choice", row["choices"])
    label = kind.canonical(row["label"])
    return [label is not None and kind.canonical(choice) == label for choice in row["choices"]]


def _stem(row: Mapping[str, Any]) -> str:
    """The query without its choices, where it lists them: each where it stands last."""
    stem = row["query"]
    for choice in reversed(row["choices"]):
        before, found, after = stem.rpartition(choice)
        stem = f"{before} {after}" if found else stem
    return str(stem)


def _numbers(features: Tfidf, rows: Rows) -> "csr_matrix":
    """(choices of all rows, features)."""
    import numpy as np

    choices = features.of([choice for row in rows for choice in row["choices"]])
    stems = features.of([_stem(row) for row in rows])
    owner = np.repeat(np.arange(len(rows)), [len(row["choices"]) for row in rows])
    alike = [
        np.asarray(own.multiply(stem[owner]).sum(axis=1))
        for own, stem in zip(choices, stems, strict=True)
    ]
    return side_by_side([*choices, *alike])


def _best(model: Any, features: Tfidf, rows: Rows) -> list[str]:
    """The choice of each row with the highest score; of equals the first."""
    import numpy as np

    scores = model.decision_function(_numbers(features, rows))
    ends = np.cumsum([0, *(len(row["choices"]) for row in rows)])
    return [
        row["choices"][int(np.argmax(scores[start:end]))]
        for row, (start, end) in zip(rows, pairwise(ends), strict=True)
    ]
