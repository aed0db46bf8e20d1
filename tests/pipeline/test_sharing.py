"""A fresh clone takes over published results, and does only what is new."""

import re

import pytest

from tests.conftest import REPOSITORY
from tests.pipeline.test_reruns import of_seed
from tests.pipeline.test_static import TRAIN
from tests.pipeline.workspace import Workspace

pytestmark = pytest.mark.slow


def publish(workspace, *remote):
    workspace.dvc("remote", "add", "--default", "store", remote[0])
    for name, value in zip(remote[1::2], remote[2::2], strict=True):
        workspace.dvc("remote", "modify", "store", name, value)
    workspace.commit()
    workspace.dvc("push")


def clone(workspace, fast, path):
    workspace.run("git", "clone", "--quiet", str(workspace.path), str(path))
    return Workspace(path, fast)


def retrain(fresh, *command):
    """Change lambda in a clone that has no data, and check what it takes to get a student."""
    assert not (fresh.path / "data/examples.parquet").exists()
    assert fresh.ran(*command, "--pull", "--allow-missing") == of_seed(TRAIN)
    for untouched in ("data/embeddings.parquet", ".stillhouse/store"):
        assert not (fresh.path / untouched).exists(), untouched
    assert (fresh.path / "models/student/seed=0").is_dir()


def test_through_a_shared_folder(workspace, fast, tmp_path):
    publish(workspace, str(tmp_path / "remote"))
    fresh = clone(workspace, fast, tmp_path / "clone")
    assert fresh.ran("repro", "--pull", "--allow-missing") == set()
    fresh.edit("params.yaml", **{"lambda": 0.5})
    retrain(fresh, "repro")
    fresh.dvc("pull")
    there, here = (w.path / "data/completions.parquet" for w in (workspace, fresh))
    assert here.read_bytes() == there.read_bytes()


def test_through_an_s3_server(workspace, fast, tmp_path, monkeypatch):
    boto3 = pytest.importorskip("boto3")
    from moto.server import ThreadedMotoServer

    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        client.create_bucket(Bucket="team")
        workspace.env |= keys
        publish(workspace, "s3://team/stillhouse", "endpointurl", endpoint, "region", "us-east-1")
        assert client.list_objects_v2(Bucket="team")["KeyCount"] > 5
        fresh = clone(workspace, fast, tmp_path / "clone")
        fresh.env |= keys
        retrain(fresh, "exp", "run", "-S", "lambda=0.5")
        assert "test" not in (fresh.path / ".dvc/config").read_text()
    finally:
        server.stop()


def test_an_experiment_travels_without_a_commit(workspace, fast, tmp_path):
    publish(workspace, str(tmp_path / "remote"))
    fresh = clone(workspace, fast, tmp_path / "clone")
    workspace.dvc("exp", "run", "--name", "half", "-S", "lambda=0.5")
    workspace.run("git", "init", "--quiet", "--bare", str(tmp_path / "origin"))
    for repository in (workspace, fresh):
        repository.run("git", "remote", "add", "team", str(tmp_path / "origin"))
    workspace.run("git", "push", "--quiet", "team", "main")
    workspace.dvc("exp", "push", "team", "half")
    fresh.dvc("exp", "pull", "team", "half")
    fresh.dvc("exp", "apply", "half")
    there, here = (w.path / "metrics/summary.json" for w in (workspace, fresh))
    assert here.read_bytes() == there.read_bytes()
    student = "models/student/seed=0/model/model.safetensors"
    assert (fresh.path / student).read_bytes() == (workspace.path / student).read_bytes()


PAGE = (REPOSITORY / "docs/sharing.md").read_text(encoding="utf-8")


def documented(heading):
    """The commands in the blocks under a heading of docs/sharing.md, line by line."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```\n(.*?)```", section, re.DOTALL)
    return [re.sub(r" +#.*", "", line) for block in blocks for line in block.splitlines()]


def follow(place, line, **names):
    """Run a documented line as it stands, but for the names in it."""
    for name, value in names.items():
        assert name.replace("_", "/") in line
        line = line.replace(name.replace("_", "/"), str(value))
    place.env["PYTHONPATH"] = "src"
    return place.run("bash", "-c", line)


def test_every_command_of_the_page_in_the_order_of_the_page(workspace, fast, tmp_path):
    workspace.run("git", "init", "--quiet", "--bare", "-b", "main", str(tmp_path / "origin"))
    workspace.run("git", "remote", "add", "origin", str(tmp_path / "origin"))
    workspace.run("git", "push", "--quiet", "--set-upstream", "origin", "main")
    workspace.dvc("remote", "add", "--default", "store", str(tmp_path / "remote"))
    workspace.run("git", "commit", "--quiet", "--all", "--message", "remote")

    publish, repro, retrain_, latest, by_path = documented("Publish a run, take over a run")
    workspace.edit("params.yaml", k=3)
    follow(workspace, publish)
    assert workspace.run("git", "status", "--short") == ""
    fresh = Workspace(tmp_path / "clone", fast)
    workspace.run("git", "clone", "--quiet", str(tmp_path / "origin"), str(fresh.path))
    assert "Running stage" not in follow(fresh, repro)
    follow(fresh, retrain_)
    fresh.run("git", "checkout", "--quiet", "--force", "main")
    for line in re.findall(r"`(dvc pull[^`]*)`", PAGE):
        if "<" not in line:
            follow(fresh, line)
    fresh.dvc("checkout")
    assert fresh.run("git", "status", "--short") == ""
    (tag,) = re.findall(r"`(git tag [^`]*)`", PAGE)
    follow(workspace, tag)
    workspace.run("git", "push", "--quiet", "--tags")
    elsewhere = Workspace(tmp_path / "elsewhere", fast)
    elsewhere.path.mkdir()
    url = "https://github.com/team/project"
    elsewhere.run("bash", "-c", latest.replace(url, str(tmp_path / "origin")))
    shown = elsewhere.run("bash", "-c", by_path.replace(url, str(tmp_path / "origin")) + " -o two")
    assert (elsewhere.path / "two/model/model.safetensors").exists(), shown

    run, show, push, pull, apply = documented("Experiments")
    follow(workspace, run + " --name deep")
    assert "deep" in follow(workspace, show)
    follow(workspace, push, NAME="deep")
    follow(fresh, pull, NAME="deep")
    follow(fresh, apply, NAME="deep")

    for line in documented("Compare in a pull request"):
        if line.startswith(("dvc", "stillhouse")):
            assert follow(fresh, line)
    (check,) = re.findall(r"`(stillhouse check --lock)`", PAGE)
    bare = Workspace(tmp_path / "bare", fast)
    workspace.run("git", "clone", "--quiet", str(tmp_path / "origin"), str(bare.path))
    assert "none of" in follow(bare, check)
