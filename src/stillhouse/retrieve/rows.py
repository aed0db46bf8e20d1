"""Who may be shown to whom: the rows that ask, the pool, and what is hidden from each row.

Labels are no part of a row here, so they cannot enter the choice of exemplars.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillhouse.core.errors import StillhouseError
from stillhouse.core.same_query import query_key
from stillhouse.core.tables import EXEMPLAR

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """Rows in order of id. Equal numbers mean the same query in `text`, the same group in
    `group`.
    """

    ids: tuple[str, ...]
    text: Integers
    group: Integers

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Sides:
    """`asking`: every row but the human exemplars. `pool`: train rows. `human`: human exemplars."""

    asking: Rows
    pool: Rows
    human: Rows


def split_sides(examples: Iterable[Mapping[str, Any]], *, exclude_same_group: bool) -> Sides:
    """Sort rows by id and number their queries and, when groups matter, their groups."""
    rows = sorted(examples, key=lambda row: row["id"])
    texts: dict[str, int] = {}
    groups: dict[str, int] = {}

    def side(members: list[Mapping[str, Any]], without_group: int) -> Rows:
        text = [texts.setdefault(query_key(row["query"]), len(texts)) for row in members]
        group = [
            without_group
            if row["group"] is None or not exclude_same_group
            else groups.setdefault(row["group"], len(groups))
            for row in members
        ]
        ids = tuple(row["id"] for row in members)
        return Rows(ids, np.array(text, dtype=np.int64), np.array(group, dtype=np.int64))

    # A row without a group asks with -1 and is offered with -2, so that it never matches.
    return Sides(
        asking=side([row for row in rows if row["split"] != EXEMPLAR], -1),
        pool=side([row for row in rows if row["split"] == "train"], -2),
        human=side([row for row in rows if row["split"] == EXEMPLAR], -2),
    )


def hidden(asking: Rows, which: Integers, pool: Rows, found: Integers) -> Flags:
    """Whether each pool position in `found` (rows, n) is hidden from the row in `which` (rows,).

    Hidden are the row itself, rows with the same query, and rows of its group.
    """
    same_text = pool.text[found] == asking.text[which, None]
    same_group = pool.group[found] == asking.group[which, None]
    return np.asarray(same_text | same_group)


def hidden_counts(
    asking: Rows, pool: Rows, asking_tags: Sequence[int], pool_tags: Sequence[int]
) -> Integers:
    """How many pool rows with a row's own tag are hidden from it, for each row that asks."""
    texts = Counter(zip(pool_tags, pool.text.tolist(), strict=True))
    groups = Counter(zip(pool_tags, pool.group.tolist(), strict=True))
    both = Counter(zip(pool_tags, pool.text.tolist(), pool.group.tolist(), strict=True))
    keys = zip(asking_tags, asking.text.tolist(), asking.group.tolist(), strict=True)
    counts = [texts[t, x] + groups[t, g] - both[t, x, g] for t, x, g in keys]
    return np.array(counts, dtype=np.int64)


def require_enough(asking: Rows, pool: Rows, k: int) -> None:
    """Fail, naming a row, when a row cannot be given `k` exemplars."""
    allowed = len(pool) - hidden_counts(asking, pool, [0] * len(asking), [0] * len(pool))
    short = np.flatnonzero(allowed < k)
    if short.size:
        row = int(short[np.argmin(allowed[short])])
        raise StillhouseError(
            f"`k` is {k}, but row {asking.ids[row]!r} can be given only {allowed[row]} exemplars "
            f"({short.size:,} rows are short): of the {len(pool):,} rows to choose from, "
            f"{len(pool) - allowed[row]:,} are the row itself, have its query or belong to its "
            "group. Lower `k`, raise `limit`, or set `exclude_same_group: false` in the dataset."
        )
