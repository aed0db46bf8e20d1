"""The comment of a pull request: its verdict, what it names, and what it says where it cannot."""

import copy
import hashlib
import re
import subprocess

import pytest

from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import EXAMPLES
from stillhouse.experiments.compare import compared, p_value
from stillhouse.experiments.revisions import read_revision
from tests.conftest import REPOSITORY
from tests.pull_requests import runs
from tests.pull_requests.conftest import LOCK


def first(markdown):
    return markdown.partition("\n")[0]


def right(repository, wrong):
    """Every test row right but the first so many by number."""
    return {id_: float(n >= wrong) for n, id_ in enumerate(repository.scores(1))}


def test_a_student_that_is_better(repository):
    repository.run(right(repository, 30), cost=2.0)
    repository.branch()
    repository.run(right(repository, 10), cost=3.0)
    shown = repository.comment()
    assert first(shown) == (
        "**Better** on 60 test rows: accuracy 83.3% against 50.0% of `main`, +33.3 points "
        "(+21.7 to +45.0; p <0.0001); the teacher's labels cost 1.5 times as much."
    )
    assert "| **Student** | 83.3% (72.0% to 90.7%) | 50.0% (37.7% to 62.3%) | +33.3" in shown
    assert "| better |" in shown
    assert "- 20 rows got better: " in shown
    assert "and 10 more" in shown
    assert "- 0 rows got worse\n" in shown
    assert shown.endswith("\n\n<!-- stillhouse pr-comment -->\n")
    one, other = read_revision("main"), read_revision("HEAD")
    (pair,) = compared(one, other).found.pairs.values()
    assert p_value(pair.p_value) in shown


def test_the_example_of_the_page_is_what_it_says(repository):
    page = (REPOSITORY / "docs/pull-requests.md").read_text(encoding="utf-8")
    repository.rows = runs.examples(400)
    scored = {id_: float(n < 305) for n, id_ in enumerate(repository.scores(1))}
    changed = {id_: float(4 <= n < 320) for n, id_ in enumerate(scored)}
    repository.run(scored, cost=2.0)
    repository.branch()
    repository.run(changed, cost=3.0)
    assert first(repository.comment()) in " ".join(re.sub("^> ", "", page, flags=re.M).split("\n"))


def test_the_gate_fails_only_where_the_student_is_worse_by_more_than_chance(repository):
    repository.run(right(repository, 10))
    repository.branch()
    repository.run(right(repository, 30))
    assert first(repository.comment()).startswith("**Worse** on 60 test rows: ")
    assert first(repository.comment("--fail-if", "worse", code=1)).startswith("**Worse**")
    repository.comment("--fail-if", "worse", "--alpha", "0.000001")  # p is larger
    repository.run(right(repository, 13))
    shown = repository.comment("--fail-if", "worse")
    assert first(shown).startswith("**No difference that 60 test rows could show**: accuracy 78.3%")
    assert "A difference of 9.3 points would be seen in 80% of trials." in first(shown)
    assert "| noise |" in shown
    repository.git("switch", "--quiet", "main")
    repository.git("merge", "--quiet", "change")
    shown = repository.comment("--fail-if", "worse")
    assert first(shown).startswith("**The same**: all 60 test rows score as in `main` (78.3%)")
    assert "No knob and no stage has changed." in shown


def test_three_seeds_a_side_are_tests_of_the_method(repository):
    repository.run(*(repository.scores(0.5, seed) for seed in range(3)))
    repository.branch()
    repository.run(*(repository.scores(0.9, seed) for seed in range(3, 6)))
    shown = repository.comment()
    found = compared(read_revision("main"), read_revision("HEAD")).found
    assert f"p {p_value(found.method.p_value, '= ')})" in first(shown)
    assert "**Student**, 3 seeds |" in shown


