"""Files appear whole or not at all."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import (
    atomic_directory,
    atomic_path,
    read_json,
    require_disk_space,
    sha256_file,
    write_json,
    write_text,
)
from stillhouse.sources.cache import cached

SOURCE = Path(__file__).parents[2] / "src"
SLOW_WRITER = """
import sys, time
from pathlib import Path
from stillhouse.core.files import {block}
with {block}(Path(sys.argv[1])) as temporary:
    {write}
    print("half", flush=True)
    time.sleep(60)
"""
WRITES = {
    "atomic_path": 'temporary.write_text("half")',
    "atomic_directory": '(temporary / "part").write_text("half")',
}


def interrupted_halfway(target, block, how):
    """Start a process that writes to `target`, and stop it in the middle."""
    script = SLOW_WRITER.format(block=block, write=WRITES[block])
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(target)],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.send_signal(how)
    assert process.wait(10) != 0
    process.stdout.close()


def test_a_failure_leaves_the_old_content_and_no_litter(tmp_path):
    target = tmp_path / "file"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("block", WRITES)
def test_an_interrupt_leaves_nothing(tmp_path, block):
    interrupted_halfway(tmp_path / "out", block, signal.SIGINT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("block", WRITES)
def test_a_kill_leaves_only_what_git_and_dvc_ignore(tmp_path, block):
    interrupted_halfway(tmp_path / "out", block, signal.SIGKILL)
    assert not (tmp_path / "out").exists()
    assert [path.suffix for path in tmp_path.iterdir()] == [".tmp"]
    for ignored in (".gitignore", ".dvcignore"):
        assert "*.tmp" in (SOURCE.parent / ignored).read_text().splitlines()


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path):
    target = tmp_path / "file"
    write_text(target, "old")
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"


@pytest.mark.parametrize("umask", [0o002, 0o022, 0o027, 0o077], ids="{:03o}".format)
def test_others_may_what_the_umask_allows(tmp_path, umask):
    def fill(folder):
        (folder / "private").touch(0o600)

    def mode(path):
        return path.stat().st_mode & 0o777

    before = os.umask(umask)
    try:
        write_text(tmp_path / "file", "x")
        with atomic_directory(tmp_path / "folder"):
            pass
        filled = cached("name", fill)
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == mode(filled / "private") == 0o666 & ~umask
    assert mode(tmp_path / "folder") == mode(filled) == 0o777 & ~umask


def test_a_directory_replaces_the_old_one_whole(tmp_path):
    target = tmp_path / "student"
    target.mkdir()
    (target / "stale").touch()
    with atomic_directory(target) as temporary:
        (temporary / "fresh").touch()
    assert [path.name for path in target.iterdir()] == ["fresh"]
    with pytest.raises(RuntimeError), atomic_directory(target) as temporary:
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["fresh"]
    assert list(tmp_path.iterdir()) == [target]


def test_json_has_sorted_keys_and_keeps_unicode(tmp_path):
    write_json(tmp_path / "one.json", {"b": 1, "a": "√"})
    write_json(tmp_path / "two.json", {"a": "√", "b": 1})
    content = (tmp_path / "one.json").read_bytes()
    assert content == (tmp_path / "two.json").read_bytes()
    assert content.decode() == '{\n  "a": "√",\n  "b": 1\n}\n'


def test_a_hash_is_over_the_whole_content(tmp_path):
    content = os.urandom(3 << 20)
    (tmp_path / "file").write_bytes(content)
    assert sha256_file(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_too_little_disk_is_said_before_the_work(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**6))
    require_disk_space(tmp_path / "not" / "there" / "yet", 10**6, "the student")
    with pytest.raises(StillhouseError, match=r"the student: 2 MB needed at .*, 1 MB free"):
        require_disk_space(tmp_path, 2 * 10**6, "the student")


def test_what_a_stage_has_not_written_yet_says_how_to_make_it(tmp_path):
    with pytest.raises(StillhouseError, match=r"metrics\.json does not exist.*dvc repro"):
        read_json(tmp_path / "metrics.json")
    write_json(tmp_path / "metrics.json", {"rows": 1})
    assert read_json(tmp_path / "metrics.json") == {"rows": 1}
