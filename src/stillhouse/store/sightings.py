"""In which order this machine first saw the segments: what is in use stays in use.

A row's time says when its completion arrived somewhere. That alone would let a segment that is
brought in later, by a pull, an import or a clock set back, win over the completion that a table
here was built from. So a store notes, beside its segments, what it had seen and up to which time: a
row that turns up later with an older time counts as later than all of that. Where nothing was in
use before, times alone decide, on every machine alike.

Notes are small immutable files, as segments are: no locks, and a kill loses none of them.
"""

import json
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast

import pyarrow as pa
import pyarrow.compute as pc

from stillhouse.core.files import write_json

SUFFIX = ".seen.json"
MERGE_AT = 64
"""So many notes become one."""
NOTHING = -1


@dataclass
class Sightings:
    """The notes of one folder: the segments seen, each with the time that its rows come after."""

    folder: Path
    after: dict[str, int] = field(default_factory=dict)
    latest: int = NOTHING
    """The latest time of a row seen so far: whatever is seen from now on comes after it."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """All notes of a folder; of two about one segment, the earlier sight counts."""
        while True:
            seen = cls(folder)
            try:
                for path in _notes(folder):
                    seen._take(json.loads(path.read_text(encoding="utf-8")))
            except FileNotFoundError:  # another process has just put it into one with others
                continue
            return seen

    def _take(self, note: dict[str, Any]) -> None:
        self.latest = max(self.latest, note["latest"])
        for name, after in note["after"].items():
            self.after[name] = min(after, self.after.get(name, after))

    def arrived(self, name: str, created: "pa.ChunkedArray[Any]") -> "pa.ChunkedArray[Any]":
        """When the rows of a segment arrived here, by their own times where those can be so."""
        floor = pa.scalar(self.after.get(name, self.latest) + 1, pa.int64())
        arrived = cast(Any, pc).max_element_wise(created, floor)
        return cast("pa.ChunkedArray[Any]", arrived)

    def is_late(self, name: str, created: "pa.ChunkedArray[Any]") -> bool:
        """Whether any row of a segment counts as later than its own time says."""
        first = pc.min(created).as_py()
        return first is not None and int(first) <= self.after.get(name, self.latest)

    def see(self, latest_by_name: dict[str, int]) -> None:
        """Note the segments that were not seen before, each with the latest time of its rows."""
        new = {name: self.latest for name in latest_by_name if name not in self.after}
        if new:
            latest = max([self.latest + 1, *(latest_by_name[name] for name in new)])
            with suppress(OSError):  # a store that is only read serves as it is
                self._write(new, latest)

    def adopt(self, name: str) -> None:
        """Note a segment whose rows were all seen before, in others: their own times hold."""
        self._write({name: NOTHING}, self.latest)

    def _write(self, after: dict[str, int], latest: int) -> None:
        note = {"after": after, "latest": latest}
        self._take(note)
        write_json(self.folder / f"{uuid.uuid4().hex}{SUFFIX}", note)
        self._merge()

    def _merge(self) -> None:
        paths = _notes(self.folder)
        if len(paths) < MERGE_AT:
            return
        whole = Sightings.read(self.folder)
        note = {"after": whole.after, "latest": whole.latest}
        write_json(self.folder / f"{uuid.uuid4().hex}{SUFFIX}", note)
        for path in paths:
            path.unlink(missing_ok=True)


def clock(folder: Path) -> "Clock":
    """The time of completions that arrive from now on, which come after all that was seen."""
    return Clock(Sightings.read(folder).latest + 1)


@dataclass
class Clock:
    """Milliseconds since 1970 that never go back, whatever the machine's clock does."""

    least: int

    def now(self) -> int:
        """The time, at least that of the call before."""
        self.least = max(self.least, time.time_ns() // 1_000_000)
        return self.least


def latest_time(created: "pa.ChunkedArray[Any]") -> int:
    """The latest of some times."""
    found = pc.max(created).as_py()
    return NOTHING if found is None else int(found)


def _notes(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob(f"*{SUFFIX}") if not p.name.startswith("."))