def test_two_seeds_are_called_these_students(repository):
    repository.run(repository.scores(0.5, 1))
    repository.branch()
    repository.run(repository.scores(0.9, 2), repository.scores(0.9, 3))
    assert "of these students alone)" in first(repository.comment())
    assert "**Student**, 1 and 2 seeds |" in repository.comment()


def test_the_base_is_the_commit_at_which_the_branch_left_it(repository):
    repository.run(right(repository, 30))
    repository.branch()
    repository.run(right(repository, 29))
    repository.git("switch", "--quiet", "main")
    repository.run(right(repository, 0))  # main goes on
    repository.git("switch", "--quiet", "change")
    assert "against 50.0% of `main`" in first(repository.comment())
    repository.git("switch", "--quiet", "--detach", "HEAD")
    assert "against 50.0% of `main`" in first(repository.comment())


def test_other_models_are_compared_too_and_a_stale_lock_comes_first(repository):
    gold = right(repository, 20)
    asked = {"teacher:few|shot": right(repository, 3)}
    repository.run(right(repository, 30), gold=gold, logistic_tfidf=gold, **asked)
    repository.branch()
    repository.run(right(repository, 29), gold=gold, **asked)
    shown = repository.comment("--stale")
    assert first(shown).startswith("**Stale**: `dvc.lock` does not belong to this commit")
    assert "| Student on gold labels alone | 66.7%" in shown
    assert "| Teacher, <code>few&#124;shot</code> | 95.0%" in shown
    assert "TF-IDF" not in shown
    assert shown.count("| same |") == 2


def test_ids_are_named_where_the_table_is_here_and_of_the_same_rows(repository):
    repository.run(right(repository, 3))
    repository.branch()
    repository.run(right(repository, 2))
    shown = repository.comment()
    place = sorted(right(repository, 0)).index("row-2") + 1
    assert f"- 1 row got better: `{place}`" in shown
    assert "Rows are numbered from 1 in the order of their ids" in shown
    EXAMPLES.of(repository.path).write_rows(repository.rows)
    shown = repository.comment()
    assert "- 1 row got better: `row-2`" in shown
    assert "numbered" not in shown
    EXAMPLES.of(repository.path).write_rows(repository.rows[1:])  # of other rows
    assert "numbered" in repository.comment()


def test_what_comes_from_data_cannot_steer_the_comment(repository):
    hostile = "x|`@everyone` <img src=x>\n# heading"
    repository.rows = runs.examples(6)
    repository.rows[0]["id"] = hostile
    lock = copy.deepcopy(LOCK)
    repository.run(right(repository, 3), lock=lock)
    lock["train_student@0"]["params"]["params.yaml"]["student"] = hostile
    repository.branch()
    repository.run(right(repository, 0), lock=lock)
    EXAMPLES.of(repository.path).write_rows(repository.rows)
    shown = repository.comment("--artifact-url", "https://example.org/a) [b](javascript:x)")
    assert "got better: " in shown
    for steering in ("@everyone", "<img", "\n# heading", "](javascript"):
        assert steering not in shown
    assert "[The report of this run](https://example.org/a%29%20%5Bb%5D%28javascript:x%29)" in shown
    (line,) = [each for each in shown.splitlines() if each.startswith("| `student`")]
    assert line.count("|") == 4


def test_changed_knobs_and_stages_are_told(repository):
    lock = copy.deepcopy(LOCK)
    teacher = {"params": {"conf/teacher/a.yaml": {"price": 1, "model": "x"}}}
    repository.run(right(repository, 3), lock=lock | {"parse": teacher})
    lock["train_student@0"]["params"]["params.yaml"]["lambda"] = 1.0
    lock["train_student@1"] = lock["train_student@0"]
    lock["train_student@0"]["deps"][0]["md5"] = "9"
    lock["code"] = {"cmd": "code"}
    again = {"params": {"conf/teacher/a.yaml": {"price": 2, "model": "x"}}}
    repository.branch()
    repository.run(right(repository, 3), lock=lock | {"parse": again, "rate": {"cmd": "rate"}})
    shown = repository.comment()
    assert "Changed: 2 knobs and 3 stages" in shown
    assert "| `lambda` | `0.5` | `1.0` |" in shown
    assert "| `conf/teacher/a.yaml: price` | `1` | `2` |" in shown
    assert "| `train_student` | code, knobs, new |" in shown
    assert "| `parse` | knobs |" in shown
    assert "| `rate` | new |" in shown
    assert "`code`" not in shown


