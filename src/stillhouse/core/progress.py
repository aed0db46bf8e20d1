"""Progress: a bar on a terminal, a line now and then elsewhere."""

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


def announce(message: str) -> None:
    """Say something about the run on standard error; it may hold a server's words or a name."""
    print(printable(message), file=sys.stderr, flush=True)


class _Lines:
    def __init__(self, title: str, total: int) -> None:
        self.title, self.total, self.done, self.note = title, total, 0, ""
        self.told: int | None = None  # how many were done when a line last said so
        self.started = self.printed = time.monotonic()

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.done += steps
        self.note = note
        if time.monotonic() - self.printed >= LINE_EVERY_SECONDS:
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
    """Show the progress of `total` steps of work on standard error."""
    if not sys.stderr.isatty():
        lines = _Lines(title, total)
        try:
            yield lines
        finally:
            if lines.told != lines.done:
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

    bar = RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task(title, total=total, note="")

        class _Bar:
            def advance(self, steps: int = 1, note: str = "") -> None:
                bar.update(task, advance=steps, note=note)

        yield _Bar()
