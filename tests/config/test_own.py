"""Functions of a project's own in its configuration: every mistake at once, by file and key."""

import sys

import pytest

from stillhouse.config.whole import check_all, load_all
from stillhouse.core.errors import StillhouseError
from tests.config.project import edit, write_project

MINE = """
def rows(split):
    yield {}


def score(prediction, label):
    return 1


def keep(row):
    return True


def open_it(conf):
    return None
"""
SPLITS = {"train": {"read": ["all"]}, "test": {"hold_out_from": "train", "share": 0.25}}


@pytest.fixture
def project(tmp_path):
    root = write_project(tmp_path)
    (root / "stages").mkdir(exist_ok=True)
    (root / "stages/mine.py").write_text(MINE, encoding="utf-8")
    return root


def named(root, rows="rows", score="score", keep="keep", open_it="open_it"):
    edit(
        root,
        "conf/dataset/own.yaml",
        source=f"python:mine:{rows}",
        splits=SPLITS,
        answer={"metric": f"python:mine:{score}"},
    )
    model = {"name": "m", "source": "api://m/1"}
    compute = {"backend": f"python:mine:{open_it}", "options": {"size": 3}}
    edit(root, "conf/teacher/small.yaml", model=model, compute=compute)
    edit(root, "params.yaml", label_filter=f"python:mine:{keep}")


def test_what_is_there_is_fine_and_not_run(project):
    named(project)
    knobs, entries = load_all(project)
    assert knobs.label_filter == "python:mine:keep"
    assert entries["teacher"].compute.options == {"size": 3}
    assert "mine" not in sys.modules


@pytest.mark.parametrize("load", [load_all, check_all])
def test_all_that_is_missing_is_named_at_once(project, load):
    named(project, rows="row", score="scores", keep="keeps", open_it="open")
    with pytest.raises(StillhouseError) as error:
        load(project)
    said = str(error.value)
    assert "4 mistakes" in said
    for start in (
        "conf/dataset/own.yaml: `source` is 'python:mine:row': stages/mine.py has no `def row`",
        "conf/dataset/own.yaml: `answer.metric` is 'python:mine:scores': stages/mine.py has no",
        "conf/teacher/small.yaml: `compute.backend` is 'python:mine:open': stages/mine.py has no",
        "params.yaml: `label_filter` is 'python:mine:keeps': stages/mine.py has no `def keeps` at",
    ):
        assert start in said
    assert "Did you mean 'keep'?" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": "python:mine"}, "`source` is 'python:mine': a function of your own is written"),
        ({"answer": {"metric": "Exact"}}, "Did you mean 'exact'? Known: choice, equation, exact,"),
        (
            {
                "source": "python:mine:rows",
                "splits": SPLITS | {"train": {"read": ["x.csv"], "quoting": "none"}},
            },
            "split `train` has `quoting` or `separator`, which are for files, and its rows come "
            "from a function",
        ),
    ],
)
def test_what_cannot_stand_there_says_what_can(project, changes, said):
    edit(project, "conf/dataset/own.yaml", **changes)
    with pytest.raises(StillhouseError) as error:
        load_all(project)
    assert said in str(error.value)


def test_options_hold_no_secrets(project):
    compute = {"backend": "python:mine:open_it", "options": {"api_key": "sk-abcdefghijkl"}}
    edit(project, "conf/teacher/small.yaml", compute=compute)
    with pytest.raises(StillhouseError) as error:
        load_all(project)
    assert "looks like a secret" in str(error.value)
    assert "sk-abc" not in str(error.value)
