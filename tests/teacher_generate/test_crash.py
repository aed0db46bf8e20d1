"""kill -9 at random points, and two processes at once: nothing lost, nothing twice, same bytes."""

import os
import random
import signal
import time

import pytest

from stillhouse.teacher_generate.plan import make_plan
from tests.teacher_generate.helpers import client, prompts, store
from tests.teacher_generate.loopback import Server, serve
from tests.teacher_generate.stage_process import start, work

ROWS = 800


def texts(server: Server, folder, *, missing: bool) -> set[str]:
    """The prompts that the store has no completion of, or has one."""
    table = prompts(range(ROWS))
    plan = make_plan(table, client(server.url), store(folder))
    lacking = {request.messages[-1].content for request in plan.requests(plan.missing.values())}
    every = {messages[-1]["content"] for messages in table["messages"].to_pylist()}
    return lacking if missing else every - lacking


@pytest.fixture
def expected(server, tmp_path) -> bytes:
    """The table of a run that nobody disturbed."""
    work(server.url, tmp_path / "calm", ROWS, tmp_path / "calm.parquet")
    return (tmp_path / "calm.parquet").read_bytes()


@pytest.mark.slow
def test_a_run_killed_twenty_times_resumes_without_asking_twice(server, tmp_path, expected):
    chance = random.Random(7)
    folder, out = tmp_path / "store", tmp_path / "out.parquet"
    for _ in range(20):
        had = texts(server, folder, missing=False)
        # In flight are 16, so a pause of up to 0.02 s lets in few, however fast the machine is.
        server.set(latency=0.05, sigma=0.5)
        process = start(server.url, folder, ROWS, out)
        wanted = chance.randint(0, 3 * ROWS // 40)
        while server.requests() < wanted and process.is_alive():
            time.sleep(0.001)
        time.sleep(chance.random() * 0.02)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        assert not server.asked() & had
    lacking = texts(server, folder, missing=True)
    assert 0 < len(lacking) < ROWS
    with serve() as another:  # the first may still be counting what the dead had sent
        process = start(another.url, folder, ROWS, out)
        process.join()
        assert process.exitcode == 0
        assert another.asked() == lacking
        assert another.requests() == len(lacking)
    assert out.read_bytes() == expected


@pytest.mark.slow
def test_two_processes_at_once_share_the_work(server, tmp_path, expected):
    server.set(latency=0.02)
    folder = tmp_path / "store"
    outs = [tmp_path / f"{n}.parquet" for n in range(2)]
    processes = [start(server.url, folder, ROWS, out) for out in outs]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert [out.read_bytes() for out in outs] == [expected] * 2
    assert server.requests() <= 1.1 * ROWS
    server.set()
    work(server.url, folder, ROWS, tmp_path / "again.parquet")
    assert server.requests() == 0
    assert (tmp_path / "again.parquet").read_bytes() == expected
