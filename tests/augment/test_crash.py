"""kill -9 in the middle of making new rows: the next run goes on, and gives the same bytes."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from stillhouse.augment.augment import training_rows
from stillhouse.core.tables import TRAINING
from stillhouse.store import writer
from tests.augment.project import TEST, augment, chosen_row, config, example
from tests.teacher_generate.conftest import _running, server
from tests.teacher_generate.helpers import client, store
from tests.teacher_generate.stage_process import CONTEXT

__all__ = ["_running", "server"]  # fixtures

ROWS = 60
SEEDS = [example(f"seed-{n}") for n in range(50)]


def work(url: str, folder: Path, out: Path) -> None:
    """What the stage does; labels are whole completions, since the server's have no marker."""
    writer.FLUSH_SECONDS, writer.FLUSH_ROWS = 0.02, 5
    asked = config(
        synthetic=ROWS,
        dataset={"answer": {"metric": "exact"}},
        prompt={"reply": "label", "tasks": {"math": {"query": "{{ query }}"}}},
        teacher=client(url),
        augment=augment(queries_per_seed=6),
    )
    rows, _ = training_rows(
        [chosen_row(row) for row in SEEDS], SEEDS + TEST, [], asked, store(folder)
    )
    TRAINING.at(out).write_rows(rows)


@pytest.mark.slow
def test_a_run_killed_ten_times_resumes_and_asks_nothing_twice(server, tmp_path):
    work(server.url, tmp_path / "calm", tmp_path / "calm.parquet")
    needed = server.requests()
    assert needed > 2 * ROWS  # queries, some of them left out, and labels
    chance = random.Random(3)
    folder, out = tmp_path / "store", tmp_path / "out.parquet"
    total = 0
    for _ in range(10):
        server.set(latency=0.01, sigma=0.5)
        process = CONTEXT.Process(target=work, args=(server.url, folder, out), daemon=True)
        process.start()
        wanted = chance.randint(1, needed // 10)
        while server.requests() < wanted and process.is_alive():
            time.sleep(0.002)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        total += server.requests()
    assert not out.exists()
    server.set()
    work(server.url, folder, out)
    assert out.read_bytes() == (tmp_path / "calm.parquet").read_bytes()
    lost = 10 * (16 + 5)  # in flight, and not yet flushed, at each kill
    assert total + server.requests() <= needed + lost
    server.set()
    work(server.url, folder, out)
    assert server.requests() == 0
