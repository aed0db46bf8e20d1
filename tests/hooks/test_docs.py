"""The functions that docs/extending.md shows are found, fit, and do what it says."""

import re

import pytest

from stillhouse.hooks.find import find
from stillhouse.hooks.hook import KEEP, OPEN, ROWS, SCORE
from stillhouse.hooks.load import load
from stillhouse.ingest.raw import read_splits
from stillhouse.kinds.registry import kind_of
from tests.conftest import REPOSITORY
from tests.ingest.conf import make_conf

PAGE = (REPOSITORY / "docs/extending.md").read_text(encoding="utf-8")
HOOKS = {"rows": ROWS, "score": SCORE, "keep": KEEP, "open_teacher": OPEN}


@pytest.fixture
def shown(project):
    """A project with the page's modules."""
    modules: dict[str, str] = {}
    for place, text in re.findall(r"```python\n# stages/([\w/]+)\.py\n(.*?)```", PAGE, re.DOTALL):
        name = place.replace("/", ".")
        modules[name] = modules.get(name, "") + text
    for name, text in modules.items():
        project.write(name, text)
    return project


def test_every_function_that_it_names_is_there_and_fits(shown):
    named = set(re.findall(r"python:[\w.]+:\w+", PAGE)) - {"python:module:function"}
    assert {each.rpartition(":")[2] for each in named} == HOOKS.keys()
    for each in named:
        find(each, HOOKS[each.rpartition(":")[2]])
    for hook in HOOKS.values():
        assert f"`{hook.example}`" in PAGE


def test_they_do_what_it_says(shown):
    folder = shown.root / "data/raw/reviews"
    folder.mkdir(parents=True)
    line = '{"stars": 4, "parts": [{"id": "a", "text": "good"}, {"id": "b", "text": "fine"}]}\n'
    (folder / "train.jsonl").write_text(line, encoding="utf-8")
    conf = make_conf(
        source="python:reviews:rows",
        splits={
            "train": {"read": ["train"]},
            "test": {"hold_out_from": "train", "share": 0.2},
        },
    )
    assert [row.values for row in read_splits(conf)["train"]] == [
        {"id": "a", "text": "good", "stars": 4}, {"id": "b", "text": "fine", "stars": 4},
    ]  # fmt: skip
    kind = kind_of("python:reviews:score")
    assert [kind.score(said, "4") for said in ("4", "5", "1", "four")] == [1.0, 0.5, 0.0, 0.0]
    keep = load("label_filter", "python:own.filters:keep", KEEP)
    assert keep(row={"teacher_label": "4", "query": "a query of words"})
    assert not keep(row={"teacher_label": None, "query": "a query of words"})
