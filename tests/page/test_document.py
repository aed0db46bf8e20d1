"""The page's content and its file: nothing made up, no text as markup, equal bytes."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.page.document import STATUSES, Other, document
from stillhouse.page.html import html
from stillhouse.page.rows import sample
from stillhouse.page.summary import POINTS, changed, curve
from stillhouse.parse.completion import Status
from stillhouse.statistics.agreement import AGREEMENT
from tests.conftest import REPOSITORY
from tests.page.runs import CURVE, KNOBS, ODD, Tags, cell, other_run, run, unpacked


@pytest.fixture(scope="module")
def one():
    return run()


@pytest.fixture(scope="module")
def found(one):
    return document(one)


@pytest.fixture(scope="module")
def page(found):
    return html(found)


def test_a_page_holds_the_document(found, page):
    assert unpacked(page) == json.loads(json.dumps(found))


def test_a_row_has_what_every_table_says_of_it(found):
    assert cell(found, "train-0", "exemplars") == [
        ["train-1", "blue", 0.25],
        ["train-2", "red", 0.5],
    ]
    assert cell(found, "train-0", "trained") == ["red", "Because."]
    assert cell(found, "train-0", "feedback") == "blue"
    assert cell(found, "train-0", "verdicts") == [
        ["student_first", 7.0, 3.0],
        ["teacher_first", 9.0, 2.0],
    ]
    lines = found["rows"]["lines"]
    told = [[role, [lines[n] for n in places]] for role, places in cell(found, "train-0", "prompt")]
    assert told == [
        ["system", ["Say which colour.", "Be brief."]],
        ["user", ["Q: What colour is train-0?", "A:"]],
    ]
    assert cell(found, "test-0", "predictions")["seed=0"] == ["red", 1.0]
    assert [cell(found, f"test-{n}", "score") for n in range(6)] == [1, 1, 1, 0, 0, 0]


def test_what_the_teacher_is_worth_comes_from_its_completion_or_from_being_asked(found):
    assert cell(found, "train-0", "teacher") == 1.0
    assert cell(found, "train-1", "teacher") == 0.0
    assert cell(found, "test-4", "teacher") == 1.0  # `zero_shot`
    assert cell(found, "test-5", "teacher") == 0.0


def test_a_row_without_a_gold_label_has_none_anywhere(found):
    for name in ODD:
        assert cell(found, f"odd-{name}", "gold") is None
        assert cell(found, f"odd-{name}", "teacher") is None
        assert cell(found, f"odd-{name}", "score") is None


def test_the_answer_is_marked_where_the_completion_itself_gives_it(found):
    """Behind an emoji, which a browser counts as two, and before what the model ran on into."""
    text, *_, mark = cell(found, "train-1", "completions")[0]
    units = text.encode("utf-16-le")
    assert units[2 * mark[0] : 2 * mark[1]].decode("utf-16-le") == "(a)"
    assert mark[0] == text.index("(a)") + 1
    *_, label, _, mark = cell(found, "odd-ansi", "completions")[0]
    assert (label, mark) == (None, None)


def test_no_text_of_a_model_is_markup(page):
    names = Tags(page).names
    assert names.count("script") == 3
    assert not {"img", "link", "iframe", "object", "form"} & set(names)
    assert "broken" not in page
    assert "\x1b" not in page
    assert "default-src 'none'" in page
    assert "innerHTML" not in page
    assert "insertAdjacent" not in page


def test_a_title_that_is_markup_is_text(one):
    odd = replace(one, knobs=KNOBS | {"dataset": "</title><script>broken</script>"})
    names = Tags(html(document(odd))).names
    assert names.count("script") == 3


def test_equal_runs_are_equal_bytes_whatever_the_hash_seed(page):
    code = (
        "import hashlib\n"
        "from stillhouse.page.document import document\n"
        "from stillhouse.page.html import html\n"
        "from tests.page.runs import run\n"
        "print(hashlib.sha256(html(document(run())).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=REPOSITORY,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": "src:."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_tables_of_different_runs_are_not_joined(one):
    tables = replace(one.tables, prompts=[{"id": "stranger", "messages": []}])
    with pytest.raises(StillhouseError, match="'stranger'"):
        document(replace(one, tables=tables))


def test_of_too_many_rows_the_test_rows_are_kept_and_others_drawn_by_their_ids(one):
    rows = run(others=50).rows()
    few, more = ([row["id"] for row in sample(rows, most)] for most in (10, 20))
    assert [len(few), len(more)] == [10, 20]
    assert {f"test-{n}" for n in range(6)} <= set(few) < set(more)
    assert few == [row["id"] for row in rows if row["id"] in few]
    assert few == [row["id"] for row in sample(list(reversed(rows)), 10)][::-1]
    said = document(run(others=50), most=10)["rows"]
    assert (said["total"], len(said["columns"]["id"])) == (len(rows), 10)


def test_what_recurs_is_kept_once(found):
    many = document(run(others=300))["rows"]
    assert many["choices"] == [("red", "blue")]
    assert len(many["lines"]) == len(set(many["lines"]))
    assert many["lines"].count("Be brief.") == 1


def test_beside_another_run_stands_what_it_has_otherwise(one):
    theirs = other_run(one)
    entries = {"conf/student/tiny.yaml": {"training": {"steps": 10, "rate": 1}}}
    own = {"conf/student/tiny.yaml": {"training": {"steps": 20, "rate": 1}}}
    both = document(one, Other("main", theirs, ["They differ."], entries, own))
    other = dict(zip(both["rows"]["columns"]["id"], both["rows"]["other"], strict=True))
    assert other["test-0"] == {}
    assert other["test-1"].keys() == {"predictions", "score"}
    assert (other["test-1"]["score"], other["test-5"]["score"]) == (0, 1)
    assert other["train-1"].keys() == {"prompt"}
    assert other["train-0"].keys() == {"prompt", "completions"}
    assert both["facts"]["other"]["changed"] == [
        ["k", 4, 2],
        ["conf/student/tiny.yaml.training.steps", 10, 20],
    ]


def test_a_row_that_the_other_run_lacks_is_none(one):
    theirs = run(train=3)
    both = document(one, Other("main", replace(theirs, found=one.found), [], {}, {}))
    other = dict(zip(both["rows"]["columns"]["id"], both["rows"]["other"], strict=True))
    assert other["train-3"] is None


def test_the_summary_says_what_the_report_says(one, found):
    facts = found["facts"]["summary"]
    assert "test rows" in facts["verdict"][0]
    student = facts["scores"][-1]
    assert student["student"]
    assert student["score"] == one.found["student"]["accuracy"]
    assert student["shown"] == "50.0%"
    leads = {line["name"]: line.get("lead") for line in facts["scores"]}
    assert leads["Untrained student"].startswith("+33.3 (")


def test_without_gold_labels_nobody_is_called_right(one):
    agreeing = replace(one, found=one.found | {"measure": AGREEMENT} | _renamed(one.found))
    facts = document(agreeing)["facts"]
    assert facts["said"] == ["as the teacher", "unlike the teacher"]
    assert "agreement" in " ".join(facts["summary"]["verdict"])


def _renamed(found):
    """The student's figures as a run without gold labels has them."""
    student = {k.replace("accuracy", AGREEMENT): v for k, v in found["student"].items()}
    return {"student": student, "references": {}, "against": {}}


def test_every_status_is_explained():
    assert set(STATUSES) == set(Status.__args__)


def test_a_long_curve_is_thinned_and_ends_where_it_ends():
    thin = curve(CURVE)
    assert len(thin["step"]) <= POINTS
    assert thin["step"][-1] == 1000
    assert "rationale_loss" not in thin
    assert [value for value in thin["validation"] if value is not None] == [0.5] * 20
    assert curve("step,loss\n") == {}


def test_parts_of_the_test_rows_are_all_of_them():
    parts = document(run(test=60, right=30))["facts"]["summary"]["breakdown"]
    by_title = {table["title"]: table["parts"] for table in parts}
    assert sum(part["rows"] for part in by_title["By length of the query"]) == 60
    teacher = {part["name"]: part for part in by_title["By how the teacher did"]}
    assert teacher["Teacher right"]["rows"] == 5
    assert teacher["Teacher right"]["score"] == 1.0
    assert teacher["Teacher wrong"]["low"] < teacher["Teacher wrong"]["score"]


def test_changes_name_keys_as_they_are_nested():
    assert changed({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "d": {}}) == [
        ["a.b", 1, 3],
        ["c", 2, None],
        ["d", None, {}],
    ]
