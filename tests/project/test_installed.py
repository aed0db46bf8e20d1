"""A stranger's trial: the wheel, an empty environment, a CSV of the wild and a server that answers.

From `init` to predictions on new rows, in a clone that pulls, and over an upgrade.
"""

import csv
import json
import re
from pathlib import Path

import pytest

from stillhouse.project.editing import LEAVE_OUT, edited
from stillhouse.sources.pin import pin
from tests.pipeline.workspace import IDENTITY
from tests.project import llm
from tests.project.installed import User, build, environment, install, source_copy
from tests.project.tables import WORDS, reviews, write_csv
from tests.zygote import fast_python

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bin_(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("environment")
    bin_ = environment(folder / "venv")
    install(build(source_copy(folder / "source"), folder / "dist"), bin_)
    return bin_


@pytest.fixture
def user(bin_, tmp_path):
    """Someone with that environment, whose `python` and `dvc` start quickly."""
    with fast_python(tmp_path / "fast", executable=str(bin_ / "python")) as fast:
        user = User(bin_, tmp_path / "home", tmp_path, **IDENTITY)
        user.environment["PATH"] = f"{fast}:{user.environment['PATH']}"
        yield user


def make_tiny(project: Path, models: Path) -> None:
    """Tiny weights in place of real ones, and few steps."""
    student, embedder = "conf/student/smollm2_135m.yaml", "conf/embedder/minilm.yaml"
    for name, changes in (
        (
            student,
            {
                ("model", "source"): pin(models / "decoder"),
                ("training", "trainable_layers"): 1,
                ("training", "epochs"): LEAVE_OUT,
                ("training", "validation"): LEAVE_OUT,
                ("training", "steps"): 4,
            },
        ),
        (
            embedder,
            {("kind",): "mean_pooling", ("source",): pin(models / "bert"), ("max_tokens",): 64},
        ),
    ):
        text = (project / name).read_text(encoding="utf-8")
        (project / name).write_text(edited(text, changes), encoding="utf-8")


def test_from_a_table_to_predictions_and_over_an_upgrade(user, bin_, tiny_models, tmp_path):
    table = reviews(60)
    table += [table[0] | {"id": "again"}]  # asks the same: one group
    table += [
        {"id": "blank", "text": " ", "rating": "good"},
        {"id": "x", "text": "So?", "rating": ""},
    ]
    write_csv(tmp_path / "reviews.csv", table)
    assert "stillhouse 0.1.0" in user.run("stillhouse", "--version")
    with llm.serve() as server:
        address = f"http://127.0.0.1:{server.server_port}/v1"
        user.run(
            *("stillhouse", "init", "mine", "--csv", "reviews.csv", "--query", "text"),
            *("--label", "rating", "--teacher", address),
        )
        user.folder = tmp_path / "mine"
        make_tiny(user.folder, tiny_models)
        user.run("git", "add", "--all")
        user.run("git", "commit", "-qm", "begin")
        user.run("dvc", "repro", "prompt")
        told = json.loads(user.run("stillhouse", "cost", "--json"))
        assert not server.asked
        built = user.run("make", "repro")
        assert len(server.asked) == len(set(server.asked))
        assert f'"requests": {len(server.asked)}' in json.dumps(told)
    assert "Student" in built
    counted = json.loads((user.folder / "metrics/ingest.json").read_text(encoding="utf-8"))
    assert counted["rejects"] == {"empty `text`": 1, "empty `rating`": 1}
    assert counted["duplicates"] == 1
    assert "up to date" in user.run("dvc", "status")
    commit(user, "built")
    what_became_of_rows(user)
    new_rows_are_predicted(user)
    a_clone_pulls(user, tmp_path)
    an_upgrade_reruns_what_it_means(user, bin_, tmp_path)


def commit(user: User, message: str) -> None:
    user.run("git", "add", "--all")
    user.run("git", "commit", "-qm", message)


def what_became_of_rows(user: User) -> None:
    """Each table of a row, joined: what the model said without an answer has no label."""
    shown = user.run("stillhouse", "rows", "--status", "no_marker", "--jsonl", "-n", "0", said="")
    lines = [json.loads(line) for line in shown.splitlines() if line.startswith("{")]
    assert lines
    assert all("I would rather not say" in str(line) for line in lines)


def new_rows_are_predicted(user: User) -> None:
    """The training columns and others, odd cells and an empty one; all of them come back."""
    new = [row | {"note": "keep, me"} for row in reviews(75)[60:]]
    new[3] = new[3] | {"text": ""}
    write_csv(user.folder / "new.csv", new)
    said = user.run("stillhouse", "predict", "--file", "new.csv", "--out", "out.csv")
    with (user.folder / "out.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["id"] for row in found] == [row["id"] for row in new]
    assert {row["note"] for row in found} == {"keep, me"}
    assert found[3]["prediction"] == ""
    assert "1" in said
    for row in (*found[:3], *found[4:]):
        assert row["prediction"] in WORDS
        assert 1 / 3 <= float(row["score"]) <= 1
    for name in ("new.csv", "out.csv"):
        (user.folder / name).unlink()
    assert user.run("stillhouse", "predict", "A great lamp").split("\t")[0] in WORDS
    user.run("dvc", "exp", "run", "-S", "lambda=0.5")
    user.run("git", "checkout", "--", ".")
    user.run("dvc", "checkout", "--quiet")


def a_clone_pulls(user: User, tmp_path: Path) -> None:
    """Nothing is built again, and no server is there."""
    user.run("dvc", "remote", "add", "--default", "store", str(tmp_path / "remote"))
    user.run("dvc", "push", "--quiet")
    commit(user, "a remote")
    user.run("git", "clone", "--quiet", "mine", "clone", folder=tmp_path)
    user.run("dvc", "pull", "--quiet", folder=tmp_path / "clone")
    assert "up to date" in user.run("dvc", "status", folder=tmp_path / "clone")
    assert "Student" in user.run("make", "repro", folder=tmp_path / "clone")


def an_upgrade_reruns_what_it_means(user: User, bin_: Path, tmp_path: Path) -> None:
    """The server is gone: what the teacher said stays, whatever the version."""
    source = source_copy(tmp_path / "newer")
    for name, old, new in (
        ("src/stillhouse/__init__.py", '"0.1.0"', '"0.2.0"'),
        ("pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0"'),
        ("src/stillhouse/parse/statements.py", '"""', '"""Comments rerun nothing. '),
        (
            "src/stillhouse/parse/parse.py",
            "counts[status] / len(rows)",
            "1.0 * counts[status] / len(rows)",
        ),
        ("conf/prompt/clean.yaml", "description: ", "description: New. "),
    ):
        text = (source / name).read_text(encoding="utf-8")
        assert old in text, name
        (source / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    install(build(source, tmp_path / "dist"), bin_)

    assert "requirements.txt says 0.1.0" in user.run("stillhouse", "check", fails=True)
    assert "requirements.txt says 0.1.0" in user.run(
        "dvc", "repro", "-f", "-s", "parse", fails=True
    )
    assert "clean.yaml" in user.run("stillhouse", "conf", "diff")
    said = user.run("stillhouse", "upgrade")
    assert "stillhouse 0.1.0 → 0.2.0" in said
    assert "parse: parse.parse._measure_split has changed" in said
    assert "train_student" not in said
    commit(user, "upgraded")
    ran = re.findall(r"^Running stage '(.+)'", user.run("dvc", "repro"), re.MULTILINE)
    assert {"code", "parse"} <= set(ran)
    assert not {name for name in ran if name.startswith(("ingest", "train", "evaluate"))}
