"""A store that cannot be written is noticed before the first request, or at the first write."""

import os
import re
import subprocess
import sys

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.plan import make_plan
from tests.conftest import REPOSITORY
from tests.teacher_generate.helpers import prompts, store, teacher
from tests.teacher_generate.scripts import Puppet, completion, install

RUN = """
import random, resource, sys
from pathlib import Path
import pytest
from stillhouse.core.errors import StillhouseError
from stillhouse.teacher_generate.generate import generate
from stillhouse.store.completion import Completion
from stillhouse.store import writer
from tests.teacher_generate.helpers import prompts, store, teacher
from tests.teacher_generate.scripts import Puppet, install

folder, room, flush_rows, full_after = Path(sys.argv[1]), *map(int, sys.argv[2:])
writer.FLUSH_ROWS, writer.FLUSH_SECONDS = flush_rows, 1e9

def limit(size):
    # Writes beyond it fail as on a full disk, root's too. The prints go to a pipe, which has none.
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

def complete(request):
    if len(puppet.asked) > full_after:
        limit(0)
    return Completion(random.Random(request.id).randbytes(1500).hex(), "stop", 10, 5)

puppet = Puppet(complete)
with pytest.MonkeyPatch.context() as patch:
    install(patch, puppet)
    limit(room)
    try:
        generate(prompts(range(400)), teacher(), store(folder))
    except StillhouseError as error:
        print(error)
    print("asked:", len(puppet.asked))
"""


def run(folder, *, room: int, flush_rows: int, full_after: int = 10**9) -> tuple[str, int]:
    """What a run says whose files may have `room` bytes, and how much it asked."""
    arguments = map(str, (folder, room, flush_rows, full_after))
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": "src:."},
    )
    assert done.returncode == 0, done.stderr
    said, _, asked = done.stdout.rpartition("asked: ")
    return said, int(asked)


def kept(folder) -> int:
    """The completions that the store has."""
    return make_plan(prompts(range(400)), teacher(), store(folder)).reused


def test_a_store_in_no_possible_place_is_noticed_before_the_teacher_is_opened(
    tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("STILLHOUSE_STORE", str(tmp_path / "file" / "store"))
    puppet = Puppet(lambda _request: completion("paid"))
    install(monkeypatch, puppet)
    with pytest.raises(StillhouseError) as caught:
        generate(prompts(range(5)), teacher())
    message = str(caught.value)
    assert str(tmp_path / "file" / "store") in message
    assert "set STILLHOUSE_STORE to a folder" in message
    assert re.search(r"65,536 bytes were to be written, [\d,]+ are free", message)
    assert not puppet.opened


def test_a_store_that_is_complete_need_not_be_written(tmp_path, monkeypatch):
    generate(prompts(range(5)), teacher(), store(tmp_path))

    def refuse(_folder):
        raise AssertionError("nothing is to be written")

    monkeypatch.setattr("stillhouse.store.store.require_writable", refuse)
    assert generate(prompts(range(5)), teacher(), store(tmp_path)).metrics["rows"] == 5


def test_a_full_disk_is_noticed_before_the_first_request(tmp_path):
    said, asked = run(tmp_path, room=10_000, flush_rows=50)
    assert asked == 0
    assert "The completion store cannot be written: File too large" in said


@pytest.mark.parametrize(
    ("flush_rows", "full_after"),
    [(40, 100), (10**6, 390)],
    ids=["on the way", "at the end"],
)
def test_asking_ends_at_the_first_failed_write_and_says_what_is_lost(
    tmp_path, flush_rows, full_after
):
    said, asked = run(tmp_path, room=10**7, flush_rows=flush_rows, full_after=full_after)
    assert full_after < asked <= full_after + 40
    assert "The completion store cannot be written: File too large" in said
    assert f"(this run: {asked} asked, {asked * 15:,} tokens)" in said
    lost = int(re.search(r"(\d+) completions that came could not be written and are lost", said)[1])
    assert 0 < lost <= 40
    assert kept(tmp_path) == asked - lost
    assert f"{asked - lost} of 400 completions are in the store" in said


def test_what_a_large_write_cannot_keep_smaller_ones_do(tmp_path):
    """Each completion takes at least 1.5 kB: a hundred do not fit into 100 kB, and a few do."""
    said, asked = run(tmp_path, room=100_000, flush_rows=100)
    assert asked == 100
    assert "100 of 400 completions are in the store" in said
    assert "lost" not in said
    assert kept(tmp_path) == 100
