"""docs/remotes.md: its commands give a remote that data goes to and comes from, as doctor says."""

import asyncio
import re
import shlex
import socket
import subprocess
import threading

import pytest
from dvc.cli import main as dvc

from stillhouse.doctor.doctor import NOTE, OK, WRONG
from stillhouse.doctor.remote import remote
from tests.conftest import REPOSITORY
from tests.pipeline.workspace import IDENTITY

PAGE = (REPOSITORY / "docs/remotes.md").read_text(encoding="utf-8")
REGION = "us-east-1"


def documented(heading):
    """The DVC commands below a heading of the page."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```\n(.*?)```", section, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("dvc ")]


def run(line, **places):
    """Run a documented line as it stands, but for the places in it."""
    for name, value in places.items():
        line = line.replace(name, str(value))
    assert dvc(shlex.split(line)[1:]) == 0, line


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A repository with one file under DVC."""
    for name, value in (IDENTITY | {"DVC_ROOT": ""}).items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    subprocess.run(["git", "init", "--quiet", "-b", "main"], check=True)
    assert dvc(["init", "--quiet"]) == 0
    (folder / "table.csv").write_text("id\n1\n")
    assert dvc(["add", "--quiet", "table.csv"]) == 0
    return folder


def travels(project, tmp_path, monkeypatch):
    """Push, and pull in a clone that has nothing but what is committed."""
    subprocess.run(["git", "add", "--all"], check=True)
    subprocess.run(["git", "commit", "--quiet", "-m", "all"], check=True)
    local = project / ".dvc/config.local"
    assert dvc(["push", "--quiet"]) == 0
    subprocess.run(["git", "clone", "--quiet", project, tmp_path / "clone"], check=True)
    if local.exists():
        (tmp_path / "clone/.dvc/config.local").write_text(local.read_text())
    monkeypatch.chdir(tmp_path / "clone")
    assert dvc(["pull", "--quiet"]) == 0
    assert (tmp_path / "clone/table.csv").read_text() == "id\n1\n"


def told(*, write=False):
    (found,) = remote(write=write)
    return found


def test_a_folder(project, tmp_path, monkeypatch):
    assert told().level == NOTE
    assert "stays on this machine" in told().text
    (line,) = documented("A folder")
    place = tmp_path / "team/stillhouse"
    run(line, **{"/mnt/team/stillhouse": place})
    assert told().level == WRONG  # whose disk is not mounted
    place.parent.mkdir()
    assert "holds nothing yet" in told().text
    assert told(write=True).text.endswith("can be listed, written, read and deleted")
    assert not place.exists()  # as it was
    travels(project, tmp_path, monkeypatch)
    assert told().level == told(write=True).level == OK
    assert [each.name for each in place.iterdir()] == ["files"]
    for line in documented("Several"):
        run(line, **{"/mnt/archive": tmp_path / "archive"})
    assert any((tmp_path / "archive").rglob("*"))


@pytest.fixture
def s3(monkeypatch):
    """The address of a server that speaks S3, with a bucket `bucket`."""
    boto3 = pytest.importorskip("boto3")
    from moto.server import ThreadedMotoServer

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        client = boto3.client("s3", endpoint_url=endpoint, region_name=REGION)
        client.create_bucket(Bucket="bucket")
        yield endpoint
    finally:
        server.stop()


def test_an_s3_server(project, s3, tmp_path, monkeypatch):
    for line in documented("MinIO and others"):
        run(line, **{"https://minio.example.org": s3})
    assert told().level == OK, told()
    assert "holds nothing yet" in told().text
    assert told(write=True).text.endswith("can be listed, written, read and deleted")
    assert "holds nothing yet" in told().text  # the probe is gone
    travels(project, tmp_path, monkeypatch)
    assert "holds nothing yet" not in told().text
    assert "test" not in (project / ".dvc/config").read_text()
    run("dvc remote modify store url s3://elsewhere/stillhouse")
    assert told().level == WRONG
    assert "cannot be listed" in told().text


def test_s3_itself(project, s3, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)  # where there is no AWS
    for line in documented("S3"):
        run(line)
    travels(project, tmp_path, monkeypatch)


def test_what_is_written_into_an_address_is_not_shown(project):
    run("dvc remote add --default store ssh://me:hunter2@127.0.0.1/srv")
    assert "hunter2" not in told().text
    run("dvc remote add --default --force store s3://bucket/a")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        run(f"dvc remote modify store endpointurl http://127.0.0.1:{unused.getsockname()[1]}")
        assert told().level == WRONG
    run("dvc config core.remote nosuch")
    assert "there is no such remote" in told().text


def test_ssh(project, tmp_path, monkeypatch):
    pytest.importorskip("dvc_ssh", reason="dvc-ssh is not installed")
    import asyncssh

    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(tmp_path / "id_ed25519")
    key.write_public_key(tmp_path / "authorized")
    (tmp_path / "served/srv").mkdir(parents=True)

    def files(channel):
        return asyncssh.SFTPServer(channel, chroot=str(tmp_path / "served"))

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        asyncssh.listen(
            "127.0.0.1",
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            authorized_client_keys=str(tmp_path / "authorized"),
            sftp_factory=files,
        )
    )
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        places = {"~/.ssh/id_ed25519": tmp_path / "id_ed25519"}
        places["you@host"] = f"you@127.0.0.1:{server.get_port()}"
        for line in documented("SSH"):
            run(line, **places)
        assert told(write=True).level == OK, told(write=True)
        travels(project, tmp_path, monkeypatch)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
    assert any((tmp_path / "served/srv/stillhouse").rglob("*"))


def test_every_command_of_the_page_is_run_here_or_marked():
    marked = re.findall(r"\| \[([^]]+)\]\(#[^|]*\|[^|]*\| were \*\*not run\*\*", PAGE)
    others = [each.lower() for each in re.findall(r"^## (.+)$", PAGE, re.MULTILINE)]
    run_here = {"a folder", "ssh", "s3", "minio and others", "several"}
    not_run = {"a hugging face bucket", "google cloud storage", "azure"}
    assert {each.lower() for each in marked} == not_run
    assert set(others) == run_here | not_run | {"what goes wrong"}
