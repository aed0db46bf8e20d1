"""The writer: completions become a segment every so many rows or seconds, without a thread."""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import pyarrow as pa

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_bytes
from stillhouse.core.progress import announce
from stillhouse.core.text import whole
from stillhouse.store import index, segments
from stillhouse.store.completion import Completion
from stillhouse.store.pack import merge_small
from stillhouse.store.sightings import clock

FLUSH_ROWS = 2_000
FLUSH_SECONDS = 1.0
"""At most this much is lost by a kill, beyond what was in flight."""
TRIED_BYTES = 64 << 10
"""More than the completions of an ordinary second take."""
T = TypeVar("T")


class UnwritableStoreError(StillhouseError):
    """Completions cannot be kept: nothing more must be asked for."""


def require_writable(folder: Path) -> None:
    """Raise UnwritableStoreError unless a segment can be written, before anything is paid for."""
    tried = folder / f".try-{os.getpid()}.tmp"
    try:
        _make_room(folder, lambda: write_bytes(tried, bytes(TRIED_BYTES)))
        tried.unlink()
    except OSError as error:
        raise _unwritable(folder, TRIED_BYTES, error) from error


def _make_room(folder: Path, write: Callable[[], T]) -> T:
    """What `write` returns; when it fails it is tried once more, without the indexes.

    Those can be made again, and completions cannot.
    """
    try:
        return write()
    except OSError:
        index.keep_only(folder, ())
        return write()


def _unwritable(folder: Path, needed: int, error: OSError) -> UnwritableStoreError:
    existing = next(path for path in [folder, *folder.parents] if path.is_dir())
    with suppress(OSError):
        folder = folder.resolve()
    return UnwritableStoreError(
        f"The completion store cannot be written: {error.strerror or error} ({folder}; "
        f"{needed:,} bytes were to be written, {shutil.disk_usage(existing).free:,} are free "
        "there). Make room or see to its permissions, or set STILLHOUSE_STORE to a folder that can "
        "be written."
    )


class Writer:
    """Collects completions and writes them as segments; leaving the block writes the rest."""

    def __init__(self, folder: Path, max_tokens: int, model: str, backend: str) -> None:
        self.folder = folder
        self.written: set[str] = set()
        """Names of the segments made of this writer's rows alone."""
        self.problem: UnwritableStoreError | None = None
        """Why completions could not be written, the last time that they could not."""
        self._common = {"max_tokens": max_tokens, "model": model, "backend": backend}
        self._clock = clock(folder)
        self._rows: list[dict[str, Any]] = []
        self._flushed = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if self._rows and kind:
            announce(f"warning: {len(self._rows):,} completions were lost. {self.problem}")

    @property
    def unwritten(self) -> int:
        """How many completions are in memory alone; once closed, these are lost."""
        return len(self._rows)

    def add(self, key: bytes, completion: Completion) -> None:
        """Take a completion; `flush_if_due` decides when it is written."""
        self._rows.append(
            {
                "key": key,
                "created": self._clock.now(),
                "text": whole(completion.text),
                "reasoning": completion.reasoning and whole(completion.reasoning),
                "finish_reason": completion.finish_reason,
                "prompt_tokens": completion.prompt_tokens,
                "completion_tokens": completion.completion_tokens,
                **self._common,
            }
        )

    def flush_if_due(self) -> bool:
        """Write what was taken when there are enough rows or it has waited long enough."""
        waited = time.monotonic() - self._flushed
        if not self._rows or (len(self._rows) < FLUSH_ROWS and waited < FLUSH_SECONDS):
            return False
        self.flush()
        self._tidy()
        return True

    def flush(self) -> None:
        """Write what was taken as one segment, or raise UnwritableStoreError and keep it."""
        self._write(len(self._rows))
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Write what was taken, in ever smaller pieces where the store has hardly any room.

        What could not be written even so is left in `unwritten`, and the reason in `problem`.
        """
        size = len(self._rows)
        while self._rows and size:
            try:
                self._write(size)
            except UnwritableStoreError:
                size //= 2
        self._tidy()

    def _write(self, count: int) -> None:
        """Write the first so many rows; they stay in memory until they are on the disk."""
        if not count:
            return
        rows = pa.Table.from_pylist(self._rows[:count], schema=segments.SCHEMA)
        try:
            written = _make_room(self.folder, lambda: segments.write_segment(self.folder, rows))
            self.written.add(written.name)
        except OSError as error:
            self.problem = _unwritable(self.folder, rows.nbytes, error)
            raise self.problem from error
        del self._rows[:count]

    def _tidy(self) -> None:
        with suppress(OSError):  # merging wants room for a while, and can wait
            merge_small(self.folder)
