"""A study's accuracies with their intervals as an SVG, which every browser and Git host shows."""

import math
from html import escape

from stillhouse.studies.table import Results

# Okabe and Ito (2008): told apart without colour vision, too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
GROUP, LEFT, TOP, HEIGHT, LINE = 150, 60, 20, 260, 20
FOOT = 46


def svg(found: Results) -> str:
    """Points with 95% intervals, grouped by column; rings are published figures."""
    width = LEFT + GROUP * len(found.columns) + 20
    legend = TOP + HEIGHT + FOOT
    height = legend + LINE * len(found.rows)
    shares = [cell.accuracy.accuracy.high for cell in found.cells.values() if cell.accuracy]
    shares += [published / 100 for published in found.published.values()]
    # The highest share that is shown, in steps of 20 points.
    top = min(1.0, max(0.2, math.ceil(5 * max(shares, default=1.0)) / 5))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(found.title)}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for step in range(5):
        share = top * step / 4
        y = _y(share, top)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{width - 20}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    for place, column in enumerate(found.columns):
        where = f'x="{LEFT + GROUP * (place + 0.5):.1f}" y="{TOP + HEIGHT + 20}"'
        parts.append(f'<text {where} text-anchor="middle">{escape(column)}</text>')
    for place, row in enumerate(found.rows):
        colour = COLOURS[place % len(COLOURS)]
        y = legend + LINE * place
        parts.append(f'<circle cx="{LEFT}" cy="{y - 4}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{LEFT + 12}" y="{y}">{escape(row)}</text>')
        parts += _points(found, place, colour, top)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _points(found: Results, place: int, colour: str, top: float) -> list[str]:
    parts = []
    for number, column in enumerate(found.columns):
        titles = (found.rows[place], column)
        cell, published = found.cells.get(titles), found.published.get(titles)
        x = LEFT + GROUP * (number + (place + 1) / (len(found.rows) + 1))
        if cell and cell.accuracy:
            ends = cell.accuracy.accuracy
            low, mean, high = (_y(share, top) for share in (ends.low, ends.mean, ends.high))
            parts.append(f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="{colour}"/>')
            parts.append(f'<circle cx="{x:.1f}" cy="{mean:.1f}" r="4" fill="{colour}"/>')
        if published is not None:
            y = _y(published / 100, top)
            ring = f'r="6" fill="none" stroke="{colour}"'
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" {ring}/>')
    return parts


def _y(share: float, top: float) -> float:
    """Where a share lies; `top` is the highest that is shown."""
    return TOP + HEIGHT * (1 - share / top)