def test_tokens_and_money(repository):
    repository.run(right(repository, 3), prompt_tokens=1000, cost=0.0)
    repository.branch()
    repository.run(right(repository, 3), prompt_tokens=2010, cost=0.0)
    shown = repository.comment()
    assert "the teacher's labels take 2 times the tokens" in first(shown)
    assert "| Teacher's tokens in | 2,010 | 1,000 | 2.01 times |" in shown
    assert "| Teacher's tokens out | 10 | 10 | the same |" in shown
    assert "| Teacher's labels, `EUR` | 0 | 0 | the same |" in shown


def test_graded_scores_are_higher_or_lower(repository):
    low, high = ({row["id"]: s for row in repository.rows[:-1]} for s in (0.1, 0.2))
    repository.run(high, metric="summary")
    repository.branch()
    repository.run(low, metric="summary")
    shown = repository.comment("--fail-if", "worse", code=1)
    assert first(shown).startswith("**Lower** on 60 test rows: entity density 0.100 against 0.200")
    assert "| lower |" in shown


def test_a_base_without_metrics(repository):
    repository.commit()
    repository.branch()
    repository.run(right(repository, 3))
    shown = repository.comment("--fail-if", "worse")
    assert first(shown) == "**First results**: `main` has no metrics to compare with."
    assert "| **Student** | 95.0% (85.0% to 105.0%) | - |" in shown


@pytest.mark.parametrize("side", ["main", "this commit"])
def test_a_side_without_outcomes(repository, side):
    def without(wanted):
        if side == wanted:
            repository.git("rm", "--quiet", str(paths.OUTCOMES))
            repository.git("commit", "--quiet", "--amend", "--no-edit")

    repository.run(right(repository, 3))
    without("main")
    repository.branch()
    repository.run(right(repository, 9))
    without("this commit")
    shown = repository.comment("--fail-if", "worse")
    assert first(shown).startswith(f"**Not compared row by row**: {side.replace('main', '`main`')}")
    assert "| **Student** | 85.0% (75.0% to 95.0%) | 95.0% (85.0% to 105.0%) |" in shown


def test_other_test_rows(repository):
    repository.run(right(repository, 3))
    repository.branch()
    repository.rows[0]["label"] = "b"
    repository.run(right(repository, 9))
    shown = repository.comment("--fail-if", "worse")
    assert first(shown).startswith(
        "**Not comparable**: this commit and `main` were tested on other"
    )


def test_outcomes_of_other_seeds(repository):
    repository.run(right(repository, 3))
    repository.branch()
    repository.run(right(repository, 9))
    runs.write(repository.path / "params.yaml", {"seeds": [0, 1]})
    assert "outcomes.json` of this commit is of another run" in first(repository.comment())
    assert "with what is not committed yet, against" in repository.comment()


