"""The store as its users see it: look answers up, write answers down."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhouse.core.errors import StillhouseError
from stillhouse.teachers.store import location, segments
from stillhouse.teachers.store.claims import Claims
from stillhouse.teachers.store.reuse import COLUMNS, serves
from stillhouse.teachers.store.sightings import Sightings, latest_time
from stillhouse.teachers.store.writer import Writer, require_writable

ANSWER = ["text", "reasoning", "finish_reason", "prompt_tokens", "completion_tokens"]
HEAD = [*COLUMNS, "created"]
GROUP_BYTES = 32 << 20
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
        """One row for each key, in order, with the columns ANSWER; nulls where there is no answer.

        Of several answers that serve, the one that arrived here first is taken, for good: what
        later runs, merges, packs, imports or pulls add never changes an answer already given.
        """
        latest: dict[str, int] = {}
        rows, seen = self._serving(self.paths, keys, max_tokens, latest)
        seen.see(latest)
        places = pc.index_in(keys, value_set=rows["key"])
        if len(pc.unique(places.drop_null())) < rows.num_rows:  # some answers are not the first
            order = ("arrived", "created", *ANSWER)
            rows = rows.sort_by([(column, "ascending") for column in order])
            places = pc.index_in(keys, value_set=rows["key"])
        return rows.select(ANSWER).take(places)

    def known(self, paths: Iterable[Path], keys: "pa.Array[Any]", max_tokens: int) -> set[bytes]:
        """The keys among `keys` that an answer in these segments serves."""
        listed = list(paths)
        rows, _ = self._serving(lambda: [p for p in listed if p.exists()], keys, max_tokens, {})
        return {key for key in rows["key"].to_pylist() if key is not None}

    def writer(self, *, max_tokens: int, model: str, backend: str) -> Writer:
        """A writer of answers that are asked under the limit `max_tokens`."""
        return Writer(self.live, max_tokens, model, backend)

    def require_writable(self) -> None:
        """Raise when answers could not be kept; to be called before any is paid for."""
        require_writable(self.live)

    def claims(self) -> Claims:
        """What this process is about to ask, and what others are."""
        return Claims(self.live)

    def _serving(
        self,
        listing: Callable[[], list[Path]],
        keys: "pa.Array[Any]",
        max_tokens: int,
        latest: dict[str, int],
    ) -> tuple[pa.Table, Sightings]:
        """The rows that serve, each with when it arrived; `latest` gets each segment's last time.

        What was seen is read behind the listing: a merged segment is noted before it is there.
        """
        for _ in range(LISTINGS):
            try:
                paths = listing()
                seen = Sightings.read(self.live)
                found = [
                    self._matches(group, keys, max_tokens, seen, latest)
                    for group in _grouped(paths)
                ]
                return segments.concatenated(found, segments.WITH_ARRIVAL.names), seen
            except FileNotFoundError:
                # Another process merged segments while we read: their rows are in a new one.
                continue
        raise StillhouseError(
            f"The segments under {self.live} change faster than they can be read. "
            "Run again when the other runs have finished."
        )

    def _matches(
        self,
        paths: list[Path],
        keys: "pa.Array[Any]",
        max_tokens: int,
        seen: Sightings,
        latest: dict[str, int],
    ) -> pa.Table:
        opened = {p.name: segment for p in paths if (segment := self._open(p)) is not None}
        heads = segments.concatenated((s.read(HEAD) for s in opened.values()), HEAD)
        mask = pc.and_(pc.is_in(heads["key"], value_set=keys), serves(heads, max_tokens))
        found, start = [], 0
        for name, segment in opened.items():
            size = segment.metadata.num_rows
            wanted = mask.slice(start, size)
            latest[name] = latest_time(heads["created"].slice(start, size))
            start += size
            # The texts are large, and most segments of a busy store hold none that are wanted.
            if pc.any(wanted).as_py():
                rows = segments.all_rows(segment).filter(wanted)
                found.append(
                    rows.append_column(segments.ARRIVED, seen.arrived(name, rows["created"]))
                )
        return segments.concatenated(found, segments.WITH_ARRIVAL.names)

    def _open(self, path: Path) -> pq.ParquetFile | None:
        try:
            return segments.open_segment(path)
        except segments.DamagedSegmentError:
            self._report_damage(path)
            return None

    def _report_damage(self, path: Path) -> None:
        if path in self._reported:
            return
        self._reported.add(path)
        if path.parent == self.live:
            aside = segments.set_aside(path)
            self.on_damage(f"The segment {path.name} is damaged; it was set aside as {aside}.")
        else:
            self.on_damage(
                f"The published segment {path} is damaged and was not read. "
                "Restore it with `dvc checkout --force data/store.dvc`, or `dvc pull`."
            )


def _grouped(paths: list[Path]) -> Iterator[list[Path]]:
    """Segments to be read together: many enough to be quick, few enough to fit in memory."""
    group: list[Path] = []
    size = 0
    for path in paths:
        group.append(path)
        size += path.stat().st_size
        if size > GROUP_BYTES:
            yield group
            group, size = [], 0
    yield group
