"""Joins are by id, and checked."""

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import by_id, require_ids


def test_a_repeated_id_is_refused():
    assert by_id([{"id": "a", "n": 1}, {"id": "b", "n": 2}], "t")["b"]["n"] == 2
    with pytest.raises(StillhouseError, match=r"'t'.*'a' twice"):
        by_id([{"id": "a"}, {"id": "a"}], "t")


def test_unknown_ids_are_counted_and_one_is_named():
    require_ids(["a"], ["a", "b"], "one", "other")
    with pytest.raises(StillhouseError, match=r"2 ids of 'one' are not in 'other', the first 'x'"):
        require_ids(["y", "a", "x"], ["a"], "one", "other")
