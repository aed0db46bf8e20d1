"""Two processes on one store: hardly anything is asked twice, and nobody waits for the dead."""

import os
import signal
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stillhouse.core.tables import COMPLETIONS
from stillhouse.store import claims
from stillhouse.store.claims import Claims
from stillhouse.teacher_generate import feed
from stillhouse.teacher_generate.feed import Portions
from stillhouse.teacher_generate.generate import generate
from tests.teacher_generate.helpers import prompts, store, teacher
from tests.teacher_generate.scripts import Puppet, completion, install
from tests.teacher_generate.stage_process import CONTEXT

KEYS = [bytes([n]) * 32 for n in range(4)]


def local(folder: Path, rows: int, out: str, seconds: float) -> None:
    """A run of a backend that takes all it is given before it begins, as local models do."""
    feed.LOOK_SECONDS = 0.05
    log = os.open(folder / "asked", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def complete(request):
        os.write(log, f"{request.id}\n".encode())
        time.sleep(seconds)
        return completion(f"re: {request.id}")

    puppet = Puppet(complete, chunk=8_192)
    puppet.tokens = lambda request: len(request.messages[-1].content)
    with pytest.MonkeyPatch.context() as patch:
        install(patch, puppet)
        found = generate(prompts(range(rows)), teacher(), store(folder))
    COMPLETIONS.at(folder / out).write(found.completions)


def start(*arguments):
    process = CONTEXT.Process(target=local, args=arguments, daemon=True)
    process.start()
    return process


def asked(folder: Path) -> int:
    return len((folder / "asked").read_text().splitlines())


def test_two_local_models_share_the_rows(tmp_path):
    processes = [start(tmp_path, 200, f"{n}.parquet", 0.002) for n in range(2)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert 200 <= asked(tmp_path) <= 220
    tables = [pq.read_table(tmp_path / f"{n}.parquet") for n in range(2)]
    assert tables[0].equals(tables[1])
    assert tables[0].num_rows == 200
    assert not list(tmp_path.rglob(f"*{claims.SUFFIX}"))


def test_what_is_completed_while_the_teacher_opens_is_not_asked(tmp_path, monkeypatch):
    slow, other = Puppet(lambda _: completion("twice")), Puppet(lambda _: completion("once"))

    def open_slowly(conf):
        install(monkeypatch, other)
        generate(prompts(range(30)), teacher(), store(tmp_path))
        return slow

    slow.open_teacher = open_slowly
    install(monkeypatch, slow)
    found = generate(prompts(range(40)), teacher(), store(tmp_path))
    assert (len(other.asked), len(slow.asked)) == (30, 10)
    assert found.completions.num_rows == 40


def test_rows_of_a_killed_process_are_asked_by_the_other(tmp_path):
    killed = start(tmp_path, 40, "never.parquet", 1000.0)
    while not (tmp_path / "asked").exists() or not asked(tmp_path):
        time.sleep(0.01)
    os.kill(killed.pid or 0, signal.SIGKILL)
    killed.join()
    local(tmp_path, 40, "out.parquet", 0.0)
    assert asked(tmp_path) == 1 + 40


@pytest.fixture
def other(tmp_path, monkeypatch):
    """The claims of a process on another machine."""
    here = claims.socket.gethostname()
    monkeypatch.setattr(claims.socket, "gethostname", lambda: "elsewhere")
    theirs = Claims(tmp_path)
    monkeypatch.setattr(claims.socket, "gethostname", lambda: here)
    return theirs


def test_a_claim_holds_until_it_is_given_up(tmp_path, other):
    with Claims(tmp_path) as mine:
        with other:
            other.hold(KEYS[:2])
            assert mine.others() == set(KEYS[:2])
            other.hold(KEYS[1:3])
            assert mine.others() == set(KEYS[1:3])
        assert mine.others() == set()


def test_a_claim_nobody_keeps_up_expires(tmp_path, other, monkeypatch):
    with Claims(tmp_path) as mine, other:
        other.hold(KEYS)
        (path,) = tmp_path.glob("elsewhere*")
        now = time.time()
        os.utime(path, (now, now - claims.EXPIRE_SECONDS + 10))
        assert mine.others() == set(KEYS)
        os.utime(path, (now, now - claims.EXPIRE_SECONDS - 10))
        assert mine.others() == set()
        other.hold(KEYS)  # it was only suspended
        assert mine.others() == set(KEYS)


def test_a_living_process_keeps_its_claim_up(tmp_path, other, monkeypatch):
    monkeypatch.setattr(claims, "TOUCH_SECONDS", 0.01)
    with Claims(tmp_path) as mine, other:
        other.hold(KEYS)
        (path,) = tmp_path.glob("elsewhere*")
        os.utime(path, (0, 0))
        while path.stat().st_mtime < 1:
            time.sleep(0.01)
        assert mine.others() == set(KEYS)


def test_where_claims_cannot_be_written_none_is_made(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with Claims(tmp_path / "file" / "store") as mine:
        mine.hold(KEYS)
        assert mine.others() == set()


@pytest.mark.parametrize("streams", [True, False])
def test_portions_shrink_with_what_is_left(streams):
    portions = Portions(streams, least=16)
    left, sizes = 10_000, []
    while left > 0:
        sizes.append(portions.size(left))
        left -= sizes[-1]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 16
    assert len(sizes) < 100


def test_batches_follow_from_the_rows_alone(tmp_path, monkeypatch):
    """Rounding depends on a local model's batches, and those on no process and no order of rows."""
    orders = []
    for name, order in (("a", range(50)), ("b", reversed(range(50)))):
        puppet = Puppet(lambda request: completion(request.id))
        puppet.tokens = lambda request: int(request.id[-6:]) % 5 + 1
        install(monkeypatch, puppet)
        generate(prompts(order), teacher(), store(tmp_path / name))
        orders.append([request.id for request in puppet.asked])
    assert orders[0] == orders[1]
