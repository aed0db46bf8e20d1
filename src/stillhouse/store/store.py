"""The store as its users see it: look completions up, write completions down."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhouse.core.errors import StillhouseError
from stillhouse.store import index, location, segments
from stillhouse.store.claims import Claims
from stillhouse.store.index import UnusableIndexError
from stillhouse.store.reuse import serves
from stillhouse.store.segments import COMPLETION, DamagedSegmentError
from stillhouse.store.sightings import Sightings, latest_time
from stillhouse.store.writer import Writer, require_writable

if TYPE_CHECKING:
    from stillhouse.store.index import Prefixes

ARRIVED: "pa.Field[Any]" = pa.field("arrived", pa.int64())
"""When a row arrived on this machine (see `sightings`); worked out when rows are read."""
WITH_ARRIVAL = index.SCHEMA.append(ARRIVED)
LISTINGS = 20
"""How often a reader lists the folder anew when segments are merged away under its hands."""


@dataclass
class Store:
    """The segments of one machine, and the published folders that are read beside them."""

    live: Path
    published: list[Path] = field(default_factory=list)
    on_damage: Callable[[str], None] = lambda _message: None
    """Told once about every damaged segment."""
    _reported: set[Path] = field(default_factory=set)

    @classmethod
    def default(cls, on_damage: Callable[[str], None] = lambda _message: None) -> Self:
        """The store of this repository (see `location`)."""
        return cls(location.live_folder(), location.published_folders(), on_damage)

    def paths(self) -> list[Path]:
        """Every segment once, by name; a published one that is also live is read from here."""
        found: dict[str, Path] = {}
        for folder in [*reversed(self.published), self.live]:
            found |= {path.name: path for path in segments.segment_paths(folder)}
        return [found[name] for name in sorted(found)]

    def look_up(self, keys: "pa.Array[Any]", max_tokens: int) -> pa.Table:
        """One row for each key, in order, with the columns COMPLETION; nulls where there is no
        completion.

        Of several completions that serve, the one that arrived here first is taken, for good: what
        later runs, merges, packs, imports or pulls add never changes a completion already given.
        """
        rows = self._serving(self.paths, keys, max_tokens, note=True)
        places = pc.index_in(keys, value_set=rows["key"])
        if len(pc.unique(places.drop_null())) < rows.num_rows:  # some completions are not the first
            order = ("arrived", "created", *COMPLETION)
            rows = rows.sort_by([(column, "ascending") for column in order])
            places = pc.index_in(keys, value_set=rows["key"])
        return rows.select(COMPLETION).take(places)

    def known(self, paths: Iterable[Path], keys: "pa.Array[Any]", max_tokens: int) -> set[bytes]:
        """The keys among `keys` that a completion in these segments serves."""
        listed = list(paths)
        # Without a note: segments that others are writing right now are soon merged away.
        rows = self._serving(
            lambda: [path for path in listed if path.exists()], keys, max_tokens, note=False
        )
        return {key for key in rows["key"].to_pylist() if key is not None}

    def writer(self, *, max_tokens: int, model: str, backend: str) -> Writer:
        """A writer of completions that are asked under the limit `max_tokens`."""
        return Writer(self.live, max_tokens, model, backend)

    def require_writable(self) -> None:
        """Raise when completions could not be kept; to be called before any is paid for."""
        require_writable(self.live)

    def claims(self) -> Claims:
        """What this process is about to ask, and what others are."""
        return Claims(self.live)

    def _serving(
        self,
        listing: Callable[[], list[Path]],
        keys: "pa.Array[Any]",
        max_tokens: int,
        *,
        note: bool,
    ) -> pa.Table:
        """The rows that serve, each with when it arrived.

        With `note`, what is seen for the first time is noted: its order, and an index of it. What
        was seen is read behind the listing: a merged segment is noted before it is there.
        """
        wanted = np.sort(index.prefixes(keys))
        for _ in range(LISTINGS):
            try:
                paths = listing()
                seen = Sightings.read(self.live)
                near = [(p.name, *found) for p in paths if (found := self._near(p, wanted, note))]
            except FileNotFoundError:
                # Another process merged segments while we read: their rows are in a new one.
                continue
            arrived = [
                rows.append_column(ARRIVED, seen.arrived(name, rows["created"]))
                for name, rows, _ in near
            ]
            if note:
                seen.see({name: latest for name, _, latest in near})
            rows = pa.concat_tables([WITH_ARRIVAL.empty_table(), *arrived])
            served = pc.and_(pc.is_in(rows["key"], value_set=keys), serves(rows, max_tokens))
            return rows if pc.all(served).as_py() else rows.filter(served)
        raise StillhouseError(
            f"The segments under {self.live} change faster than they can be read. "
            "Run again when the other runs have finished."
        )

    def _near(self, path: Path, wanted: "Prefixes", note: bool) -> tuple[pa.Table, int] | None:
        """The rows of a segment whose keys begin like wanted ones, and the latest time of all."""
        try:
            return self._read(path, wanted, note)
        except DamagedSegmentError:
            self._report_damage(path)
            return None

    def _read(self, path: Path, wanted: "Prefixes", note: bool) -> tuple[pa.Table, int]:
        # Before it is read: what is written into it from now on has another time.
        status = path.stat()
        with suppress(UnusableIndexError):
            return self._read_indexed(path, status, wanted)
        segment = segments.open_segment(path)
        if note:
            with suppress(OSError, UnusableIndexError):  # it is full, say, or only read
                index.write(index.index_path(self.live, path.name), segment, status)
                return self._read_indexed(path, status, wanted)
        heads = segment.read(["key", "created"])
        places = index.among(wanted, index.prefixes(heads["key"]))
        rows = segments.all_rows(segment) if len(places) else segments.SCHEMA.empty_table()
        return rows.select(index.SCHEMA.names).take(places), latest_time(heads["created"])

    def _read_indexed(
        self, path: Path, status: os.stat_result, wanted: "Prefixes"
    ) -> tuple[pa.Table, int]:
        with index.opened(index.index_path(self.live, path.name)) as found:
            if found.verified != (status.st_size, status.st_mtime_ns):
                segments.verified_bytes(path)
                found.confirm(status)
            return found.near(wanted), found.latest

    def _report_damage(self, path: Path) -> None:
        if path in self._reported:
            return
        self._reported.add(path)
        if path.parent == self.live:
            aside = segments.set_aside(path)
            index.remove(index.index_path(self.live, path.name))
            self.on_damage(f"The segment {path.name} is damaged; it was set aside as {aside}.")
        else:
            self.on_damage(
                f"The published segment {path} is damaged and was not read. "
                "Restore it with `dvc checkout --force data/store.dvc`, or `dvc pull`."
            )
