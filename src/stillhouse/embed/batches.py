"""Batches of fixed shapes, so that a query's vector depends on its text alone.

A matrix product of another shape may differ in the last bits. So every batch has the same number
of rows, and a query is padded to a width that follows from its own length: on one machine its
vector is the same bytes whichever other queries there are.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

ROWS = 16
WIDTH_STEP = 8


@dataclass(frozen=True)
class Batch:
    """Positions of at most ROWS queries that are all padded to `width` tokens."""

    positions: tuple[int, ...]
    width: int


def fixed_batches(lengths: Sequence[int], limit: int) -> list[Batch]:
    """Group queries by padded width, the widest first; `limit` is the most tokens of a query."""
    by_width: dict[int, list[int]] = defaultdict(list)
    for position, length in enumerate(lengths):
        by_width[min(limit, -(-length // WIDTH_STEP) * WIDTH_STEP)].append(position)
    return [
        Batch(tuple(positions[start : start + ROWS]), width)
        for width, positions in sorted(by_width.items(), reverse=True)
        for start in range(0, len(positions), ROWS)
    ]


def padded(tokens: Sequence[list[int]], batch: Batch, pad: int) -> tuple[list[list[int]], ...]:
    """Token ids and attention mask of a batch, both (ROWS, width); spare rows repeat the last."""
    rows = [tokens[position] for position in batch.positions]
    rows += rows[-1:] * (ROWS - len(rows))
    ids = [row + [pad] * (batch.width - len(row)) for row in rows]
    mask = [[1] * len(row) + [0] * (batch.width - len(row)) for row in rows]
    return ids, mask
