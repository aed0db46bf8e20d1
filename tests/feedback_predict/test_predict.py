"""The student's predictions: no student predicts a row that it was trained on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.core.errors import StillhouseError
from stillhouse.feedback_predict.predict import plan, student_predictions
from tests.students.conftest import local_models, make_conf

__all__ = ["local_models", "make_conf"]  # fixtures


def row(id_, label="red"):
    return {"id": id_, "query": f"What colour is {id_}?", "label": label, "choices": []}


@given(st.sets(st.text(min_size=1, max_size=6), min_size=4, max_size=40), st.floats(0.2, 1))
def test_every_row_is_predicted_once_by_a_student_that_never_saw_it(ids, share):
    rows = [row(id_, "red" if n % 3 else None) for n, id_ in enumerate(sorted(ids))]
    try:
        work = plan(rows, share)
    except StillhouseError:
        return
    for training, asked in work:
        seen = {r["id"] for r in training}
        assert seen
        assert all(r["label"] is not None for r in training)
        assert not seen & {r["id"] for r in asked}
    assert sorted(r["id"] for _, asked in work for r in asked) == sorted(ids)


def test_first_shares_are_nested():
    rows = [row(f"r{n}") for n in range(40)]
    small, large = ({r["id"] for r in plan(rows, share)[-1][0]} for share in (0.25, 0.5))
    assert len(small) == 10
    assert small < large


def test_too_few_rows_for_folds_is_said():
    with pytest.raises(StillhouseError, match="1 of 4 labelled rows, too few"):
        plan([row(f"r{n}") for n in range(4)], 0.25)


@pytest.mark.slow
def test_untrained_and_trained_students_predict_all_rows(make_conf):
    rows = [row(f"r{n}") for n in range(6)]
    student = make_conf()
    for which in ("untrained", 0.5):
        found = student_predictions(rows, student, which)
        assert [r["id"] for r in found] == sorted(r["id"] for r in rows)
        assert found == student_predictions(rows[::-1], student, which)
