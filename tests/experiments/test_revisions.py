"""Only runs over the same test rows can be compared."""

from dataclasses import replace

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.experiments.revisions import Revision, require_same_rows
from stillhouse.kinds.measures import ENTITY_DENSITY

ROW = {"query": "What colour?", "label": "red", "choices": ["red", "blue"], "group": None}


def run(name, **rows):
    return Revision(name, {0: dict.fromkeys(rows, 1.0)}, rows)


def test_what_plays_no_part_in_the_answer_may_differ():
    one, other = run("a", r1=ROW | {"meta": "x"}), run("b", r1=ROW | {"meta": "y"})
    require_same_rows(one, other)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (run("b", r1=ROW, r2=ROW), "tested on other rows: 1 ids are in one alone, such as 'r2' of"),
        (run("b", r1=ROW | {"label": "blue"}), "another label for the test row 'r1': 'red' and"),
        (run("b", r1=ROW | {"query": "Which?"}), "another query for the test row 'r1'"),
        (run("b", r1=ROW | {"choices": ["red"]}), "another choices for the test row 'r1'"),
    ],
)
def test_other_rows_are_refused(other, said):
    with pytest.raises(StillhouseError, match=said):
        require_same_rows(run("a", r1=ROW), other)
    with pytest.raises(StillhouseError, match=said.split(" of")[0].split(": 'red")[0]):
        require_same_rows(other, run("a", r1=ROW))


def test_scores_of_two_measures_are_refused():
    dense = replace(run("b", r1=ROW), measure=ENTITY_DENSITY)
    with pytest.raises(StillhouseError, match="'a' is scored by accuracy and 'b' by entity densi"):
        require_same_rows(run("a", r1=ROW), dense)
