import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stillhouse.core.errors import StillhouseError
from stillhouse.teachers.generate import generate
from stillhouse.teachers.store import commands, segments
from stillhouse.teachers.store.cli import app
from stillhouse.teachers.store.store import Store
from tests.teachers.helpers import prompts, store, teacher
from tests.teachers.scripts import Puppet, completion, install


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """An empty project as the working directory, with its store inside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STILLHOUSE_STORE")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def answer_rows(*numbers: int, **conf) -> None:
    """One run each, so that each leaves a segment."""
    for number in numbers:
        generate(prompts([number]), teacher(**conf))


DVC = [sys.executable, "-m", "dvc"]


def call(*arguments: str) -> dict:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_stats_count_answers_by_model(project):
    answer_rows(1, 2, 3)
    answer_rows(1, model={"name": "other"}, decoding={"max_tokens": 1})
    commands.publish(Store.default(), track=False)
    answer_rows(4)
    report = call("stats")
    assert report["answers"] == 5
    assert (report["segments"], report["published_segments"]) == (2, 0)
    assert report["bytes"] == sum(path.stat().st_size for path in Store.default().paths())
    assert report["models"]["m"]["answers"] == 4
    assert report["models"]["m"]["completion_tokens"] == 8
    assert report["models"]["other"] == {
        "answers": 1,
        "prompt_tokens": 10,
        "completion_tokens": 1,
        "cut": 1,
    }
    assert "5 answers" in CliRunner().invoke(app, ["stats"]).stdout


def test_stats_of_nothing(project):
    assert call("stats")["answers"] == 0


def test_pack_leaves_one_segment_and_every_answer(project, monkeypatch):
    answer_rows(*range(5))
    assert call("pack") == {"before": 5, "after": 1}
    assert call("pack") == {"before": 1, "after": 1}
    install(monkeypatch, Puppet(lambda _request: completion("asked again")))
    answer_rows(*range(5))
    assert call("stats")["answers"] == 5


def test_verify_finds_damage_and_sets_it_aside(project):
    answer_rows(1, 2)
    assert call("verify") == {"checked": 2, "damaged": []}
    broken = Store.default().paths()[0]
    broken.write_bytes(broken.read_bytes()[:-1])
    done = CliRunner().invoke(app, ["verify", "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"checked": 2, "damaged": [str(broken)]}
    assert call("verify") == {"checked": 1, "damaged": []}
    assert call("stats")["damaged"] == 1


def test_publish_copies_what_is_new_and_never_changes_what_is_there(project):
    answer_rows(1, 2)
    assert commands.publish(Store.default(), track=False).segments == 1
    first = segments.segment_paths(Path("data/store"))
    assert commands.publish(Store.default(), track=False).segments == 0
    answer_rows(3, 4)
    assert commands.publish(Store.default(), track=False).segments == 1
    assert set(first) < set(segments.segment_paths(Path("data/store")))
    assert call("stats")["answers"] == 4


def test_published_answers_alone_serve_a_teammate(project, monkeypatch):
    answer_rows(1, 2)
    commands.publish(Store.default(), track=False)
    monkeypatch.setenv("STILLHOUSE_STORE", str(project / "another machine"))
    puppet = Puppet(lambda _request: completion("paid again"))
    install(monkeypatch, puppet)
    answer_rows(1, 2)
    assert not puppet.opened


def test_import_takes_the_segments_of_another_store(project, tmp_path_factory):
    theirs = store(tmp_path_factory.mktemp("theirs"))
    for number in (1, 2):
        generate(prompts([number]), teacher(), theirs)
    assert call("import", str(theirs.live.parent)) == {"segments": 2, "known": 0}
    assert call("import", str(theirs.paths()[0])) == {"segments": 0, "known": 1}
    assert call("stats")["answers"] == 2


def test_import_refuses_what_is_no_segment(project):
    (project / "x").mkdir()
    (project / "x" / "fake.parquet").write_bytes(b"?")
    with pytest.raises(StillhouseError, match="not an intact segment"):
        commands.import_segments(Store.default(), project / "x")
    with pytest.raises(StillhouseError, match="does not exist"):
        commands.import_segments(Store.default(), project / "y")
    (project / "z").mkdir()
    with pytest.raises(StillhouseError, match="holds no segments"):
        commands.import_segments(Store.default(), project / "z")


def run(*command: str) -> str:
    quiet = {"DVC_NO_ANALYTICS": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_EDITOR": "true"}
    environment = os.environ | quiet
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_two_branches_publish_and_their_stores_merge(project):
    run("git", "init", "--quiet", "--initial-branch=main")
    run("git", "config", "user.email", "a@b.c")
    run("git", "config", "user.name", "a")
    driver = f"{sys.executable} -m dvc git-hook merge-driver --ancestor %O --our %A --their %B"
    run("git", "config", "merge.dvc.driver", driver)
    run(*DVC, "init", "--quiet")
    Path(".gitattributes").write_text("*.dvc merge=dvc\n")
    Path(".gitignore").write_text(".stillhouse/\n")

    def publish(number: int, branch: str) -> None:
        run("git", "checkout", "--quiet", "-B", branch)
        answer_rows(number)
        commands.publish(Store.default())
        run("git", "add", ".")
        run("git", "commit", "--quiet", "-m", branch)

    publish(1, "main")
    publish(2, "left")
    run("git", "checkout", "--quiet", "main")
    run(*DVC, "checkout", "--quiet", "--force")
    assert len(segments.segment_paths(Path("data/store"))) == 1
    publish(3, "right")
    run("git", "merge", "--quiet", "--no-edit", "left")
    run(*DVC, "checkout", "--quiet", "--force")
    merged = Store(Path("nothing"), [Path("data/store")])
    assert commands.stats(merged).answers == 3
