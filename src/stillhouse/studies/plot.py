"""A study's mean scores with their intervals as an SVG, which every browser and Git host shows."""

import math
from dataclasses import dataclass
from html import escape

from stillhouse.kinds.measures import Measure
from stillhouse.studies.colours import COLOURS
from stillhouse.studies.table import Results, on_scale

GROUP, LEFT, TOP, HEIGHT, LINE = 150, 60, 20, 260, 20
FOOT = 46


def svg(found: Results) -> str:
    """Points with 95% intervals, grouped by column; rings are published figures."""
    width = LEFT + GROUP * len(found.columns) + 20
    legend = TOP + HEIGHT + FOOT
    height = legend + LINE * len(found.rows)
    axis = _axis(found)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(found.title)}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for step in range(5):
        score = axis.low + (axis.high - axis.low) * step / 4
        y = axis.y(score)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{width - 20}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{axis.label(score)}</text>'
        )
    for place, column in enumerate(found.columns):
        where = f'x="{LEFT + GROUP * (place + 0.5):.1f}" y="{TOP + HEIGHT + 20}"'
        parts.append(f'<text {where} text-anchor="middle">{escape(column)}</text>')
    for place, row in enumerate(found.rows):
        colour = COLOURS[place % len(COLOURS)]
        y = legend + LINE * place
        parts.append(f'<circle cx="{LEFT}" cy="{y - 4}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{LEFT + 12}" y="{y}">{escape(row)}</text>')
        parts += _points(found, place, colour, axis)
    return "\n".join([*parts, "</svg>"]) + "\n"


@dataclass(frozen=True)
class _Axis:
    """The scores from the foot of the plot to its top, and how they are written."""

    low: float
    high: float
    measure: Measure

    def y(self, score: float) -> float:
        """Where a score lies."""
        return TOP + HEIGHT * (1 - (score - self.low) / (self.high - self.low))

    def label(self, score: float) -> str:
        """A score beside its line."""
        return f"{score:.0%}" if self.measure.points else self.measure.shown(score)


def _axis(found: Results) -> _Axis:
    """From the lowest score that there can be to the highest that is shown, rounded up.

    Of shares in steps of 20 points, of graded scores to the next of 1, 2, 5 and their tenths.
    """
    measure, scale = found.measure, found.measure.scale
    scores = [cell.side.score.high for cell in found.cells.values() if cell.side]
    scores += [on_scale(published, measure) for published in found.published_scores.values()]
    most = max(scores, default=scale.high)
    if not measure.graded:
        return _Axis(0.0, min(1.0, max(0.2, math.ceil(5 * most) / 5)), measure)
    reach = max(most - scale.low, scale.step)
    decade = 10.0 ** math.floor(math.log10(reach))
    top = next(decade * part for part in (1, 2, 5, 10) if decade * part >= reach)
    return _Axis(scale.low, min(scale.high, scale.low + top), measure)


def _points(found: Results, place: int, colour: str, axis: _Axis) -> list[str]:
    parts = []
    for number, column in enumerate(found.columns):
        titles = (found.rows[place], column)
        cell, published = found.cells.get(titles), found.published_scores.get(titles)
        x = LEFT + GROUP * (number + (place + 1) / (len(found.rows) + 1))
        if cell and cell.side:
            ends = cell.side.score
            low, mean, high = map(axis.y, (ends.low, ends.mean, ends.high))
            parts.append(f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="{colour}"/>')
            parts.append(f'<circle cx="{x:.1f}" cy="{mean:.1f}" r="4" fill="{colour}"/>')
        if published is not None:
            y = axis.y(on_scale(published, found.measure))
            ring = f'r="6" fill="none" stroke="{colour}"'
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" {ring}/>')
    return parts
