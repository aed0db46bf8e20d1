import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import TRAINING, write_rows
from stillhouse.feedback.augment import add_synthetic

ROW = {"id": "a", "query": "q", "label": "l", "rationale": None, "difficulty": None}


def test_rows_pass_through_as_real(tmp_path):
    training, metrics = add_synthetic([ROW], 0)
    assert training == [
        {"id": "a", "query": "q", "label": "l", "rationale": None, "origin": "real"}
    ]
    assert metrics == {"real": 1, "synthetic": 0}
    write_rows(tmp_path / "training.parquet", TRAINING, training)


def test_synthetic_rows_are_not_built_yet():
    with pytest.raises(StillhouseError, match=r"`synthetic` is 5.*not built.*synthetic: 0"):
        add_synthetic([ROW], 5)
