"""Seeded order that depends on ids alone: stable under reordering, adding and removing rows."""

import hashlib
import math
from collections.abc import Iterable


def digest(*parts: object) -> int:
    """A 256-bit integer from the parts' text; equal parts give equal numbers on every machine."""
    joined = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(joined.encode()).digest(), "big")


def shuffled(ids: Iterable[str], *seed: object) -> list[str]:
    """The ids in a pseudo-random order that is a property of each id and the seed."""
    return sorted(ids, key=lambda id_: (digest(*seed, id_), id_))


def nested_subset(ids: Iterable[str], size: int, *seed: object) -> set[str]:
    """`size` of the ids, nested: with one seed a smaller subset lies inside every larger one."""
    return set(shuffled(ids, *seed)[:size])


def share_size(total: int, fraction: float) -> int:
    """How many of `total` rows a fraction takes: at least one when there are any."""
    return min(total, max(1, math.floor(total * fraction + 0.5))) if total else 0
