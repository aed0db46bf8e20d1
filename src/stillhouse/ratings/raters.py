"""Several raters' sheets: their ratings by rater and rating id, and what is wrong with them."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stillhouse.core.errors import StillhouseError
from stillhouse.ratings.key import Key
from stillhouse.ratings.sheet import (
    COMMENT,
    RATING,
    RATING_ID,
    REPLY,
    Cells,
    read_sheet,
)
from stillhouse.ratings.shown import fingerprint

RATER = "rater"
"""The column that may name the rater of each row."""
MOST_SHOWN = 100
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d{1,2})?")
"""Three digits behind a comma may be thousands: no rating."""


@dataclass(frozen=True)
class Scale:
    """What a rating may be: from `low` to `high`, whole numbers unless `fractions`."""

    low: float
    high: float
    fractions: bool = False

    def __post_init__(self) -> None:
        """Refuse a scale that no rating can be on."""
        ends = f"{self.low:g} {self.high:g}"
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise StillhouseError(f"`--scale {ends}` should go from the lowest rating up.")
        if not self.fractions and (self.low % 1 or self.high % 1):
            raise StillhouseError(f"`--scale {ends}` has fractions; give `--fractions`, too.")

    @property
    def width(self) -> float:
        """The widest gap between two ratings."""
        return self.high - self.low

    def read(self, cell: str) -> float | None:
        """The rating in a cell, with a comma or a point; None where it is none of this scale."""
        text = cell.strip().lstrip("'")
        if not _NUMBER.fullmatch(text):
            return None
        value = float(text.replace(",", "."))
        if not self.low <= value <= self.high or (value % 1 and not self.fractions):
            return None
        return value

    def __str__(self) -> str:
        """In words, as `a whole number from 1 to 5`."""
        return f"a {'' if self.fractions else 'whole '}number from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Rating:
    """One reply as one person rated it."""

    rater: str
    rating_id: str
    value: float
    comment: str


@dataclass
class Sheets:
    """What the raters' sheets hold."""

    ratings: list[Rating] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Where a rating is missing: sheet, row and rating id."""

    def by_rater(self) -> Mapping[str, Mapping[str, Rating]]:
        """The ratings of each rater by rating id, in the order of the raters' names."""
        found: dict[str, dict[str, Rating]] = {}
        for rating in sorted(self.ratings, key=lambda each: (each.rater, each.rating_id)):
            found.setdefault(rating.rater, {})[rating.rating_id] = rating
        return found


def read_sheets(options: Sequence[str], key: Key, scale: Scale) -> Sheets:
    """The sheets that `FILE` or `RATER=FILE` name; everything wrong in them is one error."""
    reader = _Reader(key, scale)
    for option in options:
        reader.read(*_named(option))
    _fail(reader.problems)
    return reader.found


def _named(option: str) -> tuple[str, Path]:
    """A sheet, and its rater: by `RATER=`, else by the file's name."""
    name, equals, file = option.partition("=")
    if equals and name.strip() and file and not Path(option).exists():
        return name.strip(), Path(file)
    return Path(option).stem, Path(option)


@dataclass
class _Reader:
    """Reads one sheet after the other, and notes what is wrong with them."""

    key: Key
    scale: Scale
    found: Sheets = field(default_factory=Sheets)
    problems: list[str] = field(default_factory=list)
    raters: dict[str, Path] = field(default_factory=dict)
    """The sheet of each rater, where sheets name none."""
    places: dict[tuple[str, str], str] = field(default_factory=dict)
    """Where each rater's row of each rating id stands."""

    def read(self, name: str, path: Path) -> None:
        """Read one sheet, of the rater `name` unless it has a column of raters."""
        try:
            rows = read_sheet(path)
        except StillhouseError as error:
            self.problems.append(str(error))
            return
        if not any(row.texts[RATING_ID].strip() in self.key.ratings for row in rows):
            self.problems.append(
                f"{path} is not of this key: it has none of its {len(self.key.ratings):,} rating "
                "ids. Give the `--key` of the export that the sheet is of."
            )
            return
        if RATER not in rows[0].texts:
            if name in self.raters:
                self.problems.append(
                    f"{self.raters[name]} and {path} are both of the rater {name!r}: write "
                    f"`RATER={path}`, or add a column `{RATER}`."
                )
                return
            self.raters[name] = path
        if not any(row.texts[RATING].strip() for row in rows):
            self.problems.append(f"{path} holds no rating: its column `{RATING}` is empty.")
            return
        for row in rows:
            self._read_row(name, path, row)

    def _read_row(self, name: str, path: Path, row: Cells) -> None:
        id_, cell = row.texts[RATING_ID].strip(), row.texts[RATING].strip()
        rater = row.texts.get(RATER, name).strip()
        value = self.scale.read(cell)
        wrong = list(self._wrong(rater, id_, row.texts.get(REPLY)))
        if cell and value is None:
            wrong.append(f"the rating is {cell!r:.40}, not {self.scale}")
        self.places.setdefault((rater, id_), f"{path}, row {row.number}")
        place = f"{path}, row {row.number} ({id_ or 'no rating id'})"
        if wrong:
            self.problems.append(f"{place}: {'; '.join(wrong)}.")
        elif value is None:
            self.found.missing.append(place)
        else:
            comment = row.texts.get(COMMENT, "").strip()
            self.found.ratings.append(Rating(rater, id_, value, comment))

    def _wrong(self, rater: str, id_: str, reply: str | None) -> Iterator[str]:
        if not rater:
            yield f"the column `{RATER}` is empty"
        if id_ not in self.key.ratings:
            yield f"the key has no rating id {id_!r}: the row is of another export, or edited"
        elif (rater, id_) in self.places:
            yield (
                f"{rater} has rated this reply before, in {self.places[rater, id_]}; keep one of "
                "the two"
            )
        elif reply is not None and fingerprint(reply) != self.key.ratings[id_].reply:
            yield (
                f"the reply is not the exported one but {reply!r:.60}; put that back, or remove "
                f"the column `{REPLY}`"
            )


def _fail(problems: Sequence[str]) -> None:
    if not problems:
        return
    lines = [f"  - {problem}" for problem in problems[:MOST_SHOWN]]
    if len(problems) > MOST_SHOWN:
        lines.append(f"  and {len(problems) - MOST_SHOWN:,} more")
    count = f"{len(problems):,} mistakes" if len(problems) > 1 else "A mistake"
    raise StillhouseError(f"{count} in the sheets:\n" + "\n".join(lines))
