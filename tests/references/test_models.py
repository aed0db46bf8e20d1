"""The vote of the nearest rows, against a plain loop and scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize

from stillhouse.references import models
from stillhouse.references.features import frequent, telling
from stillhouse.references.models import Split, _nearest, by_neighbours


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=7, max_size=7), min_size=1, max_size=5),
    st.integers(1, 7),
)
@settings(max_examples=100, deadline=None)
def test_of_equally_near_rows_the_first_ones_count(values: list[list[int]], count: int):
    alike = np.asarray(values, dtype=np.float32)
    found = _nearest(alike, count)
    for row, chosen in zip(values, found, strict=True):
        order = sorted(range(7), key=lambda place: (-row[place], place))
        assert set(chosen) == set(order[:count])


@pytest.mark.parametrize("sparse", [False, True])
def test_it_votes_as_scikit_learn_does(sparse: bool, monkeypatch: pytest.MonkeyPatch):
    generator = np.random.default_rng(2)
    matrix = normalize(np.abs(generator.normal(size=(120, 12)))).astype(np.float32)
    labels = [str(label) for label in generator.integers(0, 3, 80)]
    theirs = KNeighborsClassifier(8, metric="cosine", weights=lambda away: 1 - away)
    expected = theirs.fit(matrix[:80], labels).predict(matrix[80:])
    monkeypatch.setattr(models, "AT_ONCE", 80 * 7)  # seven rows at a time
    rows = csr_matrix(matrix) if sparse else matrix
    found, used = by_neighbours(Split(rows[:80], rows[80:]), labels, lambda _: 0.0, vote=True)
    assert used == 8
    assert found == list(expected)


def test_features_of_many_rows_tell_nothing_and_the_most_frequent_are_kept():
    counts = np.zeros((1000, 3), dtype=np.float32)
    for feature, rows in enumerate((100, 101, 7)):
        counts[:rows, feature] = 1
    assert telling(csr_matrix(counts)).tolist() == [0, 2]
    assert frequent(csr_matrix(counts), 2).tolist() == [0, 1]
    assert telling(csr_matrix(counts[:50])).tolist() == [0, 1, 2]