@pytest.mark.parametrize("which", ["predictions", "outcomes"])
def test_outcomes_that_dvc_lock_has_otherwise(repository, which):
    report = {
        "deps": [{"path": "data/predictions/seed=0.parquet", "md5": "1"}],
        "outs": [{"path": "metrics/outcomes.json"}],
    }
    evaluate = {"outs": [{"path": "data/predictions/seed=0.parquet", "md5": "1"}]}
    lock = {"report": report, "evaluate@0": evaluate}
    repository.run(right(repository, 3))
    content = (repository.path / paths.OUTCOMES).read_bytes()
    report["outs"][0]["md5"] = hashlib.md5(content).hexdigest()
    repository.run(right(repository, 3), lock=lock)
    repository.branch()
    repository.run(right(repository, 9))
    assert first(repository.comment()).startswith(("**Worse", "**No difference"))
    repository.git("switch", "--quiet", "main")
    place = evaluate["outs"] if which == "predictions" else report["outs"]
    place[0]["md5"] = "2"
    repository.run(right(repository, 3), lock=lock)
    repository.git("switch", "--quiet", "--create", "later")
    repository.run(right(repository, 9))
    assert "outcomes.json` of `main` is of another run" in first(repository.comment())
    with pytest.raises(StillhouseError, match="dataset"):  # the predictions are looked for instead
        read_revision("main")


def test_a_history_of_its_own(repository):
    repository.run(right(repository, 30))
    repository.git("switch", "--quiet", "--orphan", "lonely")
    repository.run(right(repository, 10))
    shown = repository.comment()
    assert first(shown).startswith("**Better**")
    assert "the tip of `main`, since the two share no history" in shown


def test_a_shallow_clone_is_told_from_a_history_of_its_own(repository, tmp_path, monkeypatch):
    repository.run(right(repository, 3))
    repository.branch()
    repository.run(right(repository, 9))
    repository.git("switch", "--quiet", "main")
    repository.run(right(repository, 4))
    url, clone = f"file://{repository.path}", tmp_path / "clone"
    command = ["git", "clone", "--quiet", "--depth=1", "--no-single-branch", "-b", "change", url]
    subprocess.run([*command, str(clone)], check=True)
    monkeypatch.chdir(clone)
    with pytest.raises(StillhouseError, match=r"the clone is shallow.*--unshallow"):
        repository.comment("--base", "origin/main")


def test_what_is_missing_is_said(repository):
    with pytest.raises(StillhouseError, match="There is no Git commit here"):
        repository.comment()
    repository.commit()
    with pytest.raises(StillhouseError, match=r"metrics/summary\.json does not exist here"):
        repository.comment()
    repository.run(right(repository, 3))
    with pytest.raises(StillhouseError, match=r"no revision or experiment 'mian'\. Did you mean"):
        repository.comment("--base", "mian")
    with pytest.raises(StillhouseError, match="no http address: 'javascript:alert"):
        repository.comment("--artifact-url", "javascript:alert(1)")
    (repository.path / paths.SUMMARY).write_text("[]", encoding="utf-8")
    with pytest.raises(StillhouseError, match=r"metrics/summary\.json of 'HEAD' is no mapping"):
        repository.comment()


@pytest.mark.parametrize(
    ("lock", "said"),
    [
        ("stages: [1]", "no mapping of `stages`"),
        ("stages: {a: 1}", "its stage 'a' is not as DVC's are"),
        ("stages: {a: {deps: 3}}", "its stage 'a' is not as DVC's are"),
        ("stages: {a: {params: {p: [x]}}}", "its stage 'a' is not as DVC's are"),
        ("stages: [1", "not well-formed YAML"),
    ],
)
def test_a_lock_that_is_none_is_said(repository, lock, said):
    repository.run(right(repository, 3))
    (repository.path / "dvc.lock").write_text(lock, encoding="utf-8")
    with pytest.raises(StillhouseError, match=f"dvc.lock of 'HEAD' is .*{said}"):
        repository.comment()


def test_a_summary_of_another_kind_has_no_figures(repository):
    repository.run(right(repository, 3))
    summary = '{"student": 3, "teacher": {"prompt_tokens": "x", "cost": {"EUR": null}}}'
    (repository.path / paths.SUMMARY).write_text(summary, encoding="utf-8")
    shown = repository.comment()
    assert first(shown) == "**The same**: all 60 test rows score as in `main` (95.0%)."
    assert "| Teacher's tokens in | - | 1,000 | - |" in shown
