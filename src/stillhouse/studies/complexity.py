"""How complex each column's test questions are, against how far a row is behind the reference.

As Table 7 of the frontier paper explains its Table 6: the more steps a question takes, the less of
a teacher's reasoning is left in a student that learnt its labels alone.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape

from stillhouse.core import paths
from stillhouse.experiments.git import read_text
from stillhouse.studies.colours import COLOURS

WIDTH, HEIGHT, LEFT, TOP, LINE, FOOT = 460, 240, 60, 20, 20, 60


@dataclass(frozen=True)
class Complexity:
    """What a judge said of one dataset's test questions."""

    mean: float
    median: float


@dataclass(frozen=True)
class Point:
    """A row's score minus the reference's in one column, in points or on the measure's scale."""

    row: str
    column: str
    complexity: Complexity
    gap: float
    low: float
    high: float


@cache  # what a commit holds never changes
def complexity_of(commit: str) -> Complexity | None:
    """What the stage `complexity` measured in a commit, if it did."""
    text = read_text(commit, paths.COMPLEXITY_METRICS)
    found = json.loads(text) if text else {}
    return Complexity(found["mean"], found["median"]) if "mean" in found else None


def complexity_svg(title: str, points: Sequence[Point]) -> str:
    """A point for each row and column: complexity to the right, the gap upwards, with intervals."""
    rows = list(dict.fromkeys(point.row for point in points))
    means = [point.complexity.mean for point in points]
    ends = [end for point in points for end in (point.low, point.high)]
    left, right = min(means) - 0.25, max(means) + 0.25
    low, high = min(0.0, *ends), max(0.0, *ends)
    room = (high - low) * 0.05 or 1.0
    low, high = low - room, high + room

    def x(mean: float) -> float:
        return LEFT + (WIDTH - LEFT - 20) * (mean - left) / (right - left)

    def y(gap: float) -> float:
        return TOP + HEIGHT * (high - gap) / (high - low)

    height = TOP + HEIGHT + FOOT + LINE * len(rows)
    foot = TOP + HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        f'<path d="M{LEFT} {y(0):.1f}H{WIDTH - 20}" stroke="#999"/>',
        f'<path d="M{LEFT} {foot}H{WIDTH - 20}" stroke="#ddd"/>',
        f'<text x="{LEFT - 6}" y="{y(0) + 4:.1f}" text-anchor="end">0</text>',
        f'<text x="{(LEFT + WIDTH) / 2:.0f}" y="{foot + 36}" text-anchor="middle">'
        "Complexity of the test questions, mean</text>",
        f'<text x="{LEFT}" y="{TOP - 6}">Gap to the reference</text>',
    ]
    for mean, column in sorted({(point.complexity.mean, point.column) for point in points}):
        parts.append(
            f'<text x="{x(mean):.1f}" y="{foot + 16}" text-anchor="middle">'
            f"{escape(column)} {mean:.2f}</text>"
        )
    for place, row in enumerate(rows):
        colour, line = COLOURS[place % len(COLOURS)], foot + FOOT + LINE * place
        parts.append(f'<circle cx="{LEFT}" cy="{line - 4}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{LEFT + 12}" y="{line}">{escape(row)}</text>')
        for point in (each for each in points if each.row == row):
            where = x(point.complexity.mean)
            ends_ = f"M{where:.1f} {y(point.low):.1f}V{y(point.high):.1f}"
            parts.append(f'<path d="{ends_}" stroke="{colour}"/>')
            parts.append(
                f'<circle cx="{where:.1f}" cy="{y(point.gap):.1f}" r="4" fill="{colour}"/>'
            )
    return "\n".join([*parts, "</svg>"]) + "\n"


def complexity_lines(points: Iterable[Point]) -> list[list[str]]:
    """A line for each column, in order of complexity: its mean and median."""
    found = {point.column: point.complexity for point in points}
    ordered = sorted(found.items(), key=lambda item: (item[1].mean, item[0]))
    return [[column, f"{each.mean:.2f}", f"{each.median:g}"] for column, each in ordered]
