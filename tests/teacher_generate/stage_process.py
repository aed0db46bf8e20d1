"""The stage's work in a process of its own, to be killed or run beside another."""

import multiprocessing
from pathlib import Path

from stillhouse.core.tables import COMPLETIONS
from stillhouse.store import pack, writer
from stillhouse.teacher_generate import feed
from stillhouse.teacher_generate.generate import generate
from tests.teacher_generate.helpers import client, prompts, store

CONTEXT = multiprocessing.get_context("fork")  # starts at once; nothing else would take so many


def work(url: str, folder: Path, rows: int, out: Path) -> None:
    """Generate and write the table; small segments and many merges, for kills to fall into."""
    writer.FLUSH_SECONDS, writer.FLUSH_ROWS = 0.03, 20
    pack.MERGE_AT = 4
    feed.LOOK_SECONDS = 0.05
    generated = generate(prompts(range(rows)), client(url), store(folder))
    COMPLETIONS.at(out).write(generated.completions)


def start(url: str, folder: Path, rows: int, out: Path) -> multiprocessing.process.BaseProcess:
    process = CONTEXT.Process(target=work, args=(url, folder, rows, out), daemon=True)
    process.start()
    return process
