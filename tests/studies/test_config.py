"""What a study's file says: conditions, their knobs, and the mistakes that can be made."""

import re

import pytest
from pydantic import ValidationError

from stillhouse.config.whole import Entries
from stillhouse.core.errors import StillhouseError
from stillhouse.core.yaml import read_yaml
from stillhouse.studies.load import STUDIES, check_studies, load_study, study_names
from tests.config.project import write_project
from tests.conftest import REPOSITORY
from tests.pipeline.workspace import write_yaml
from tests.studies.studies import STUDY, study


def overrides(*, small=False):
    return {each.name: each.overrides for each in study().conditions("s", small=small)}


def test_conditions_are_the_cells_of_the_table_that_are_not_empty():
    assert list(overrides()) == ["s-labels-half", "s-labels-all", "s-both-all"]


def test_the_more_special_override_wins():
    found = overrides()
    assert found["s-labels-half"] == {"seeds": [0, 1], "lambda": 0, "fraction": 0.5}
    assert found["s-labels-all"]["seeds"] == [3]
    assert found["s-both-all"] == {"seeds": [3], "lambda": 0.5, "fraction": 1.0, "k": 1}


def test_the_small_form_has_conditions_of_its_own():
    found = overrides(small=True)
    assert list(found) == ["s-small-labels-half", "s-small-both-half"]
    assert found["s-small-labels-half"]["seeds"] == [0]
    assert found["s-small-both-half"]["k"] == 2  # a cell that only the small form fills


def test_the_small_form_may_compare_with_another_row():
    small = STUDY["small"] | {"reference": "both", "rows": ["both"]}
    assert study(small=small).compared_with(small=True) == "both"
    assert study(small=small).compared_with(small=False) == "labels"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"knobs": {"lamda": 1}}, "no knob 'lamda'. Did you mean 'lambda'"),
        ({"reference": "label"}, "`reference` names 'label'. Did you mean 'labels'"),
        ({"cells": {"both": {"al": None}}}, "`cells.both` names 'al'. Did you mean 'all'"),
        ({"cells": {"both": {"all": {"kk": 1}}}}, "no knob 'kk'"),
        ({"published": {"source": "x", "values": {"x": {}}}}, "`published.values` names 'x'"),
        ({"small": {"description": "", "rows": ["both"]}}, "leaves out the reference 'labels'"),
        ({"small": {"description": "", "columns": ["x"]}}, "`small.columns` names 'x'"),
        ({"rows": {"A-b": {"title": "x"}}}, "no key can be called so"),
        ({"condition": 1}, "Did you mean 'description'"),
    ],
)
def test_names_that_do_not_exist(changes, said):
    with pytest.raises(ValidationError, match=re.escape(said)):
        study(**changes)


def test_all_mistakes_of_all_conditions_are_listed_once(tmp_path):
    root = write_project(tmp_path)
    knobs = {"teacher": "smal", "k": "many", "dataset": "own"}
    write_yaml(root / STUDIES / "s.yaml", STUDY | {"knobs": knobs, "cells": {}})
    problems: list[str] = []
    assert check_studies(Entries(root), problems) == 1
    assert len(problems) == 2 * 4  # two mistakes in four conditions
    assert any("condition both, half: `k` is 'many'" in problem for problem in problems)
    assert any("Did you mean 'small'" in problem for problem in problems)
    with pytest.raises(StillhouseError, match="8 mistakes"):
        load_study("s", root)


def test_the_entries_that_a_study_names_are_read_before_it_runs(tmp_path):
    root = write_project(tmp_path)
    write_yaml(root / "conf/teacher/broken.yaml", {"description": "?"})
    write_yaml(root / STUDIES / "s.yaml", STUDY | {"knobs": {"teacher": "broken"}})
    with pytest.raises(StillhouseError, match=r"broken.yaml: `model` is missing"):
        load_study("s", root)


@pytest.mark.parametrize("name", study_names(REPOSITORY))
def test_shipped_studies_are_sound(name):
    found = load_study(name, REPOSITORY)
    for small in (False, True):
        conditions = found.conditions(name, small=small)
        different = {repr(sorted(each.overrides.items(), key=str)) for each in conditions}
        assert len(different) == len(conditions), "two conditions are the same"
        assert all(each.overrides["seeds"] for each in conditions)


def test_recorded_teachers_meet_the_dataset_that_they_answered():
    """Their answers belong to rows by id, so another dataset would only fail late."""
    answered = {"palm_540b_cqa": "cos_e", "palm_540b_svamp": "svamp_hsieh"}
    answered["llama3_chatqa_8b_svamp_rag"] = "svamp_hsieh"
    base = read_yaml(REPOSITORY / "params.yaml")
    for name in study_names(REPOSITORY):
        found = load_study(name, REPOSITORY)
        for small in (False, True):
            for each in found.conditions(name, small=small):
                knobs = base | dict(each.overrides)
                assert answered.get(knobs["teacher"], knobs["dataset"]) == knobs["dataset"]
