import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stillhouse.core.errors import StillhouseError
from stillhouse.store import commands, segments
from stillhouse.store.cli import app
from stillhouse.store.store import Store
from stillhouse.teacher_generate.generate import generate
from tests.conftest import REPOSITORY
from tests.teacher_generate.helpers import prompts, store, teacher
from tests.teacher_generate.scripts import Puppet, completion, install


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """An empty project as the working directory, with its store inside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STILLHOUSE_STORE")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def complete_rows(*numbers: int, **conf) -> None:
    """One run each, so that each leaves a segment."""
    for number in numbers:
        generate(prompts([number]), teacher(**conf))


def call(*arguments: str) -> dict:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_stats_count_completions_by_model(project):
    complete_rows(1, 2, 3)
    complete_rows(1, model={"name": "other"}, decoding={"max_tokens": 1})
    commands.publish(Store.default(), track=False)
    complete_rows(4)
    report = call("stats")
    assert report["completions"] == 5
    assert (report["segments"], report["published_segments"]) == (2, 0)
    assert report["bytes"] == sum(path.stat().st_size for path in Store.default().paths())
    assert report["models"]["m"]["completions"] == 4
    assert report["models"]["m"]["completion_tokens"] == 8
    assert report["models"]["other"] == {
        "completions": 1,
        "prompt_tokens": 10,
        "completion_tokens": 1,
        "cut": 1,
    }
    assert "5 completions" in CliRunner().invoke(app, ["stats"]).stdout


def test_stats_of_nothing(project):
    assert call("stats")["completions"] == 0


def test_pack_leaves_one_segment_and_every_completion(project, monkeypatch):
    complete_rows(*range(5))
    assert call("pack") == {"before": 5, "after": 1}
    assert call("pack") == {"before": 1, "after": 1}
    install(monkeypatch, Puppet(lambda _request: completion("asked again")))
    complete_rows(*range(5))
    assert call("stats")["completions"] == 5


def test_verify_finds_damage_and_sets_it_aside(project):
    complete_rows(1, 2)
    assert call("verify") == {"checked": 2, "damaged": []}
    broken = Store.default().paths()[0]
    broken.write_bytes(broken.read_bytes()[:-1])
    done = CliRunner().invoke(app, ["verify", "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"checked": 2, "damaged": [str(broken)]}
    assert call("verify") == {"checked": 1, "damaged": []}
    assert call("stats")["damaged"] == 1


def test_publish_copies_what_is_new_and_never_changes_what_is_there(project):
    complete_rows(1, 2)
    assert commands.publish(Store.default(), track=False).segments == 1
    first = segments.segment_paths(Path("data/store"))
    assert commands.publish(Store.default(), track=False).segments == 0
    complete_rows(3, 4)
    assert commands.publish(Store.default(), track=False).segments == 1
    assert set(first) < set(segments.segment_paths(Path("data/store")))
    assert call("stats")["completions"] == 4


def test_published_completions_alone_serve_a_teammate(project, monkeypatch):
    complete_rows(1, 2)
    commands.publish(Store.default(), track=False)
    monkeypatch.setenv("STILLHOUSE_STORE", str(project / "another machine"))
    puppet = Puppet(lambda _request: completion("paid again"))
    install(monkeypatch, puppet)
    complete_rows(1, 2)
    assert not puppet.opened


def test_import_takes_the_segments_of_another_store(project, tmp_path_factory):
    theirs = store(tmp_path_factory.mktemp("theirs"))
    for number in (1, 2):
        generate(prompts([number]), teacher(), theirs)
    assert call("import", str(theirs.live.parent)) == {"segments": 2, "known": 0}
    assert call("import", str(theirs.paths()[0])) == {"segments": 0, "known": 1}
    assert call("stats")["completions"] == 2


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


QUIET = {
    "DVC_NO_ANALYTICS": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_EDITOR": "true",
    "PYTHONPATH": str(REPOSITORY / "src"),
}
IDENTITY = ("-c", "user.email=a@b.c", "-c", "user.name=a")
DRIVER = f"{sys.executable} -m dvc git-hook merge-driver --ancestor %O --our %A --their %B"


def run(*command: str, fails: bool | None = False) -> str:
    done = subprocess.run(
        command, env=os.environ | QUIET, capture_output=True, text=True, check=False
    )
    assert fails is None or (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout


def git(*arguments: str, fails: bool | None = False) -> str:
    return run("git", *IDENTITY, *arguments, fails=fails)


def dvc(*arguments: str) -> str:
    return run(sys.executable, "-m", "dvc", *arguments)


@pytest.fixture
def repository(project) -> Path:
    """Git and DVC, ignoring what this repository ignores, with an origin and a remote."""
    git("init", "--quiet", "--initial-branch=main")
    for name in (".gitignore", ".dvcignore"):
        shutil.copy(REPOSITORY / name, name)
    git("init", "--quiet", "--bare", "--initial-branch=main", "origin.git")
    Path(".git/info/exclude").write_text("origin.git\nremote\n")
    git("remote", "add", "origin", str(project / "origin.git"))
    dvc("init", "--quiet")
    dvc("remote", "add", "--quiet", "--default", "team", str(project / "remote"))
    git("add", "--all")
    git("commit", "--quiet", "-m", "begin")
    return project


def documented(page: str, heading: str) -> list[str]:
    """The command lines under a heading of a page, `stillhouse` run as in this checkout."""
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```\n(.*?)```", section, re.DOTALL)
    return [line.partition(" #")[0] for block in blocks for line in block.splitlines() if line]


def call_documented(line: str) -> None:
    programs = {
        "stillhouse": f"{sys.executable} -c 'from stillhouse.cli import main; main()'",
        "dvc": f"{sys.executable} -m dvc",
        "git": shlex.join(["git", *IDENTITY]),
    }
    run("bash", "-c", re.sub(r"(?:^|(?<=&& ))(\w+)", lambda found: programs[found[1]], line))


@pytest.mark.slow
def test_published_completions_reach_a_clone_by_the_commands_of_the_docs(
    repository, tmp_path_factory, monkeypatch
):
    complete_rows(1, 2)
    first, second = documented("store.md", "Sharing")[:2]
    call_documented(first)
    call_documented(second.replace("git push", "git push --quiet -u origin main"))
    assert git("status", "--short") == ""
    assert set(git("ls-files", "data").split()) == {"data/store.dvc"}
    clone = tmp_path_factory.mktemp("clone") / "project"
    git("clone", "--quiet", str(repository / "origin.git"), str(clone))
    monkeypatch.chdir(clone)
    monkeypatch.setenv("DVC_ROOT", str(clone))
    dvc("pull")
    puppet = Puppet(lambda _request: completion("paid again"))
    install(monkeypatch, puppet)
    complete_rows(1, 2)
    assert not puppet.opened
    # What is published is in use: it is neither garbage nor taken for something else's.
    dvc("gc", "--workspace", "--force")
    shutil.rmtree("data/store")
    dvc("checkout")
    complete_rows(1, 2)
    assert not puppet.opened
    assert git("status", "--short") == ""


@pytest.mark.slow
def test_data_of_one_s_own_is_tracked_in_every_folder(repository, tmp_path_factory, monkeypatch):
    files = [Path("data/raw/big.csv"), Path("data/words.txt"), Path("models/mine/weights.bin")]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(file))
    dvc("add", "--quiet", "data/raw/big.csv", "data/words.txt", "models/mine")
    git("add", "--all")
    git("commit", "--quiet", "-m", "data")
    dvc("push")
    clone = tmp_path_factory.mktemp("clone") / "project"
    git("clone", "--quiet", str(repository), str(clone))
    monkeypatch.chdir(clone)
    dvc("pull")
    assert [file.read_text() for file in files] == [str(file) for file in files]


def machine(name: str, monkeypatch: pytest.MonkeyPatch, number: int, branch: str) -> None:
    """A store of its own asks one row and publishes it on a branch."""
    git("checkout", "--quiet", branch)
    shutil.rmtree("data/store", ignore_errors=True)
    monkeypatch.setenv("STILLHOUSE_STORE", str(Path(name).absolute()))
    complete_rows(number)
    commands.publish(Store.default())
    git("add", "data/store.dvc")
    git("commit", "--quiet", "-m", name)


def published() -> int:
    """The completions in data/store alone."""
    return commands.stats(Store(Path("nothing"), [Path("data/store")])).completions


@pytest.mark.slow
@pytest.mark.parametrize("driver", [True, False], ids=["with DVC's merge driver", "without"])
@pytest.mark.parametrize("ancestor", ["none", "in the cache", "not in the cache"])
def test_two_branches_publish_and_their_stores_merge(repository, monkeypatch, driver, ancestor):
    Path(".git/info/exclude").write_text("origin.git\nremote\nleft\nright\nbefore\n")
    if driver:  # an earlier clone has it
        git("config", "merge.dvc.driver", DRIVER)
        Path(".git/info/attributes").write_text("*.dvc merge=dvc\n")
    if ancestor != "none":
        machine("before", monkeypatch, 1, "main")
        listing = Path("data/store.dvc").read_text().split("md5: ")[1].split()[0]
    git("branch", "side")
    machine("left", monkeypatch, 2, "side")
    machine("right", monkeypatch, 3, "main")
    if ancestor == "not in the cache":
        Path(".dvc/cache/files/md5", listing[:2], listing[2:]).unlink()
    git("merge", "--quiet", "--no-edit", "side", fails=None)
    report = call("merge")
    git("add", "data/store.dvc")
    if Path(".git/MERGE_HEAD").exists():
        git("commit", "--quiet", "--no-edit")
    expected = 2 if ancestor == "none" else 3
    assert report["segments"] == published() == expected
    shutil.rmtree("data/store")
    dvc("checkout", "--quiet")
    assert published() == expected
    assert call("merge")["brought"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("command", ["merge", "publish"])
def test_a_merge_that_took_one_side_loses_nothing(repository, monkeypatch, command):
    Path(".git/info/exclude").write_text("origin.git\nremote\nleft\nright\n")
    git("branch", "side")
    machine("left", monkeypatch, 2, "side")
    machine("right", monkeypatch, 3, "main")
    git("merge", "--quiet", "--no-edit", "-s", "ours", "side")
    assert published() == 1
    call(command)
    assert published() == 2


@pytest.mark.slow
def test_publishing_keeps_what_others_published_and_nobody_pulled(repository, monkeypatch):
    Path(".git/info/exclude").write_text("origin.git\nremote\nmine\ntheirs\n")
    machine("theirs", monkeypatch, 1, "main")
    dvc("push")
    shutil.rmtree(".dvc/cache")
    machine("mine", monkeypatch, 2, "main")
    assert published() == 2
    shutil.rmtree("remote")
    shutil.rmtree(".dvc/cache")
    shutil.rmtree("data/store")
    with pytest.raises(StillhouseError, match=r"neither in DVC's cache nor in its remote"):
        commands.publish(Store.default())
