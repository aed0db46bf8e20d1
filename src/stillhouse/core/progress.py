"""Progress: a bar on a terminal, a line now and then elsewhere."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from stillhouse.core.text import printable

LINE_EVERY_SECONDS = 15.0


class Progress(Protocol):
    """What long work reports to."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count `steps` as done; `note` is shown beside the count."""


def is_watched() -> bool:
    """Whether standard error is a terminal that can redraw a line."""
    return sys.stderr.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def quiet_libraries() -> None:
    """Have no bars of other libraries in a log, where each redraw would be glued to the last.

    They read it when they are first imported; what the user has set stays.
    """
    if not is_watched():
        os.environ.setdefault("TQDM_DISABLE", "1")
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def announce(message: str) -> None:
    """Say something about the run on standard error; it may hold a server's words or a name."""
    print(printable(message), file=sys.stderr, flush=True)


class _Silent:
    def advance(self, steps: int = 1, note: str = "") -> None:
        del steps, note


class _Lines:
    def __init__(self, title: str, total: int) -> None:
        self.title, self.total, self.done, self.note = title, total, 0, ""
        self.told: int | None = None  # how many were done when a line last said so
        self.started = self.printed = time.monotonic()

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.done += steps
        self.note = note
        # Standing still is told, too, but not the end twice.
        due = time.monotonic() - self.printed >= LINE_EVERY_SECONDS
        if due and not (self.done >= self.total and self.told == self.done):
            self.print_line()

    def print_line(self) -> None:
        self.printed, self.told = time.monotonic(), self.done
        elapsed = self.printed - self.started
        parts = [f"{self.title}: {self.done:,}/{self.total:,} in {elapsed:.0f} s"]
        if 0 < self.done < self.total:
            parts.append(f"{elapsed * (self.total - self.done) / self.done:.0f} s left")
        announce(", ".join([*parts, *filter(None, [self.note])]))


@contextmanager
def progress(title: str, total: int) -> Iterator[Progress]:
    """Show the progress of `total` steps of work on standard error; of no work nothing."""
    if not total:
        yield _Silent()
        return
    if not is_watched():
        lines = _Lines(title, total)
        try:
            yield lines
        finally:
            if lines.done and lines.told != lines.done:
                lines.print_line()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress
    from rich.table import Column

    bar = RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        # Where there is little room the note is cut, not the times.
        TimeElapsedColumn(table_column=Column(min_width=7)),
        TimeRemainingColumn(table_column=Column(min_width=7)),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task(title, total=total, note="")

        class _Bar:
            def advance(self, steps: int = 1, note: str = "") -> None:
                bar.update(task, advance=steps, note=note)

        yield _Bar()
