"""Text in columns, as wide as the terminal: nothing is cut, nothing ends in spaces."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells

WITHOUT_TERMINAL = 80
LEAST = 40
MOST_PROSE = 100
"""Columns beyond which sentences are hard to follow."""
LEAST_NAME = 12
GAP = 2


def terminal_width() -> int:
    """The terminal's columns; without one 80, or what COLUMNS says."""
    return max(LEAST, shutil.get_terminal_size((WITHOUT_TERMINAL, 24)).columns)


@dataclass(frozen=True)
class Column:
    """One column of figures, all right-justified."""

    heading: str
    cells: Sequence[str]
    needed: bool = True
    """Otherwise it is left out where the lines would be too long."""

    @property
    def width(self) -> int:
        """In cells of the terminal."""
        return max(map(cell_len, [self.heading, *self.cells]))


def whole_width(names: Column, columns: Sequence[Column]) -> int:
    """How wide a table is with all of its columns, nothing folded."""
    return names.width + sum(column.width + GAP for column in columns)


def table(names: Column, columns: Sequence[Column], width: int) -> list[str]:
    """Lines of a heading and of a row for each name, at most `width` wide.

    Columns that are not needed are taken in their order as long as they fit. Names are folded, at
    blanks if they can, where not even the needed ones fit beside them.
    """
    room = width - whole_width(names, [column for column in columns if column.needed])
    shown = []
    for column in columns:
        fits = column.width + GAP <= room
        if column.needed or fits:
            shown.append(column)
        if fits and not column.needed:
            room -= column.width + GAP
    first = min(names.width, max(LEAST_NAME, names.width + room))
    lines = [_line(names.heading, [(c.heading, c.width) for c in shown], first)]
    for row, name in enumerate(names.cells):
        folded = wrapped(name, first) or [""]
        lines.append(_line(folded[0], [(c.cells[row], c.width) for c in shown], first))
        lines += [f"  {rest}" for rest in folded[1:]]
    return lines


def _line(name: str, cells: Sequence[tuple[str, int]], first: int) -> str:
    padded = [" " * (width + GAP - cell_len(cell)) + cell for cell, width in cells]
    return (name + " " * (first - cell_len(name)) + "".join(padded)).rstrip()


def wrapped(text: str, width: int, indent: int = 0) -> list[str]:
    """The text in lines of at most `width`, broken at blanks; the second and further indented."""
    lines: list[str] = []
    line = ""
    for word in _words(text, max(1, width - indent)):
        longer = f"{line} {word}" if line.strip() else line + word
        if line.strip() and cell_len(longer) > width:
            lines.append(line)
            longer = " " * indent + word
        line = longer
    return [*lines, line] if line.strip() else lines


def _words(text: str, width: int) -> Iterator[str]:
    for word in text.split():
        yield from chop_cells(word, width) if cell_len(word) > width else [word]
