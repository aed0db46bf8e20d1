"""The writer: answers become a segment every so many rows or seconds; nothing runs in between."""

import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from stillhouse.core.text import whole
from stillhouse.teachers.protocol import Completion
from stillhouse.teachers.store import segments
from stillhouse.teachers.store.pack import merge_small

FLUSH_ROWS = 2_000
FLUSH_SECONDS = 1.0
"""At most this much is lost by a kill, beyond what was in flight."""


class Writer:
    """Collects answers and writes them as segments; leaving the block writes the rest."""

    def __init__(self, folder: Path, max_tokens: int, model: str, backend: str) -> None:
        self.folder = folder
        self.written: set[str] = set()
        """Names of the segments made of this writer's rows alone."""
        self._common = {"max_tokens": max_tokens, "model": model, "backend": backend}
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
        self.flush()
        merge_small(self.folder)

    def add(self, key: bytes, completion: Completion) -> None:
        """Take an answer; `flush_if_due` decides when it is written."""
        self._rows.append(
            {
                "key": key,
                "created": time.time_ns() // 1_000_000,
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
        merge_small(self.folder)
        return True

    def flush(self) -> None:
        """Write what was taken as one segment."""
        if self._rows:
            rows = pa.Table.from_pylist(self._rows, schema=segments.SCHEMA)
            self.written.add(segments.write_segment(self.folder, rows).name)
            self._rows = []
        self._flushed = time.monotonic()
