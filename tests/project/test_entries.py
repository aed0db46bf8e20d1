"""`stillhouse add`, `conf diff` and `upgrade` in a project."""

import shutil
import subprocess

import pytest
import yaml

import stillhouse as package
from stillhouse.config.whole import load_all
from stillhouse.core.errors import StillhouseError
from stillhouse.project import packaged
from stillhouse.studies.identity import read_pipeline
from tests.conftest import REPOSITORY
from tests.pipeline.workspace import repository_files
from tests.project.tables import reviews, write_csv

TEACHER = "conf/teacher/smollm2_135m.yaml"


@pytest.fixture
def project(stillhouse, tmp_path, monkeypatch):
    """A project, committed; the current folder."""
    write_csv(tmp_path / "reviews.csv", reviews(60))
    stillhouse("init", "mine", "--csv", "reviews.csv", "--query", "text", "--label", "rating")
    monkeypatch.chdir(tmp_path / "mine")
    commit()
    return tmp_path / "mine"


def commit() -> None:
    for command in (("add", "--all"), ("commit", "-qm", "state")):
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *command], check=True
        )


@pytest.fixture
def newer(tmp_path, monkeypatch):
    """The package's files as a newer version would have them: a folder to edit."""
    folder = tmp_path / "newer"
    for name in [*repository_files(), ".dvc/config", ".dvc/.gitignore"]:
        if not name.startswith(("src", "data")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
    monkeypatch.setattr(packaged, "root", lambda: folder)
    monkeypatch.setattr(package, "__version__", "99.0.0")
    return folder


def edit(path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_an_entry_is_copied_once(project, stillhouse, capsys):
    stillhouse("add", "dataset", "svamp")
    assert (project / "conf/dataset/svamp.yaml").is_file()
    assert (project / "conf/exemplars/svamp.jsonl").is_file()
    assert (project / ".template/conf/dataset/svamp.yaml").is_file()
    assert "dvc exp run -S dataset=svamp" in capsys.readouterr().out
    with pytest.raises(StillhouseError, match="here already"):
        stillhouse("add", "dataset", "svamp")
    with pytest.raises(StillhouseError, match=r"Did you mean .*llama3_1_8b"):
        stillhouse("add", "student", "llama_8b")
    stillhouse("add", "student")
    assert "* smollm2_135m " in capsys.readouterr().out


def test_a_server_is_added_as_a_teacher(project, stillhouse):
    stillhouse("add", "teacher", "Qwen/Qwen2.5-7B", "--server", "https://llm.example.org/v1")
    entry = yaml.safe_load((project / "conf/teacher/qwen2_5_7b.yaml").read_text(encoding="utf-8"))
    assert entry["model"]["name"] == "Qwen/Qwen2.5-7B"
    assert entry["compute"]["api_key_env"] == "OPENAI_API_KEY"
    with pytest.raises(StillhouseError, match="expected http"):
        stillhouse("add", "teacher", "x", "--server", "llm.example.org")


def test_the_difference_is_the_packages_alone(project, stillhouse, newer, capsys):
    edit(project / TEACHER, "max_tokens: ", "max_tokens: 1")
    stillhouse("conf", "diff")
    assert "Nothing has changed" in capsys.readouterr().out
    edit(newer / TEACHER, "temperature: 0", "temperature: 0.5")
    stillhouse("conf", "diff", TEACHER)
    shown = capsys.readouterr().out
    assert "+  temperature: 0.5" in shown
    assert "max_tokens: 1" not in [
        line.strip("+- ") for line in shown.splitlines() if line[0] in "+-"
    ]


def test_an_upgrade_keeps_edits_and_takes_the_news(project, stillhouse, newer, capsys):
    edit(project / TEACHER, "description: ", "description: Ours, ")
    edit(project / "params.yaml", "k: 4", "k: 2")
    commit()
    edit(newer / TEACHER, "temperature: 0", "temperature: 0.5")
    edit(newer / "params.yaml", "seeds: [", "new_knob: 1 # new\nseeds: [")
    edit(newer / "stages/parse.py", '"""', '"""Now: ')
    (newer / "stages/another.py").write_text("x = 1\n", encoding="utf-8")

    stillhouse("upgrade", "--dry-run")
    assert "Nothing was written" in capsys.readouterr().out
    assert subprocess.check_output(["git", "status", "--porcelain"]) == b""

    stillhouse("upgrade")
    shown = capsys.readouterr().out
    assert "→ 99.0.0" in shown
    teacher = yaml.safe_load((project / TEACHER).read_text(encoding="utf-8"))
    assert teacher["decoding"]["temperature"] == 0.5
    assert teacher["description"].startswith("Ours, ")
    params = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    assert (params["k"], params["new_knob"], params["dataset"]) == (2, 1, "reviews")
    assert (project / "stages/another.py").is_file()
    assert "Now: " in (project / "stages/parse.py").read_text(encoding="utf-8")
    assert (project / "requirements.txt").read_text(encoding="utf-8") == "stillhouse==99.0.0\n"
    commit()
    stillhouse("upgrade")
    assert "The files are those of stillhouse 99.0.0." in capsys.readouterr().out


def test_an_upgrade_from_before_the_baselines_does_not_ask_for_them(project, stillhouse, newer):
    baselines = ("complexity", "gold_student", "zero_shot")
    for place in ("params.yaml", ".template/params.yaml"):
        lines = (project / place).read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(baselines)]
        assert len(kept) == len(lines) - len(baselines)
        (project / place).write_text("".join(kept), encoding="utf-8")
    commit()
    stillhouse("upgrade")
    params = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    assert [params[name] for name in baselines] == [False, False, []]
    load_all()


def test_a_conflict_is_marked_and_fails(project, stillhouse, newer, capsys):
    edit(project / TEACHER, "temperature: 0", "temperature: 1")
    commit()
    edit(newer / TEACHER, "temperature: 0", "temperature: 0.5")
    assert stillhouse("upgrade") == 1
    assert "look for <<<<<<<" in capsys.readouterr().out
    text = (project / TEACHER).read_text(encoding="utf-8")
    assert "<<<<<<< yours" in text
    assert "temperature: 1" in text
    assert ">>>>>>> stillhouse" in text
    with pytest.raises(StillhouseError, match="still has the two sides"):
        stillhouse("upgrade")


def test_an_upgrade_without_what_was_given_says_so(project, stillhouse, newer):
    (project / ".template/params.yaml").unlink()
    with pytest.raises(StillhouseError, match="Bring it back"):
        stillhouse("upgrade")


def test_edits_that_git_does_not_hold_are_never_touched(project, stillhouse, newer):
    edit(project / TEACHER, "temperature: 0", "temperature: 1")
    edit(newer / TEACHER, "temperature: 0", "temperature: 0.5")
    before = (project / TEACHER).read_bytes()
    with pytest.raises(StillhouseError, match="Commit first"):
        stillhouse("upgrade")
    assert (project / TEACHER).read_bytes() == before
    assert "0.1.0" in (project / "requirements.txt").read_text(encoding="utf-8")


def test_files_that_are_gone_and_files_of_ones_own(project, stillhouse, newer, capsys):
    (project / "stages/mine.py").write_text("mine = 1\n", encoding="utf-8")
    (project / "Makefile").unlink()
    edit(project / "stages/card.py", '"""', '"""Ours: ')
    commit()
    (newer / "stages/mine.py").write_text("theirs = 1\n", encoding="utf-8")
    (newer / "stages/card.py").unlink()
    (newer / "stages/report.py").unlink()
    stillhouse("upgrade")
    shown = capsys.readouterr().out
    assert (project / "stages/mine.py").read_text(encoding="utf-8") == "mine = 1\n"
    assert not (project / "Makefile").exists()
    assert (project / "stages/card.py").is_file()
    assert not (project / "stages/report.py").exists()
    assert "stages/mine.py" in shown


def test_elsewhere_it_says_where_it_belongs(stillhouse, monkeypatch):
    with pytest.raises(StillhouseError, match="project's own folder"):
        stillhouse("upgrade")
    monkeypatch.chdir(REPOSITORY)
    with pytest.raises(StillhouseError, match="repository of stillhouse itself"):
        stillhouse("add", "teacher", "gpt_4_turbo")


def test_a_study_knows_the_code_of_the_pinned_package(project, monkeypatch):
    here = read_pipeline("HEAD").code
    assert "the code of parse" in here
    (project / "requirements.txt").write_text("stillhouse==0.0.9\n", encoding="utf-8")
    commit()
    assert read_pipeline("HEAD").code == {"the code of stillhouse": "0.0.9"}
