"""`stillhouse exps` as far as Git alone says it: commits, experiments, knobs, means, widths."""

import json
import os
import subprocess

import pytest
import yaml
from rich.cells import cell_len

from stillhouse.core.errors import StillhouseError
from stillhouse.experiments import table
from stillhouse.experiments.compare import compared, in_a_word
from stillhouse.experiments.revisions import Revision
from tests.config.project import edit, write_project
from tests.conftest import REPOSITORY
from tests.pipeline.workspace import IDENTITY

NAME = "一つの名前がとても長くて表に入らない実験の名前"


def git(*arguments):
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def report(accuracy, **others):
    student = {"accuracy": accuracy, "accuracy_low": accuracy - 0.1, "accuracy_high": accuracy}
    found = {"measure": "accuracy", "student": student, "teacher": {}}
    return json.dumps(found | others)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A repository with a result that is committed, and no predictions at hand."""
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    git("init", "--quiet", "-b", "main")
    subprocess.run(["dvc", "init", "--quiet"], check=True, env=os.environ | {"DVC_ROOT": ""})
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/report.json").write_text(report(0.5))
    commit("first")
    return tmp_path


def commit(message):
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", "-m", message)


def experiment(name, **knobs):
    """What is in the working tree, as DVC keeps an experiment."""
    base = git("rev-parse", "HEAD")
    commit(name)
    made = git("rev-parse", "HEAD")
    git("update-ref", f"refs/exps/{base[:2]}/{base[2:]}/{name}", made)
    git("reset", "--quiet", "--hard", base)
    return made


def said(width=100, now=None, **options):
    found = table.entries("HEAD", **options)
    return list(table.said("HEAD", found, width, now or found[0].time + 7_300))


def test_without_experiments_it_says_what_to_run(project):
    lines = said()
    assert lines[1].split() == ["HEAD", "50.0%", "40.0%", "to", "50.0%", "-", "base", "-", "2", "h"]
    assert "`dvc exp run -S k=4`" in " ".join(lines)


def test_what_is_not_at_hand_is_not_compared(project):
    edit(project, "params.yaml", k=4)
    edit(project, "conf/student/small.yaml", decoding={"max_tokens": 9})
    (project / "metrics/report.json").write_text(
        report(0.625, teacher={"cost": {"USD": 1.25}, "prompt_tokens": 5})
    )
    experiment("deeper")
    (project / "metrics/report.json").write_text(
        report(0.5, teacher={"cost": {"USD": 0.0}, "prompt_tokens": 900, "completion_tokens": 134})
    )
    experiment("same")
    beside = table.entries("deeper")
    assert [each.name for each in beside] == ["deeper", "same"]
    text = "\n".join(said())
    row = next(line for line in text.splitlines() if line.startswith("deeper"))
    assert row.split()[1:] == [
        *("62.5%", "52.5%", "to", "62.5%", "+12.5", "not", "compared", "1.25", "USD", "2", "h")
    ]
    assert "    k=4, student.decoding.max_tokens=9\n" in text
    assert "1,034 tokens" in text
    assert "Not compared: same, deeper. " in text or "Not compared: deeper, same. " in text
    assert "better" not in text


def test_an_experiment_without_a_result_and_other_changes(project):
    (project / "metrics/report.json").write_text("{}")
    (project / "stages").mkdir()
    (project / "stages/own.py").write_text("1")
    (project / "params.yaml").write_text(
        yaml.safe_dump(yaml.safe_load((project / "params.yaml").read_text()) | {"teacher": "other"})
    )
    experiment("broken")
    lines = said()
    row = next(line for line in lines if line.startswith("broken"))
    assert "no result" in row
    assert "    teacher=other, code" in lines
    assert "not compared" not in " ".join(lines).lower()


def test_commits_and_experiments_of_other_commits_are_shown_when_asked_for(project):
    experiment("early")
    commit("second")
    assert not any("early" in line for line in said())
    assert any(line.startswith("early") for line in said(every=True))
    shown = said(commits=3)  # more than there are
    assert any(line.startswith(git("rev-parse", "HEAD~1")[:7]) for line in shown)
    assert any(line.startswith("early") for line in shown)  # of a commit that is shown
    with pytest.raises(StillhouseError, match=r"no revision or experiment 'earlie'.*'early'"):
        table.entries("earlie")


@pytest.mark.parametrize("width", [50, 80, 100, 300])
def test_lines_fit_whatever_the_names(project, width):
    edit(project, "params.yaml", teacher="t" * 300, zero_shot=[f"teacher:{n}" for n in range(90)])
    experiment(NAME)
    experiment("a-name-" + "x" * 150)
    lines = said(width)
    assert max(map(cell_len, lines)) <= max(min(width, 100), 60)
    assert all(line == line.rstrip() for line in lines)
    assert NAME in "".join(line.strip().split("  ")[0] for line in lines)
    assert lines[0].split()[-1] == "Age"
    assert cell_len(lines[0]) == cell_len(lines[1])  # both end in their last column


def test_as_json(project):
    made = experiment("one")
    found = json.loads(table.as_json(list(table.lines(table.entries("HEAD")))))
    assert [each["name"] for each in found] == ["HEAD", "one"]
    assert found[1]["commit"] == made
    assert (found[0]["verdict"], found[1]["verdict"]) == ("base", "not compared")
    assert found[1]["why_not"]


def test_ages_are_in_their_largest_unit():
    shown = {0.5: "now", 59: "59 s", 60: "1 min", 7_199: "1 h", 172_800: "2 d", -5: "now"}
    assert {seconds: table.age(seconds) for seconds in shown} == shown


def test_it_starts_without_heavy_imports():
    code = (
        "import sys; import stillhouse.cli, stillhouse.doctor.doctor, stillhouse.core.log; "
        "print({'torch', 'dvc', 'transformers', 'psutil', 'pyarrow'} & sys.modules.keys())"
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    done = subprocess.run(
        ["python", "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def sides(before, after, seeds):
    """Two revisions of so many seeds each, that are right in so many of 200 rows."""

    def of(right):
        rows = {f"{n:03}": float(n < right) for n in range(200)}
        test = {id_: {"query": id_, "label": "a", "choices": None, "group": None} for id_ in rows}
        # One row a seed apart, as students of several seeds are.
        scores = {seed: rows | {f"{199 - seed:03}": 1.0} for seed in range(seeds)}
        return Revision("r", scores, test)

    return compared(of(before), of(after)).found


@pytest.mark.parametrize(
    ("before", "after", "seeds", "word"),
    [
        (100, 150, 1, "better"),
        (150, 100, 1, "worse"),
        (100, 103, 1, "noise"),
        (100, 100, 1, "same"),
        (100, 150, 2, "not tested"),
        (100, 150, 3, "better"),
        (150, 100, 3, "worse"),
        (100, 100, 3, "noise"),
    ],
)
def test_a_verdict_is_a_word(before, after, seeds, word):
    assert in_a_word(sides(before, after, seeds)) == word
