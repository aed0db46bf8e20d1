"""Which rows are drawn: as many of each label, nested, and the same whatever the order of rows."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.core.errors import StillhouseError
from stillhouse.sheets.draw import Candidate, candidates, draw, drawn_as, sequence

LABELS = ("no", "yes", None)
ROWS = st.lists(st.sampled_from(LABELS), min_size=3, max_size=60).map(
    lambda labels: [Candidate(f"r{n}", f"q{n}", (), label) for n, label in enumerate(labels)]
)


def ids(rows):
    return {row.id for row in rows}


@given(ROWS, st.integers(3, 60), st.integers(0, 3), st.sampled_from(["label", "none"]))
def test_fewer_lie_within_more_whatever_the_order_and_labels_are_balanced(rows, count, seed, by):
    few, more = draw(rows, count, by, seed), draw(rows[::-1], count + 7, by, seed)
    assert ids(few) <= ids(more)
    assert len(few) == min(count, len(rows))
    assert [row.id for row in few] == [row.id for row in draw(rows[::-1], count, by, seed)]
    if by == "label":
        sizes, drawn = (Counter(row.stratum for row in each) for each in (rows, few))
        most = max(drawn.values())
        assert all(drawn[label] in (most, most - 1, sizes[label]) for label in sizes)


def test_another_seed_draws_other_rows():
    rows = [Candidate(f"r{n}", f"q{n}", (), LABELS[n % 2]) for n in range(100)]
    assert ids(draw(rows, 20, "label", 0)) != ids(draw(rows, 20, "label", 1))


def test_the_order_of_a_sheet_tells_nothing_of_the_labels():
    rows = [Candidate(f"r{n}", f"q{n}", (), LABELS[n % 2]) for n in range(100)]
    shown = [row.teacher for row in draw(rows, 20, "label", 0)]
    assert shown not in ([*"yn" * 10], sorted(shown, key=str))
    assert [row.teacher for row in sequence(rows, "label", 0)][:4] in (
        ["no", "yes", "no", "yes"],
        ["yes", "no", "yes", "no"],
    )


def test_how_rows_were_drawn_is_told_from_the_rows():
    rows = [Candidate(f"r{n}", f"q{n}", (), LABELS[n % 7 == 0]) for n in range(200)]
    balanced, plain = draw(rows, 40, "label", 0), draw(rows, 40, "none", 0)
    assert drawn_as(rows, ids(balanced), 0) == "label"
    assert drawn_as(rows, ids(balanced[3:]), 0) is None
    assert drawn_as(rows, ids(plain), 0) == "none"
    assert drawn_as(rows, ids(balanced), 1) is None
    assert drawn_as(rows, {"stranger"}, 0) is None


def test_what_cannot_be_drawn_is_said():
    rows = [Candidate(f"r{n}", f"q{n}", (), LABELS[n % 2]) for n in range(10)]
    with pytest.raises(StillhouseError, match="`--n` is 1, and the teacher gave 2 labels"):
        draw(rows, 1, "label", 0)
    example = {"id": "a", "query": "q", "choices": [], "label": "x", "split": "train"}
    with pytest.raises(StillhouseError, match=r"no rows of the split 'unlabled'.*Known: train"):
        candidates([example], [], "exact", "unlabled")
    with pytest.raises(StillhouseError, match="have labels already"):
        candidates([example], [], "exact", "train")
    with pytest.raises(StillhouseError, match="was asked about no row of 'unlabelled'"):
        candidates([example | {"split": "unlabelled", "label": None}], [], "exact", "unlabelled")


def test_the_teachers_first_label_counts_as_the_row_writes_it():
    example = {"id": "a", "query": "q", "choices": ["yes", "no"], "label": None, "split": "test"}
    parsed = [
        {"id": "a", "sample": 0, "label": "YES"},
        {"id": "a", "sample": 1, "label": "no"},
        {"id": "b", "sample": 0, "label": "no"},
    ]
    assert candidates([example], parsed, "choice", "test") == [
        Candidate("a", "q", ("yes", "no"), "yes")
    ]
